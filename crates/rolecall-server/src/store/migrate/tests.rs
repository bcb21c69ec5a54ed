use std::str::FromStr as _;

use sqlx::{PgConnection, SqliteConnection};

use super::*;
use crate::store::{Store, testing::postgres};

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
const VERSION: &str = "SELECT CAST(MAX(version) AS BIGINT) FROM rolecall_migrations";
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

/// Opens the database as four nodes do that start at the same time.
async fn open_at_once(url: &str) {
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let url = url.to_owned();
            tokio::spawn(async move { crate::store::Store::open(&url).await.map(drop) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
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

async fn postgres_by(
    options: &PgConnectOptions,
    schema: Option<&SchemaName>,
    steps: &'static [Step],
) -> Result<(), OpenError> {
    let conn = connect(options, schema, CONNECT_TIMEOUT).await?;
    postgres_on(conn, options, schema, steps).await
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
    postgres_by(&options, None, BEFORE).await.unwrap();
    let mut conn = PgConnection::connect_with(&options).await.unwrap();
    sqlx::query(ROLE).execute(&mut conn).await.unwrap();
    assert!(postgres_by(&options, None, BROKEN).await.is_err());
    assert!(sqlx::query(COLOUR).fetch_all(&mut conn).await.is_err());
    // the lock was released, and the version before still works
    postgres_by(&options, None, BEFORE).await.unwrap();
    postgres_by(&options, None, GOOD).await.unwrap();
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
    let refused = postgres_by(&options, None, BEFORE).await.unwrap_err();
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
            open_at_once(&url).await;
            let state = inspect(&url, None).await.unwrap();
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

/// Creates the database of an older release: its migrations are in the table that sqlx names by default.
fn older_release() -> Migrator {
    let mut older = migrator(&MIGRATIONS[..12]);
    older.dangerous_set_table_name("_sqlx_migrations");
    older
}

/// The migrations of an application, which has numbered or dated them.
fn of_an_application() -> Migrator {
    migrations_of_an_application(&[
        (1, "notes", "CREATE TABLE notes (id BIGINT PRIMARY KEY)"),
        (
            20_240_101_000_000,
            "tags",
            "CREATE TABLE tags (id BIGINT PRIMARY KEY)",
        ),
    ])
}

fn migrations_of_an_application(steps: &'static [Step]) -> Migrator {
    let mut migrator = migrator(steps);
    migrator.dangerous_set_table_name("_sqlx_migrations");
    migrator
}

/// The databases of a test: a new file, and a new database on PostgreSQL if that is installed.
async fn new_databases(folder: &tempfile::TempDir, name: &str) -> Vec<String> {
    let path = folder.path().join(format!("{name}.db"));
    let mut urls = vec![format!("sqlite:{}", path.display())];
    if postgres_database(name).await.is_some() {
        urls.extend(postgres::url(name));
    }
    urls
}

/// A connection of something else than rolecall.
enum Other {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Other {
    async fn open(url: &str) -> Self {
        if let Some(path) = file::sqlite_path(url) {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true);
            let conn = SqliteConnection::connect_with(&options).await;
            return Self::Sqlite(conn.unwrap());
        }
        Self::Postgres(PgConnection::connect(url).await.unwrap())
    }

    async fn migrate(&mut self, migrator: &Migrator) {
        match self {
            Self::Sqlite(conn) => migrator.run_direct(None, conn, false).await,
            Self::Postgres(conn) => migrator.run_direct(None, conn, false).await,
        }
        .unwrap();
    }

    async fn run(&mut self, sql: &'static str) {
        match self {
            Self::Sqlite(conn) => conn.execute(sql).await.map(drop),
            Self::Postgres(conn) => conn.execute(sql).await.map(drop),
        }
        .unwrap();
    }

    async fn number(&mut self, sql: &'static str) -> i64 {
        match self {
            Self::Sqlite(conn) => sqlx::query_scalar(sql).fetch_one(conn).await,
            Self::Postgres(conn) => sqlx::query_scalar(sql).fetch_one(conn).await,
        }
        .unwrap()
    }

    async fn has(&mut self, table: &'static str) -> bool {
        const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table'";
        const TABLES_OF_POSTGRES: &str = "SELECT CAST(relname AS TEXT) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let tables: Vec<String> = match self {
            Self::Sqlite(conn) => sqlx::query_scalar(TABLES).fetch_all(conn).await,
            Self::Postgres(conn) => sqlx::query_scalar(TABLES_OF_POSTGRES).fetch_all(conn).await,
        }
        .unwrap();
        tables.iter().any(|name| name == table)
    }

    async fn close(self) {
        match self {
            Self::Sqlite(conn) => conn.close().await,
            Self::Postgres(conn) => conn.close().await,
        }
        .unwrap();
    }
}

const COUNT_OWN: &str = "SELECT COUNT(*) FROM rolecall_migrations";
const COUNT_OLD: &str = "SELECT COUNT(*) FROM _sqlx_migrations";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y122_a_database_of_an_older_release_is_taken_over_by_nodes_that_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for url in new_databases(&folder, "older_release").await {
        let mut other = Other::open(&url).await;
        other.migrate(&older_release()).await;
        other.run(ROLE).await;
        other.close().await;
        let state = inspect(&url, None).await.unwrap();
        assert_eq!(state.found, 12, "{url}");
        open_at_once(&url).await;
        let state = inspect(&url, None).await.unwrap();
        assert_eq!(state.found, newest(MIGRATIONS), "{url}");
        let mut other = Other::open(&url).await;
        assert_eq!(other.number(ROLES).await, 1, "{url}");
        let applied = i64::try_from(MIGRATIONS.len()).unwrap();
        assert_eq!(other.number(COUNT_OWN).await, applied, "{url}");
        assert!(!other.has("_sqlx_migrations").await, "{url}");
    }
}

#[tokio::test]
async fn y122_an_application_can_have_sqlx_migrations_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    // before rolecall, after it, and mixed into the table of an older release
    for name in ["before", "after", "mixed"] {
        for url in new_databases(&folder, &format!("application_{name}")).await {
            let mut other = Other::open(&url).await;
            if name == "before" {
                other.migrate(&of_an_application()).await;
            } else if name == "mixed" {
                other.migrate(&older_release()).await;
                other
                    .run("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                        SELECT 20240101000000, 'tags', success, 'x', 0 FROM _sqlx_migrations WHERE version = 1".replace("'x'", if file::sqlite_path(&url).is_some() { "x'00'" } else { "'\\x00'" }).leak())
                    .await;
            }
            for _ in 0..2 {
                crate::store::Store::open(&url).await.unwrap().close().await;
            }
            if name == "mixed" {
                assert_eq!(other.number(COUNT_OLD).await, 1, "{url}");
            } else {
                other.migrate(&of_an_application()).await;
                assert_eq!(other.number(COUNT_OLD).await, 2, "{url}");
                assert!(other.has("tags").await, "{url}");
            }
            let applied = i64::try_from(MIGRATIONS.len()).unwrap();
            assert_eq!(other.number(COUNT_OWN).await, applied, "{url}");
        }
    }
}

#[tokio::test]
async fn y122_a_migration_that_is_missing_below_others_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let without: Vec<Step> = (MIGRATIONS.iter().copied())
        .filter(|(version, ..)| *version != 14)
        .collect();
    let without = migrator(without.leak());
    for url in new_databases(&folder, "gap").await {
        let mut other = Other::open(&url).await;
        other.migrate(&without).await;
        other.close().await;
        let state = inspect(&url, None).await.unwrap();
        assert_eq!(
            (state.found, state.known),
            (13, newest(MIGRATIONS)),
            "{url}"
        );
        crate::store::Store::open(&url).await.unwrap().close().await;
        let state = inspect(&url, None).await.unwrap();
        assert_eq!(state.found, newest(MIGRATIONS), "{url}");
    }
}

#[tokio::test]
async fn y123_a_database_of_something_else_is_refused_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (
            "table",
            "CREATE TABLE users (id BIGINT PRIMARY KEY)",
            "a table `users`",
        ),
        (
            "view",
            "CREATE VIEW roles AS SELECT 1 AS id",
            "a view `roles`",
        ),
        (
            "index",
            "CREATE TABLE notes (id BIGINT); CREATE INDEX sessions_by_use ON notes (id)",
            "an index `sessions_by_use`",
        ),
    ];
    for (name, sql, object) in cases {
        for url in new_databases(&folder, &format!("occupied_by_{name}")).await {
            let mut other = Other::open(&url).await;
            other.run(sql).await;
            other.close().await;
            let content = file::sqlite_path(&url).map(|path| std::fs::read(path).unwrap());
            let refused = crate::store::Store::open(&url).await.err().unwrap();
            let inspected = inspect(&url, None).await.unwrap_err();
            assert_eq!(refused.to_string(), inspected.to_string());
            let text = refused.to_string();
            assert!(text.contains(object), "{text}");
            assert!(text.contains(&format!("occupied_by_{name}")), "{text}");
            assert!(text.contains("database.schema"), "{text}");
            if let Some(path) = file::sqlite_path(&url) {
                assert_eq!(std::fs::read(&path).unwrap(), content.unwrap());
                for suffix in [".lock", ".in-use", "-wal", "-shm"] {
                    assert!(!file::beside(&path, suffix).exists(), "{suffix}");
                }
            }
            let mut other = Other::open(&url).await;
            assert!(!other.has("rolecall_migrations").await, "{url}");
            assert!(!other.has("head").await, "{url}");
        }
    }
}

#[tokio::test]
async fn y123_names_of_sqlite_do_not_differ_by_case_and_names_of_types_count_in_postgresql() {
    let folder = tempfile::tempdir().unwrap();
    let urls = new_databases(&folder, "cases_of_names").await;
    let refused = async |url: &str| {
        let opened = crate::store::Store::open(url).await;
        opened.err().map(|error| error.to_string())
    };
    let mut other = Other::open(&urls[0]).await;
    other.run("CREATE TABLE \"Users\" (id BIGINT)").await;
    other.close().await;
    let text = refused(&urls[0]).await.unwrap();
    assert!(text.contains("a table `Users`"), "{text}");
    let Some(url) = urls.get(1) else { return };
    let mut other = Other::open(url).await;
    other
        .run("CREATE TABLE \"Users\" (id BIGINT); CREATE TYPE sessions AS ENUM ('a')")
        .await;
    let text = refused(url).await.unwrap();
    assert!(
        text.contains("a type `sessions`") && !text.contains("Users"),
        "{text}"
    );
    other.run("DROP TYPE sessions").await;
    assert_eq!(refused(url).await, None);
}

#[tokio::test]
async fn y123_a_later_version_is_refused_if_an_application_has_its_tables() {
    const LATER: &[Step] = &[FIRST, (2, "notes", "CREATE TABLE notes (id BIGINT)")];
    let folder = tempfile::tempdir().unwrap();
    let (pool, path) = sqlite_file(&folder).await;
    sqlite_by(&pool, &path, BEFORE).await.unwrap();
    pool.execute("CREATE TABLE notes (id BIGINT)")
        .await
        .unwrap();
    let refused = sqlite_by(&pool, &path, LATER).await.unwrap_err();
    assert!(matches!(refused, OpenError::Occupied { .. }), "{refused}");
    // the version before still works
    sqlite_by(&pool, &path, BEFORE).await.unwrap();
}

#[tokio::test]
async fn y304_tables_of_a_later_version_are_not_said_to_be_an_applications() {
    const LATER: &[Step] = &[
        FIRST,
        (
            2,
            "notes",
            "CREATE TABLE notes (id BIGINT); CREATE INDEX notes_by_id ON notes (id);",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (pool, path) = sqlite_file(&folder).await;
    sqlite_by(&pool, &path, LATER).await.unwrap();
    // as after a dump of the version before that was restored over its tables
    pool.execute("DELETE FROM rolecall_migrations WHERE version = 2")
        .await
        .unwrap();
    let refused = sqlite_by(&pool, &path, LATER).await.unwrap_err();
    assert!(matches!(refused, OpenError::Mixture { .. }), "{refused}");
    let text = refused.to_string();
    assert!(
        text.contains("a table `notes`") && text.contains("empty database"),
        "{text}"
    );
    // without the index it may be anybody's
    pool.execute("DROP INDEX notes_by_id").await.unwrap();
    let refused = sqlite_by(&pool, &path, LATER).await.unwrap_err();
    assert!(matches!(refused, OpenError::Occupied { .. }), "{refused}");
}

#[tokio::test]
async fn y123_every_name_that_the_migrations_create_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (pool, path) = sqlite_file(&folder).await;
    sqlite(&pool, &path).await.unwrap();
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let migrator = migrator(MIGRATIONS);
    let known = found::missing_names(&migrator, &[]);
    assert!(names.len() > 40, "{names:?}");
    for name in names.iter().filter(|name| *name != found::TABLE) {
        assert!(known.contains(name.as_str()), "{name}");
    }
}

async fn open_in(url: &str, schema: Option<&SchemaName>) -> Result<crate::store::Store, OpenError> {
    let target = crate::store::Target {
        url,
        schema,
        opening: crate::store::Opening::Create,
    };
    crate::store::Store::open_with(target, crate::store::Tuning::default()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y123_a_schema_keeps_rolecall_apart_from_an_application() {
    let Some(options) = postgres_database("with_schema").await else {
        return;
    };
    let mut app = PgConnection::connect_with(&options).await.unwrap();
    app.execute("CREATE TABLE users (id INT); INSERT INTO users VALUES (7)")
        .await
        .unwrap();
    let url = postgres::url("with_schema").unwrap();
    let schema: SchemaName = "rolecall".parse().unwrap();
    // both may be created while several nodes start
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let (url, schema) = (url.clone(), schema.clone());
            tokio::spawn(async move { open_in(&url, Some(&schema)).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap().close().await;
    }
    let state = inspect(&url, Some(&schema)).await.unwrap();
    assert_eq!(state.found, newest(MIGRATIONS));
    let count = async |conn: &mut PgConnection, sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(conn).await.unwrap()
    };
    assert_eq!(count(&mut app, "SELECT COUNT(*) FROM users").await, 1);
    assert_eq!(
        count(&mut app, "SELECT COUNT(*) FROM rolecall.users").await,
        0
    );
    let others =
        "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'users'";
    assert_eq!(count(&mut app, others).await, 0);
    // without the schema, the tables of the application are in the way
    assert!(matches!(
        inspect(&url, None).await,
        Err(OpenError::Occupied { .. })
    ));
}

#[tokio::test]
async fn y123_a_schema_that_exists_needs_no_permission_to_create_one() {
    let Some(options) = postgres_database("with_given_schema").await else {
        return;
    };
    let mut admin = PgConnection::connect_with(&options).await.unwrap();
    admin
        .execute("CREATE ROLE tenant LOGIN; CREATE SCHEMA given AUTHORIZATION tenant; REVOKE ALL ON SCHEMA public FROM PUBLIC")
        .await
        .unwrap();
    let url = postgres::url("with_given_schema").unwrap();
    let url = url.replace("postgres@", "tenant@");
    let open = async |schema: Option<&str>| {
        let schema: Option<SchemaName> = schema.map(|name| name.parse().unwrap());
        let opened = open_in(&url, schema.as_ref()).await;
        opened.map(drop).map_err(|error| error.to_string())
    };
    open(Some("given")).await.unwrap();
    for schema in [None, Some("another")] {
        let refused = open(schema).await.unwrap_err();
        assert!(
            refused.contains("permission denied")
                || refused.contains("no schema has been selected"),
            "{refused}"
        );
        assert!(refused.contains("`with_given_schema` on"), "{refused}");
    }
}

/// A server that accepts connections and never answers, as one behind a broken load balancer.
#[tokio::test]
async fn y167_a_silent_server_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@{}/none", listener.local_addr().unwrap());
    let inspected = tokio::time::timeout(Duration::from_mins(1), inspect(&url, None)).await;
    let refused = inspected.expect("it waits for ever").unwrap_err();
    assert!(refused.to_string().contains("127.0.0.1"), "{refused}");
    let migrated = Store::open(&url);
    let migrated = tokio::time::timeout(Duration::from_mins(1), migrated).await;
    assert!(migrated.expect("it waits for ever").is_err());
    let denied = tokio::time::timeout(Duration::from_mins(1), find_denied(&url, None)).await;
    assert!(denied.expect("it waits for ever").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y243_a_database_that_does_not_store_every_character_gets_no_tables() {
    let Some(options) = postgres_database("y243").await else {
        return;
    };
    let mut admin = PgConnection::connect_with(&options).await.unwrap();
    let create = "CREATE DATABASE test_y243_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    admin.execute(create).await.unwrap();
    let latin = options.clone().database("test_y243_latin");
    let refused = super::postgres(&latin, None, CONNECT_TIMEOUT)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("LATIN1") && refused.contains("ENCODING 'UTF8'"),
        "{refused}"
    );
    let mut conn = PgConnection::connect_with(&latin).await.unwrap();
    let tables: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'")
            .fetch_one(&mut conn)
            .await
            .unwrap();
    assert_eq!(tables, 0);
    super::postgres(&options, None, CONNECT_TIMEOUT)
        .await
        .unwrap();
}

/// Writes a file of which a process was killed while it wrote: part of a transaction is in the file, and the pages of
/// before are in a journal beside it.
async fn leave_half_a_transaction(path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    let options = SqliteConnectOptions::new()
        .filename(&other)
        .create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    let fill = "CREATE TABLE notes (text TEXT); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
        INSERT INTO notes SELECT hex(zeroblob(200)) FROM n; PRAGMA cache_size = 5; \
        BEGIN IMMEDIATE; UPDATE notes SET text = 'lost'";
    conn.execute(fill).await.unwrap();
    for suffix in ["", "-journal"] {
        let (from, to) = (file::beside(&other, suffix), file::beside(path, suffix));
        std::fs::copy(from, to).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y244_a_file_of_which_a_writer_was_killed_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rolecall.db");
    leave_half_a_transaction(&path).await;
    let url = format!("sqlite:{}", path.display());
    assert_eq!(inspect(&url, None).await.unwrap().found, 0);
    leave_half_a_transaction(&path).await;
    drop(crate::Embedded::open(&url).await.unwrap());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let lost: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM notes WHERE text = 'lost'")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert_eq!(lost, 0);
}

/// Fails where a statement may take only so long.
const UNLIMITED: &[Step] = &[(
    1,
    "takes long",
    "CREATE TABLE roles (name TEXT); DO $$ BEGIN \
        IF current_setting('statement_timeout') <> '0' OR current_setting('lock_timeout') <> '0' THEN \
            RAISE EXCEPTION 'limited'; END IF; END $$",
)];

#[tokio::test]
async fn y249_a_time_limit_of_the_database_stops_no_migration() {
    let Some(options) = postgres_database("y249").await else {
        return;
    };
    let mut admin = PgConnection::connect_with(&options).await.unwrap();
    for setting in ["statement_timeout = '20s'", "lock_timeout = '20s'"] {
        let set = sqlx::AssertSqlSafe(format!("ALTER DATABASE y249 SET {setting}"));
        sqlx::query(set).execute(&mut admin).await.unwrap();
    }
    postgres_by(&options, None, UNLIMITED).await.unwrap();
}
