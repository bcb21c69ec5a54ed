//! The connection pools, and the work that each of them is for.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, SqlitePool};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::boxed::Boxed;

use super::{
    conn::{Conn, Local, Remote},
    error::StoreError,
    failures::Failures,
    open_file::OpenFile,
    url::SchemaName,
};

/// The time that connections to PostgreSQL have to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// The time that a refill waits for the connections of one lane, some of which it keeps from others meanwhile.
const FILL_TIMEOUT: Duration = Duration::from_secs(2);
/// The time after which held connections are looked at in any case, which also keeps them from idling.
const REFILL_INTERVAL: Duration = Duration::from_mins(1);
/// The pause before the next attempt if connections are missing, as on a server that is full.
const REFILL_PAUSE: Duration = Duration::from_secs(5);
/// The pause before connections are looked at again after one was found dead, as on a server where each write fails.
const BROKEN_PAUSE: Duration = Duration::from_secs(1);
/// The time in which a check of readiness gets a connection for changes.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) enum Pools {
    /// SQLite allows one writer at a time: a pool of one makes the others wait instead of failing.
    Sqlite {
        read: SqlitePool,
        watch: SqlitePool,
        write: SqlitePool,
        turns: Turns,
        /// `None` in memory.
        file: Option<Arc<OpenFile>>,
    },
    Postgres(Arc<RemotePools>),
}

/// A pool of connections to PostgreSQL.
pub(super) struct RemotePool {
    pool: PgPool,
    /// The number of connections that are open all the time: where the server gives no more, a pool that grows waits for a
    /// new connection even if one of its own is free again.
    ///
    /// sqlx could keep them open too, but after an outage it waits for as long as that lasted before it connects again, and
    /// lets nobody else connect meanwhile.
    held: u32,
    /// Shared by the connections that are in use. Those that are being opened count as used for sqlx, but not here.
    in_use: Arc<()>,
}

impl RemotePool {
    pub(super) fn new(pool: PgPool, held: u32) -> Self {
        Self {
            pool,
            held,
            in_use: Arc::default(),
        }
    }

    /// Returns true if some of the connections that are held are not open.
    fn is_lacking(&self) -> bool {
        self.pool.size() < self.held
    }

    /// Returns true if there are as many open connections as there may be, and all of them are in use.
    fn is_used_up(&self) -> bool {
        // the first is that of this pool
        let shared = u32::try_from(Arc::strong_count(&self.in_use));
        shared.is_ok_and(|shared| shared > self.pool.options().get_max_connections())
    }
}

pub(super) struct RemotePools {
    pub(super) requests: RemotePool,
    pub(super) changes: RemotePool,
    pub(super) watch: RemotePool,
    pub(super) poll: RemotePool,
    pub(super) failures: Arc<Failures>,
    /// The schema of the tables; `None` for the usual one.
    pub(super) schema: Option<SchemaName>,
    /// The time limit of a statement.
    pub(super) limit: Duration,
}

impl RemotePools {
    fn pool(&self, lane: Lane) -> &RemotePool {
        match lane {
            Lane::Requests => &self.requests,
            Lane::Changes => &self.changes,
            Lane::Watch => &self.watch,
            Lane::Poll => &self.poll,
        }
    }

    async fn acquire(&self, lane: Lane) -> Result<Remote, sqlx::Error> {
        let RemotePool { pool, in_use, .. } = self.pool(lane);
        let schema = self.schema.as_ref();
        Remote::take(pool, in_use, &self.failures, schema, self.limit).await
    }

    async fn take(&self, lane: Lane) -> Result<Remote, StoreError> {
        let taken = self.acquire(lane).await;
        if lane == Lane::Changes && matches!(taken, Err(sqlx::Error::PoolTimedOut)) {
            // otherwise other changes have them all
            self.check_changes().await?;
        }
        taken.map_err(StoreError::from)
    }

    /// Opens the connections of a lane that are held, and replaces those of them that are idle and have died. Those in use
    /// are left alone.
    async fn fill(&self, lane: Lane) -> Result<(), sqlx::Error> {
        let pool = self.pool(lane);
        let mut taken = Vec::new();
        for _ in 0..pool.held {
            if pool.pool.num_idle() == 0 && !pool.is_lacking() {
                break;
            }
            // kept, so that the next one is another
            taken.push(self.acquire(lane).await?);
        }
        Ok(())
    }

    /// Opens the connections of all lanes that are held.
    pub(super) async fn fill_all(&self) -> Result<(), sqlx::Error> {
        for lane in [Lane::Poll, Lane::Watch, Lane::Changes, Lane::Requests] {
            self.fill(lane).await?;
        }
        Ok(())
    }

    fn needs_refill(&self) -> bool {
        let since = self.failures.since_refill();
        let held = [&self.changes, &self.watch, &self.requests];
        let is_lacking = held.into_iter().any(RemotePool::is_lacking);
        since >= REFILL_INTERVAL
            || is_lacking && since >= REFILL_PAUSE
            || self.failures.is_broken_since_refill() && since >= BROKEN_PAUSE
    }

    async fn refill(&self) {
        self.failures.note_refill();
        let mut is_lacking = false;
        // the poll uses its only connection all the time
        for lane in [Lane::Changes, Lane::Watch, Lane::Requests] {
            match tokio::time::timeout(FILL_TIMEOUT, self.fill(lane)).await {
                Ok(Ok(())) => {}
                Ok(Err(sqlx::Error::PoolClosed)) => return,
                _ => {
                    is_lacking = true;
                    break;
                }
            }
        }
        match (is_lacking, self.failures.note_lacking(is_lacking)) {
            (true, true) => tracing::warn!(
                "the database gives fewer connections than this server holds, so that changes may fail: close connections of \
                 other programs, or raise `max_connections` of PostgreSQL"
            ),
            (false, true) => tracing::info!("the database gives all connections again"),
            (_, false) => {}
        }
    }

    /// Checks that a change gets a connection, or that other changes have them all.
    async fn check_changes(&self) -> Result<(), StoreError> {
        if self.changes.is_used_up() {
            return Ok(());
        }
        match tokio::time::timeout(CHECK_TIMEOUT, self.acquire(Lane::Changes)).await {
            Ok(Ok(_)) => Ok(()),
            _ if self.changes.is_used_up() => Ok(()),
            Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => Err(StoreError::no_connection()),
            Ok(Err(error)) => Err(error.into()),
        }
    }
}

/// The work for which a connection is taken. INVARIANT: requests can take all of their own connections, and neither
/// the poll, nor a change that revokes something, nor readiness waits for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Requests,
    Changes,
    Watch,
    Poll,
}

/// The order of SQLite's writers. A writer that is no change holds a turn while it waits for the connection, so that
/// a change waits behind one of them at most.
#[derive(Clone)]
pub(super) struct Turns {
    one: Arc<Semaphore>,
    patience: Duration,
}

impl Turns {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            one: Arc::new(Semaphore::new(1)),
            patience,
        }
    }

    async fn take(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        match tokio::time::timeout(self.patience, self.one.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }
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

impl Pools {
    /// Returns a connection to read with.
    pub(super) fn read(&self, lane: Lane) -> Boxed<'_, Result<Conn, StoreError>> {
        Box::pin(async move {
            Ok(match self {
                Self::Sqlite {
                    read, watch, file, ..
                } => {
                    let pool = match lane {
                        Lane::Watch | Lane::Poll => watch,
                        Lane::Requests | Lane::Changes => read,
                    };
                    Conn::Sqlite(Local::take(pool, file.as_ref()).await?)
                }
                Self::Postgres(remote) => Conn::Postgres(remote.take(lane).await?),
            })
        })
    }

    /// Begins a transaction that writes.
    pub(super) fn begin(&self, lane: Lane) -> Boxed<'_, Result<Conn, StoreError>> {
        Box::pin(async move {
            Ok(match self {
                Self::Sqlite {
                    write, turns, file, ..
                } => {
                    let _turn = match lane {
                        Lane::Requests => Some(turns.take().await?),
                        Lane::Changes | Lane::Watch | Lane::Poll => None,
                    };
                    let local = Local::take(write, file.as_ref()).await?;
                    Conn::Sqlite(local.begin().await?)
                }
                Self::Postgres(remote) => Conn::Postgres(remote.take(lane).await?.begin().await?),
            })
        })
    }

    /// Returns true if connections that are held may be missing or dead, or were not looked at for some time.
    pub(super) fn needs_refill(&self) -> bool {
        match self {
            Self::Sqlite { .. } => false,
            Self::Postgres(remote) => remote.needs_refill(),
        }
    }

    /// Opens the connections again that are held, and replaces those that have died.
    pub(super) async fn refill(&self) {
        if let Self::Postgres(remote) = self {
            remote.refill().await;
        }
    }

    /// Checks that a change gets a connection, or that other changes have them all. On SQLite there is one for all who write.
    pub(super) async fn check_changes(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { .. } => Ok(()),
            Self::Postgres(remote) => remote.check_changes().await,
        }
    }

    /// Returns true if a write failed at most this long ago since the disk was full.
    pub(super) fn was_full_within(&self, ago: Duration) -> bool {
        match self {
            Self::Sqlite { file, .. } => {
                let file = file.as_ref();
                file.is_some_and(|file| file.failures.was_full_within(ago))
            }
            Self::Postgres(remote) => remote.failures.was_full_within(ago),
        }
    }

    /// Returns true if this process has found damaged pages in the file of SQLite.
    pub(super) fn is_damaged(&self) -> bool {
        match self {
            Self::Sqlite { file, .. } => {
                let file = file.as_ref();
                file.is_some_and(|file| file.failures.is_damaged())
            }
            Self::Postgres(_) => false,
        }
    }

    /// Returns the state of each connection pool.
    pub(super) fn connections(&self) -> Vec<Connections> {
        match self {
            Self::Sqlite {
                read, watch, write, ..
            } => vec![
                Connections::of("read", read),
                Connections::of("write", write),
                Connections::of("watch", watch),
            ],
            Self::Postgres(remote) => vec![
                Connections::of("requests", &remote.requests.pool),
                Connections::of("changes", &remote.changes.pool),
                Connections::of("watch", &remote.watch.pool),
                Connections::of("poll", &remote.poll.pool),
            ],
        }
    }

    /// Closes all connections; SQLite merges its write-ahead log into the database. PostgreSQL gets a limited time: a
    /// connection whose server has crashed may never close.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite {
                read, watch, write, ..
            } => {
                read.close().await;
                watch.close().await;
                write.close().await;
            }
            Self::Postgres(remote) => {
                let pools = [
                    &remote.requests,
                    &remote.changes,
                    &remote.watch,
                    &remote.poll,
                ];
                let closed = async {
                    for pool in pools {
                        pool.pool.close().await;
                    }
                };
                if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
                    tracing::warn!("connections to the database did not close in time");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
