use std::str::FromStr as _;

use sqlx::{PgConnection, SqliteConnection};

use super::*;
use crate::store::testing::postgres;

const FIRST: Step = MIGRATIONS[0];
/// The schema of the version before.
const BEFORE: &[Step] = &[FIRST];
const GOOD: &[Step] = &[
    FIRST,
    (2, "good", "ALTER TABLE roles ADD COLUMN colour TEXT"),
];
/// Its first statement succeeds, its second fails.
const BROKEN: &[Step] = &[
    FIRST,
    (
        2,
        "broken",
        "ALTER TABLE roles ADD COLUMN colour TEXT; INSERT INTO nowhere (id) VALUES (1);",
    ),
];
const ROLE: &str =
    "INSERT INTO roles (name, description, created_at, updated_at) VALUES ('editor', '', 0, 0)";
const COLOUR: &str = "SELECT colour FROM roles";
const VERSION: &str = "SELECT CAST(MAX(version) AS BIGINT) FROM _sqlx_migrations";
const ROLES: &str = "SELECT COUNT(*) FROM roles";

async fn sqlite_file(folder: &tempfile::TempDir) -> (SqlitePool, std::path::PathBuf) {
    let path = folder.path().join("rolecall.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    (SqlitePool::connect_with(options).await.unwrap(), path)
}

/// Returns the schema version of a copy and the number of its roles.
async fn version_and_roles(copy: &Path) -> (i64, i64) {
    let url = format!("sqlite:{}", copy.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let version = sqlx::query_scalar(VERSION).fetch_one(&mut conn).await;
    let roles = sqlx::query_scalar(ROLES).fetch_one(&mut conn).await;
    (version.unwrap(), roles.unwrap())
}

#[tokio::test]
async fn x086_a_migration_that_breaks_off_changes_nothing_in_sqlite_and_leaves_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, path) = sqlite_file(&folder).await;
    sqlite_by(&pool, &path, BEFORE).await.unwrap();
    sqlx::query(ROLE).execute(&pool).await.unwrap();
    // files that an earlier start left when it was killed
    let copy = file::beside(&path, ".before-schema-2");
    std::fs::write(&copy, "").unwrap();
    std::fs::write(file::beside(&copy, ".partial"), "half of one").unwrap();
    assert!(sqlite_by(&pool, &path, BROKEN).await.is_err());
    assert!(sqlx::query(COLOUR).fetch_all(&pool).await.is_err());
    assert_eq!(version_and_roles(&copy).await, (1, 1));
    // the version before still works, and the copy of the next attempt holds what it writes
    sqlite_by(&pool, &path, BEFORE).await.unwrap();
    sqlx::query("DELETE FROM roles")
        .execute(&pool)
        .await
        .unwrap();
    sqlite_by(&pool, &path, GOOD).await.unwrap();
    assert_eq!(version_and_roles(&copy).await, (1, 0));
    assert_eq!(version_and_roles(&path).await, (2, 0));
    sqlx::query(COLOUR).fetch_all(&pool).await.unwrap();
    // now the version before is too old
    let refused = sqlite_by(&pool, &path, BEFORE).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1 }));
}

/// Creates an empty PostgreSQL database.
async fn postgres_database(name: &str) -> Option<PgConnectOptions> {
    let mut admin = PgConnection::connect(&postgres::url("postgres")?)
        .await
        .unwrap();
    let create = format!("CREATE DATABASE {name}");
    let create = sqlx::AssertSqlSafe(create);
    sqlx::query(create).execute(&mut admin).await.unwrap();
    Some(PgConnectOptions::from_str(&postgres::url(name)?).unwrap())
}

#[tokio::test]
async fn x086_a_migration_that_breaks_off_changes_nothing_in_postgresql() {
    let Some(options) = postgres_database("breaks_off").await else {
        return;
    };
    postgres_by(&options, BEFORE).await.unwrap();
    let mut conn = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query(ROLE).execute(&mut conn).await.unwrap();
    assert!(postgres_by(&options, BROKEN).await.is_err());
    assert!(sqlx::query(COLOUR).fetch_all(&mut conn).await.is_err());
    // the lock was released, and the version before still works
    postgres_by(&options, BEFORE).await.unwrap();
    postgres_by(&options, GOOD).await.unwrap();
    let version: i64 = sqlx::query_scalar(VERSION)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    let roles: i64 = sqlx::query_scalar(ROLES)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!((version, roles), (2, 1));
    sqlx::query(COLOUR).fetch_all(&mut conn).await.unwrap();
    let refused = postgres_by(&options, BEFORE).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 2, known: 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_nodes_can_start_at_once_on_an_empty_database() {
    for round in 0..25 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rolecall.db");
        let mut urls = vec![format!("sqlite:{}", path.display())];
        let name = format!("at_once_{round}");
        if round < 5 && postgres_database(&name).await.is_some() {
            urls.extend(postgres::url(&name));
        }
        for url in urls {
            let starts: Vec<_> = (0..4)
                .map(|_| {
                    let url = url.clone();
                    tokio::spawn(async move { crate::store::Store::open(&url).await.map(drop) })
                })
                .collect();
            for start in starts {
                start.await.unwrap().unwrap();
            }
            let state = read_version(&url).await.unwrap();
            assert_eq!(
                (state.found, state.known),
                (newest(MIGRATIONS), newest(MIGRATIONS))
            );
        }
    }
}

#[tokio::test]
async fn keys_of_an_older_schema_are_kept_and_only_the_newest_signs() {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    migrator(&MIGRATIONS[..3]).run(&pool).await.unwrap();
    let run = async |sql: &'static str| sqlx::query(sql).execute(&pool).await.map(drop);
    run("INSERT INTO signing_keys (kid, algorithm, sealed, created_at, active_from, retired_at) VALUES \
        ('first', 'HS256', 's', 1, 1, 2), ('old', 'ES256', 's', 5, 5, NULL), ('new', 'ES256', 's', 7, 7, NULL), \
        ('other', 'HS256', 's', 6, 6, NULL)")
        .await
        .unwrap();
    migrator(MIGRATIONS).run(&pool).await.unwrap();
    let found: Vec<(String, String, Option<i64>)> =
        sqlx::query_as("SELECT kid, state, ends_at FROM signing_keys ORDER BY kid")
            .fetch_all(&pool)
            .await
            .unwrap();
    let key = |kid: &str, state: &str, ends| (kid.to_owned(), state.to_owned(), ends);
    assert_eq!(
        found,
        [
            key("first", "retired", None),
            key("new", "active", None),
            key("old", "retiring", Some(90_000_000_007)),
            // secrets and key pairs are never in one set
            key("other", "retired", None),
        ]
    );
    // two keys never sign at once, whatever a node believes
    let second = run("UPDATE signing_keys SET state = 'active' WHERE kid = 'old'").await;
    assert!(second.is_err());
}
