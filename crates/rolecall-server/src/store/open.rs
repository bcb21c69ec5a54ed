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

/// How long a request waits for a connection before it is told that the database is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(2);
const READ_CONNECTIONS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// A connection used this recently is not asked whether it is still there.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// A connection that lay idle must answer within this time. Short, so that a pool of connections that all
/// fell silent is soon another.
const STILL_THERE_TIMEOUT: Duration = Duration::from_millis(500);

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
}

#[derive(Clone)]
pub(super) enum Pools {
    /// SQLite has one writer: a pool of one makes the others wait their turn instead of failing.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
        /// Held while the file is open, so that nobody replaces it meanwhile; `None` in memory.
        _in_use: Option<Arc<File>>,
    },
    Postgres(PgPool),
}

/// The connections of one pool.
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

/// A connection that lay idle may have died with its server: asked here, that costs nobody an error.
async fn still_there(conn: &mut PgConnection, idle: Duration) -> Result<bool, sqlx::Error> {
    if idle > TRUSTED_IDLE {
        return match tokio::time::timeout(STILL_THERE_TIMEOUT, conn.ping()).await {
            Ok(answer) => answer.map(|()| true),
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        };
    }
    Ok(true)
}

/// What the server is told of each connection: to give up what nobody waits for any more, and to undo what
/// a node had begun when it was cut off. Until then the others, who queue at the head row, would wait.
async fn set_limits(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $1, false)")
        .bind(ANSWER_TIMEOUT.as_millis().to_string())
        .execute(conn)
        .await
        .map(drop)
}

impl Store {
    /// Opens the database, makes it if it is a SQLite file that does not exist, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: what stood in the way, in words for whoever runs the server.
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
            .before_acquire(|conn, idle| Box::pin(still_there(conn, idle.idle_for)))
            .after_connect(|conn, _| Box::pin(set_limits(conn)))
            .connect_with(options)
            .await?;
        Ok(Self {
            pools: Pools::Postgres(pool),
        })
    }

    /// A database that ends with the process. One connection holds it, so it must never be closed.
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
        let turn = file::turn(&path).await?;
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
        drop(turn);
        Ok(Self {
            pools: Pools::Sqlite {
                read,
                write,
                _in_use: Some(Arc::new(in_use)),
            },
        })
    }

    /// A connection to read with.
    pub(crate) async fn read(&self) -> Result<Conn, StoreError> {
        Ok(match &self.pools {
            Pools::Sqlite { read, .. } => Conn::Sqlite(read.acquire().await?),
            Pools::Postgres(pool) => Conn::Postgres(Remote::new(pool.acquire().await?)),
        })
    }

    /// Writes in one transaction and returns after the commit; an error leaves everything as it was.
    ///
    /// For what takes nothing from anyone: opening a session, counting a failure, rehashing. Whatever may
    /// take something away needs a [`Change`](super::Change), which only [`Store::change`] makes.
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
                // the error that the caller hears is the first one
                let _ = conn.rollback().await;
                Err(error)
            }
        }
    }

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

    /// Copies a SQLite database, as it is at this moment, into a new file; `false` for PostgreSQL, which
    /// has tools of its own.
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

    /// How many connections there are at the moment.
    pub(crate) fn connections(&self) -> Vec<Connections> {
        match &self.pools {
            Pools::Sqlite { read, write, .. } => vec![
                Connections::of("read", read),
                Connections::of("write", write),
            ],
            Pools::Postgres(pool) => vec![Connections::of("all", pool)],
        }
    }

    /// Whether the database answers.
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
        // whoever asks has little patience, and to them an answer that comes late is none
        match tokio::time::timeout(PING_TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }

    /// Closes all connections; a SQLite log is folded into its database.
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
