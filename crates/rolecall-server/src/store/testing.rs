//! Databases for tests.

#[path = "../../tests/it/support/postgres.rs"]
pub(crate) mod postgres;

use super::{conn::Conn, error::StoreError, open::Store, pools::Lane, query::query};

/// Creates a database on the PostgreSQL server of the tests and returns its URL; `None` if there is no PostgreSQL.
pub(crate) async fn postgres_database(name: &str) -> Option<String> {
    use sqlx::Connection as _;
    let mut admin = sqlx::PgConnection::connect(&postgres::url("postgres")?)
        .await
        .unwrap();
    // PostgreSQL cuts longer names
    let name: String = format!("test_{name}").chars().take(60).collect();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut admin).await.unwrap();
    postgres::url(&name)
}

/// Adds the row of the newest revision to a store that was only opened: the first start of a node makes it.
pub(super) async fn insert_head(store: &Store) {
    const HEAD: &str = "INSERT INTO head (id, revision, policy_revision, keys_revision, era, longest_ttl_seconds, \
        master_key_fingerprint) VALUES (1, 0, 0, 0, 'era', 0, '')";
    // all connections for changes are open already, where a database gives no more
    let inserted = store.write_on(Lane::Changes, async |conn: &mut Conn| {
        query(HEAD).execute(conn).await?;
        Ok::<_, StoreError>(())
    });
    inserted.await.unwrap();
}
