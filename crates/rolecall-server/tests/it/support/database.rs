//! A database for one test, and a look into it that does not go through the server.

use std::{
    io::Write as _,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use rolecall_server::Store;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, SqlitePool};
use tokio::sync::OnceCell;

use super::postgres;

/// A fresh database.
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

impl Database {
    /// A file that goes away with the test.
    pub(crate) fn sqlite() -> Self {
        Self::sqlite_in(tempfile::tempdir().unwrap())
    }

    /// The same in a folder that the test has chosen.
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
        static READY: OnceCell<()> = OnceCell::const_new();
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let admin = postgres::url("postgres")?;
        READY
            .get_or_init(|| async {
                run(&admin, &format!("CREATE DATABASE {TEMPLATE}")).await;
                let store = Store::open(&postgres::url(TEMPLATE).unwrap()).await;
                // a template can be copied only while nobody is connected to it
                store.unwrap().close().await;
            })
            .await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        run(
            &admin,
            &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"),
        )
        .await;
        let url = postgres::url(&name)?;
        let pool = PgPool::connect_lazy(&url).unwrap();
        Some(Self {
            url,
            pool: Pool::Postgres(pool),
            _folder: None,
        })
    }

    /// A database on a server of its own.
    pub(crate) fn on_own_server() -> Option<(Self, PostgresServer)> {
        let server = PostgresServer(postgres::another()?);
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

    /// The number that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }
        .unwrap()
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {table}")).await
    }

    /// The revision: the same before and after means that nothing was changed.
    pub(crate) async fn revision(&self) -> i64 {
        self.number("SELECT revision FROM head").await
    }

    /// The texts that a query gives.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
            Pool::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
        }
        .unwrap()
    }

    /// Begins a change that does not end, as a process that hangs would.
    pub(crate) async fn hold_head(&self) -> Held {
        const HOLD: &str = "UPDATE head SET revision = revision";
        match &self.pool {
            Pool::Sqlite(pool) => {
                let mut transaction = pool.begin().await.unwrap();
                sqlx::query(HOLD).execute(&mut *transaction).await.unwrap();
                Held::Sqlite(transaction)
            }
            Pool::Postgres(pool) => {
                let mut transaction = pool.begin().await.unwrap();
                sqlx::query(HOLD).execute(&mut *transaction).await.unwrap();
                Held::Postgres(transaction)
            }
        }
    }

    /// Changes the database behind the server's back.
    pub(crate) async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap();
    }

    /// Whether the database itself refuses a change.
    pub(crate) async fn refuses(&self, sql: &str) -> bool {
        self.try_execute(sql).await.is_err()
    }

    /// Tries to change the database behind the server's back.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(sql).execute(pool).await.map(drop),
            Pool::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop),
        }
    }
}

/// A PostgreSQL server that a test may stop.
pub(crate) struct PostgresServer(postgres::Server);

impl PostgresServer {
    /// Stops the server as a power cut would.
    pub(crate) fn stop(&mut self) {
        self.tell("stop\n");
    }

    pub(crate) fn start(&mut self) {
        self.tell("start\n");
    }

    fn tell(&mut self, what: &str) {
        let script = &mut self.0.script;
        script
            .stdin
            .as_mut()
            .unwrap()
            .write_all(what.as_bytes())
            .unwrap();
        assert!(postgres::is_ready(script), "{what}");
    }
}

/// The row that every change begins with, held so that nobody can write.
pub(crate) enum Held {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Held {
    /// Lets the others write again.
    pub(crate) async fn release(self) {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
        .unwrap();
    }
}

/// Runs a statement that cannot stand in a transaction.
async fn run(url: &str, sql: &str) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}
