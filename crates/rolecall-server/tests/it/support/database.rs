//! A database for one test, which the test can query and change without the server.

use std::{
    io::Write as _,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use rolecall_server::Store;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, SqlitePool};
use tokio::sync::OnceCell;

use super::postgres;

/// A fresh database, deleted with the test.
pub(crate) struct Database {
    pub(crate) url: String,
    pool: Pool,
    _folder: Option<tempfile::TempDir>,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

const TEMPLATE: &str = "rolecall_template";
/// The beginning of the names of databases for one test.
const PREFIX: &str = "test_";

impl Database {
    /// A file in a temporary folder.
    pub(crate) fn sqlite() -> Self {
        Self::sqlite_in(tempfile::tempdir().unwrap())
    }

    /// A file in a folder of the test.
    pub(crate) fn sqlite_in(folder: tempfile::TempDir) -> Self {
        let path = folder.path().join("rolecall.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(10));
        Self {
            url: format!("sqlite:{}", path.display()),
            pool: Pool::Sqlite(SqlitePool::connect_lazy_with(options)),
            _folder: Some(folder),
        }
    }

    /// A copy of an empty database with the newest schema; `None` where there is no PostgreSQL.
    pub(crate) async fn postgres() -> Option<Self> {
        make_template().await?;
        Self::copy_of(TEMPLATE).await
    }

    /// The same with a name, which other tests can copy.
    pub(super) async fn named(name: &str) -> Option<Self> {
        make_template().await?;
        Self::create(name, TEMPLATE).await
    }

    /// A copy of the database `template`.
    pub(super) async fn copy_of(template: &str) -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{PREFIX}{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self::create(&name, template).await
    }

    async fn create(name: &str, template: &str) -> Option<Self> {
        static STRATEGY: OnceCell<&str> = OnceCell::const_new();
        let admin = postgres::url("postgres")?;
        let strategy = STRATEGY.get_or_init(|| find_strategy(&admin)).await;
        let create = format!("CREATE DATABASE {name} TEMPLATE {template} {strategy}");
        run(&admin, &create).await;
        let url = postgres::url(name)?;
        let pool = PgPool::connect_lazy(&url).unwrap();
        Some(Self {
            url,
            pool: Pool::Postgres(pool),
            _folder: None,
        })
    }

    /// A database on a server that the test may stop.
    pub(crate) fn on_separate_server() -> Option<(Self, PostgresServer)> {
        let server = PostgresServer(postgres::separate()?);
        let folder = server.0.folder.display();
        let url = format!("postgres://postgres@localhost/postgres?host={folder}");
        let pool = Pool::Postgres(PgPool::connect_lazy(&url).unwrap());
        let db = Self {
            url,
            pool,
            _folder: None,
        };
        Some((db, server))
    }

    /// Closes the connections of the test.
    pub(super) async fn close(self) {
        if let Pool::Postgres(pool) = &self.pool {
            pool.close().await;
        }
    }

    /// The name of a PostgreSQL database, and the socket of its server.
    pub(crate) fn name_and_socket(&self) -> (String, PathBuf) {
        let Pool::Postgres(pool) = &self.pool else {
            panic!("SQLite has no server");
        };
        let options = pool.connect_options();
        let folder = options.get_socket().unwrap();
        let name = options.get_database().unwrap().to_owned();
        (name, folder.join(".s.PGSQL.5432"))
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.pool, Pool::Sqlite(_))
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
        .unwrap()
    }

    /// The number of rows in a table.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {table}")).await
    }

    /// The revision. If it is the same before and after, nothing was changed.
    pub(crate) async fn revision(&self) -> i64 {
        self.number("SELECT revision FROM head").await
    }

    /// The strings that a query returns.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
        }
        .unwrap()
    }

    /// Begins a change and leaves it open, as a process that hangs would.
    pub(crate) async fn lock_head(&self) -> HeadLock {
        const HOLD: &str = "UPDATE head SET revision = revision";
        match &self.pool {
            Pool::Sqlite(pool) => {
                let mut transaction = pool.begin().await.unwrap();
                sqlx::query(HOLD).execute(&mut *transaction).await.unwrap();
                HeadLock::Sqlite(transaction)
            }
            Pool::Postgres(pool) => {
                let mut transaction = pool.begin().await.unwrap();
                sqlx::query(HOLD).execute(&mut *transaction).await.unwrap();
                HeadLock::Postgres(transaction)
            }
        }
    }

    /// Runs migrations of an application.
    pub(crate) async fn migrate(&self, migrator: &sqlx::migrate::Migrator) {
        match &self.pool {
            Pool::Sqlite(pool) => migrator.run(pool).await,
            Pool::Postgres(pool) => migrator.run(pool).await,
        }
        .unwrap();
    }

    /// Executes a statement without the server.
    pub(crate) async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap();
    }

    /// Returns whether the database itself refuses a statement.
    pub(crate) async fn refuses(&self, sql: &str) -> bool {
        self.try_execute(sql).await.is_err()
    }

    /// Executes a statement without the server, if the database accepts it.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(sql).execute(pool).await.map(drop),
            Pool::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop),
        }
    }
}

impl Drop for Database {
    /// Deletes a PostgreSQL database: thousands of them would fill the disk, or the memory.
    fn drop(&mut self) {
        let Pool::Postgres(pool) = &self.pool else {
            return;
        };
        let options = pool.connect_options();
        let name = options.get_database().unwrap_or_default();
        let Some(admin) = postgres::url("postgres").filter(|_| name.starts_with(PREFIX)) else {
            return;
        };
        // connections of nodes that still stop are closed
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // the runtime of the test ends with it
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(run(&admin, &sql));
        });
    }
}

/// A PostgreSQL server that a test may stop.
pub(crate) struct PostgresServer(postgres::Server);

impl PostgresServer {
    /// Stops the server as a power cut would.
    pub(crate) fn stop(&mut self) {
        self.send("stop\n");
    }

    pub(crate) fn start(&mut self) {
        self.send("start\n");
    }

    fn send(&mut self, command: &str) {
        let script = &mut self.0.script;
        script
            .stdin
            .as_mut()
            .unwrap()
            .write_all(command.as_bytes())
            .unwrap();
        assert!(postgres::is_ready(script), "{command}");
    }
}

/// A lock on the row that every change updates first, so that nobody else can write.
pub(crate) enum HeadLock {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl HeadLock {
    /// Lets others write again.
    pub(crate) async fn release(self) {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
        .unwrap();
    }
}

/// Creates the empty database that is copied, once; `None` where there is no PostgreSQL.
async fn make_template() -> Option<()> {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let admin = postgres::url("postgres")?;
    let made = MADE.get_or_init(async || {
        run(&admin, &format!("CREATE DATABASE {TEMPLATE}")).await;
        let store = Store::open(&postgres::url(TEMPLATE).unwrap()).await;
        // PostgreSQL copies a template only while nobody is connected to it
        store.unwrap().close().await;
    });
    made.await;
    Some(())
}

/// How PostgreSQL copies a database: from version 15 on it writes each page into its log, unless it is to copy files as
/// before, which takes half the time.
async fn find_strategy(admin: &str) -> &'static str {
    let mut conn = PgConnection::connect(admin).await.unwrap();
    let version: i32 =
        sqlx::query_scalar("SELECT CAST(current_setting('server_version_num') AS INT)")
            .fetch_one(&mut conn)
            .await
            .unwrap();
    conn.close().await.unwrap();
    if version < 150_000 {
        ""
    } else {
        "STRATEGY file_copy"
    }
}

/// Runs a statement that PostgreSQL does not allow in a transaction.
async fn run(url: &str, sql: &str) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}
