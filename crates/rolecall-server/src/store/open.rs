//! Opening the database, its connection pools and its transactions.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{
    Connection as _, Executor as _, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{
    begin::inspect_before_writing,
    conn::{Conn, prepare},
    error::{OpenError, StoreError},
    failures::Failures,
    file,
    head::Head,
    migrate,
    open_file::OpenFile,
    pools::{Connections, Lane, Pools, RemotePool, RemotePools, Turns},
    target::{Opening, Target},
    tuning::Tuning,
    url::{DatabaseUrl, describe_file, describe_server},
};

/// The time that a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const READ_CONNECTIONS: u32 = 4;
/// Changes wait for each other at one row, so that few connections are enough.
const CHANGE_CONNECTIONS: u32 = 4;
/// One for readiness, and one for what a change reads after its commit; the poll has one of its own.
const WATCH_CONNECTIONS: u32 = 2;
const POLL_CONNECTIONS: u32 = 1;
/// A connection that was used this recently is not pinged.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// The time limit of that ping. It is short, so that a pool of dead connections is soon replaced.
const IDLE_PING_TIMEOUT: Duration = Duration::from_millis(500);

/// The open database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    pub(super) pools: Pools,
    /// When the database last took a write of [`Store::ping`], and the head that was read then.
    pub(super) probed: Arc<Mutex<Option<(Instant, Head)>>>,
}

/// Pings a connection that was idle for some time, or since before another one was dead: its server may have gone, and
/// the request should not fail for that.
async fn is_alive(conn: &mut PgConnection, is_suspect: bool) -> Result<bool, sqlx::Error> {
    if is_suspect {
        return match tokio::time::timeout(IDLE_PING_TIMEOUT, conn.ping()).await {
            Ok(answer) => answer.map(|()| true),
            Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
        };
    }
    Ok(true)
}

impl Store {
    /// Opens the database and migrates its schema. A SQLite file that does not exist is created.
    ///
    /// # Errors
    ///
    /// [`OpenError`] if the URL, the file, the connection or the schema does not allow it.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let target = Target {
            url,
            schema: None,
            opening: Opening::Create,
        };
        Self::open_with(target, Tuning::default()).await
    }

    /// Opens the database with the pool and the time limits of the configuration.
    ///
    /// # Errors
    ///
    /// As [`Store::open`]; and [`OpenError::Missing`], [`OpenError::Empty`] and [`OpenError::Outdated`] for a start that
    /// may not create tables.
    pub(crate) async fn open_with(target: Target<'_>, tuning: Tuning) -> Result<Self, OpenError> {
        let database = DatabaseUrl::parse(target.url)?;
        let described = database.describe();
        let opened = match database {
            DatabaseUrl::Memory => Self::open_memory().await,
            DatabaseUrl::File(path) => {
                let opened = Self::open_sqlite(path.clone(), target.opening, tuning).await;
                opened.map_err(|error| error.of_file(&path))
            }
            DatabaseUrl::Postgres(options) => Self::open_postgres(*options, target, tuning).await,
        };
        opened.map_err(|error| error.at(&described))
    }

    fn on(pools: Pools) -> Self {
        Self {
            pools,
            probed: Arc::default(),
        }
    }

    async fn open_postgres(
        options: PgConnectOptions,
        target: Target<'_>,
        tuning: Tuning,
    ) -> Result<Self, OpenError> {
        let begun = Instant::now();
        let options = options.application_name("rolecall");
        match target.opening {
            Opening::Create => {
                migrate::postgres(&options, target.schema, tuning.connect()).await?;
            }
            Opening::Existing => {
                let state = migrate::inspect_postgres(&options, target.schema).await?;
                target.opening.check(state, &describe_server(&options))?;
            }
        }
        let failures = Arc::new(Failures::default());
        let pool = |connections: u32, held: u32| {
            let failures = Arc::clone(&failures);
            let schema = target.schema.cloned();
            let pool = PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(tuning.acquire)
                .test_before_acquire(false)
                .before_acquire(move |conn, found| {
                    let is_demoted = failures.is_demoted(found.age);
                    let idle = found.idle_for;
                    let is_suspect = idle > TRUSTED_IDLE || failures.is_suspect(idle);
                    Box::pin(async move { Ok(!is_demoted && is_alive(conn, is_suspect).await?) })
                })
                .after_connect(move |conn, _| {
                    let schema = schema.clone();
                    Box::pin(async move { prepare(conn, schema.as_ref(), tuning.statement).await })
                });
            // one that was closed might not be given again
            let pool = if held == connections {
                pool.idle_timeout(None).max_lifetime(None)
            } else {
                pool
            };
            RemotePool::new(pool.connect_lazy_with(options.clone()), held)
        };
        let held = |connections| {
            if tuning.holds_connections {
                connections
            } else {
                1
            }
        };
        let pools = RemotePools {
            poll: pool(POLL_CONNECTIONS, POLL_CONNECTIONS),
            watch: pool(WATCH_CONNECTIONS, held(WATCH_CONNECTIONS)),
            changes: pool(CHANGE_CONNECTIONS, held(CHANGE_CONNECTIONS)),
            requests: pool(tuning.max_connections, 1),
            failures,
            schema: target.schema.cloned(),
            limit: tuning.statement,
        };
        match tuning.in_time(begun, Box::pin(pools.fill_all())).await {
            Ok(filled) => filled?,
            Err(_) => return Err(sqlx::Error::PoolTimedOut.into()),
        }
        Ok(Self::on(Pools::Postgres(Arc::new(pools))))
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
            // a caller that goes away during the test would drop the connection, and the database with it
            .test_before_acquire(false)
            // such a caller leaves its transaction behind too
            .after_release(|conn, _| {
                Box::pin(async move {
                    let _ = conn.execute("ROLLBACK").await;
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        migrate::sqlite_in_memory(&pool).await?;
        Ok(Self::on(Pools::Sqlite {
            read: pool.clone(),
            watch: pool.clone(),
            write: pool,
            turns: Turns::new(ACQUIRE_TIMEOUT),
            file: None,
        }))
    }

    async fn open_sqlite(
        path: PathBuf,
        opening: Opening,
        tuning: Tuning,
    ) -> Result<Self, OpenError> {
        if opening == Opening::Existing && !file::exists(&path)? {
            return Err(OpenError::Missing(describe_file(&path)));
        }
        file::prepare(&path)?;
        let locked = inspect_before_writing(&path, opening).await?;
        let in_use = file::mark_in_use(&path)?;
        let locked = match locked {
            Some(locked) => locked,
            None => file::lock_opening(&path).await?,
        };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(tuning.acquire)
            .pragma("trusted_schema", "OFF");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(tuning.acquire)
            .connect_with(options.clone())
            .await?;
        if opening == Opening::Create {
            migrate::sqlite(&write, &path).await?;
        }
        let options = options.read_only(true);
        let reading = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(tuning.acquire)
                .connect_with(options.clone())
        };
        let read = reading(READ_CONNECTIONS).await?;
        let watch = reading(WATCH_CONNECTIONS + POLL_CONNECTIONS).await?;
        drop(locked);
        Ok(Self::on(Pools::Sqlite {
            read,
            watch,
            write,
            turns: Turns::new(tuning.acquire),
            file: Some(Arc::new(OpenFile::new(path, in_use)?)),
        }))
    }

    /// Returns a connection to read with.
    pub(crate) async fn read(&self) -> Result<Conn, StoreError> {
        self.pools.read(Lane::Requests).await
    }

    /// Returns the connection of the poll, which nothing else takes.
    pub(crate) async fn read_for_poll(&self) -> Result<Conn, StoreError> {
        self.pools.read(Lane::Poll).await
    }

    /// Returns a connection to read with that requests cannot take, for what follows a change.
    pub(crate) async fn read_for_watch(&self) -> Result<Conn, StoreError> {
        self.pools.read(Lane::Watch).await
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
        self.write_on(Lane::Requests, work).await
    }

    pub(super) async fn write_on<T, E>(
        &self,
        lane: Lane,
        work: impl AsyncFnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        let mut conn = self.begin(lane).await?;
        match work(&mut conn).await {
            Ok(done) => {
                conn.commit().await?;
                Ok(done)
            }
            Err(error) => {
                conn.rollback().await;
                Err(error)
            }
        }
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self, lane: Lane) -> Result<Conn, StoreError> {
        self.pools.begin(lane).await
    }

    /// Copies a SQLite database as it is at this moment into a new file; false for PostgreSQL, which has its own tools.
    pub(crate) async fn copy_to(&self, path: &str) -> Result<bool, StoreError> {
        match &self.pools {
            Pools::Sqlite { write, file, .. } => {
                let copy = sqlx::query("VACUUM INTO $1").bind(path);
                let copied = copy.execute(write).await.map_err(StoreError::from);
                if let (Some(file), Err(error)) = (file, &copied) {
                    file.note(error);
                }
                copied.map(|_| true)
            }
            Pools::Postgres(_) => Ok(false),
        }
    }

    /// Returns the path of the SQLite file; `None` for PostgreSQL and in memory.
    pub(crate) fn sqlite_file(&self) -> Option<&Path> {
        match &self.pools {
            Pools::Sqlite { file, .. } => file.as_ref().map(|file| file.path()),
            Pools::Postgres(_) => None,
        }
    }

    /// Returns the state of each connection pool.
    pub(crate) fn connections(&self) -> Vec<Connections> {
        self.pools.connections()
    }

    /// Closes all connections; SQLite merges its write-ahead log into the database.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}
