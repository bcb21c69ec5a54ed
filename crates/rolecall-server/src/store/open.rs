//! Opening the database, its connection pools and its transactions.

use std::{fs::File, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection as _, PgConnection, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    conn::{ANSWER_TIMEOUT, Conn, Remote},
    error::{OpenError, StoreError},
    file, migrate,
    query::query,
};

/// The time that a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(2);
const READ_CONNECTIONS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// A connection that was used this recently is not pinged.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// The time limit of that ping. It is short, so that a pool of dead connections is soon replaced.
const IDLE_PING_TIMEOUT: Duration = Duration::from_millis(500);

/// The open database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
}

#[derive(Clone)]
pub(super) enum Pools {
    /// SQLite allows one writer at a time: a pool of one makes the others wait instead of failing.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
        /// Locked while the file is open, so that no restore replaces it meanwhile; `None` in memory.
        _in_use: Option<Arc<File>>,
    },
    Postgres(PgPool),
}

/// The state of a connection pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connections {
    pub(crate) name: &'static str,
    pub(crate) open: u32,
    pub(crate) idle: usize,
    pub(crate) max: u32,
}

impl Connections {
    fn of<D: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<D>) -> Self {
        Self {
            name,
            open: pool.size(),
            idle: pool.num_idle(),
            max: pool.options().get_max_connections(),
        }
    }
}

/// Pings a connection that was idle: its server may have gone, and the request should not fail for that.
async fn is_alive(conn: &mut PgConnection, idle: Duration) -> Result<bool, sqlx::Error> {
    if idle > TRUSTED_IDLE {
        return match tokio::time::timeout(IDLE_PING_TIMEOUT, conn.ping()).await {
            Ok(answer) => answer.map(|()| true),
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        };
    }
    Ok(true)
}

/// Sets time limits in PostgreSQL for each connection: it gives up statements that nobody waits for, and rolls back
/// the transaction of a node that was cut off, which would block the changes of all other nodes.
async fn set_limits(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false)")
        .bind(ANSWER_TIMEOUT.as_millis().to_string())
        .execute(conn)
        .await
        .map(drop)
}

impl Store {
    /// Opens the database and migrates its schema. A SQLite file that does not exist is created.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the URL, the file, the connection or the schema does not allow it.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return if path == ":memory:" {
                Self::open_memory().await
            } else {
                Self::open_sqlite(path.into()).await
            };
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            return Self::open_postgres(url).await;
        }
        Err(OpenError::UnknownKind)
    }

    async fn open_postgres(url: &str) -> Result<Self, OpenError> {
        let options = PgConnectOptions::from_str(url)?.application_name("rolecall");
        migrate::postgres(&options).await?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|conn, idle| Box::pin(is_alive(conn, idle.idle_for)))
            .after_connect(|conn, _| Box::pin(set_limits(conn)))
            .connect_with(options)
            .await?;
        Ok(Self {
            pools: Pools::Postgres(pool),
        })
    }

    /// Opens a database that ends with the process. It lives in one connection, which must never be closed.
    async fn open_memory() -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .min_connections(1)
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        migrate::sqlite_in_memory(&pool).await?;
        Ok(Self {
            pools: Pools::Sqlite {
                read: pool.clone(),
                write: pool,
                _in_use: None,
            },
        })
    }

    async fn open_sqlite(path: PathBuf) -> Result<Self, OpenError> {
        file::prepare(&path)?;
        let in_use = file::mark_in_use(&path)?;
        let opening = file::lock_opening(&path).await?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .pragma("trusted_schema", "OFF");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        migrate::sqlite(&write, &path).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(READ_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true))
            .await?;
        drop(opening);
        Ok(Self {
            pools: Pools::Sqlite {
                read,
                write,
                _in_use: Some(Arc::new(in_use)),
            },
        })
    }

    /// Returns a connection to read with.
    pub(crate) async fn read(&self) -> Result<Conn, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => Conn::Sqlite(read.acquire().await?),
            Pools::Postgres(pool) => Conn::Postgres(Remote::new(pool.acquire().await?)),
        })
    }

    /// Writes in one transaction and returns after the commit; an error leaves everything as it was.
    ///
    /// Only for writes that take nothing away: opening a session, counting a failure, rehashing. All others need a
    /// [`Change`](super::Change), which only [`Store::change`] makes.
    pub(crate) async fn write<T, E>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        let mut conn = self.begin().await?;
        match work(&mut conn).await {
            Ok(done) => {
                conn.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // the caller gets the first error
                let _ = conn.rollback().await;
                Err(error)
            }
        }
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self) -> Result<Conn, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { write, .. } => {
                Conn::SqliteTx(write.begin_with("BEGIN IMMEDIATE").await?)
            }
            Pools::Postgres(pool) => {
                Conn::Postgres(Remote::new(pool.acquire().await?).begin().await?)
            }
        })
    }

    /// Copies a SQLite database as it is at this moment into a new file; false for PostgreSQL, which has its own tools.
    pub(crate) async fn copy_to(&self, path: &str) -> Result<bool, StoreError> {
        match &self.pools {
            Pools::Sqlite { write, .. } => {
                let copy = sqlx::query("VACUUM INTO $1").bind(path);
                copy.execute(write).await?;
                Ok(true)
            }
            Pools::Postgres(_) => Ok(false),
        }
    }

    /// Returns the state of each connection pool.
    pub(crate) fn connections(&self) -> Vec<Connections> {
        match &self.pools {
            Pools::Sqlite { read, write, .. } => vec![
                Connections::of("read", read),
                Connections::of("write", write),
            ],
            Pools::Postgres(pool) => vec![Connections::of("all", pool)],
        }
    }

    /// Checks that the database answers within two seconds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let answer = async {
            let mut conn = self.read().await?;
            let _: i64 = query("SELECT CAST(1 AS BIGINT)")
                .fetch_one(&mut conn)
                .await?;
            Ok(())
        };
        // health checks have short timeouts of their own
        match tokio::time::timeout(PING_TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }

    /// Closes all connections; SQLite merges its write-ahead log into the database.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}
