//! Databases for tests.

#[path = "../../tests/it/support/postgres.rs"]
pub(crate) mod postgres;

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
