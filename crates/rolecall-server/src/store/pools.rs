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
    Postgres(RemotePools),
}

#[derive(Clone)]
pub(super) struct RemotePools {
    pub(super) requests: PgPool,
    pub(super) changes: PgPool,
    pub(super) watch: PgPool,
    pub(super) poll: PgPool,
    pub(super) failures: Arc<Failures>,
    /// The schema of the tables; `None` for the usual one.
    pub(super) schema: Option<SchemaName>,
    /// The time limit of a statement.
    pub(super) limit: Duration,
}

impl RemotePools {
    async fn take(&self, lane: Lane) -> Result<Remote, StoreError> {
        let pool = match lane {
            Lane::Requests => &self.requests,
            Lane::Changes => &self.changes,
            Lane::Watch => &self.watch,
            Lane::Poll => &self.poll,
        };
        Remote::take(pool, &self.failures, self.schema.as_ref(), self.limit).await
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
                Connections::of("requests", &remote.requests),
                Connections::of("changes", &remote.changes),
                Connections::of("watch", &remote.watch),
                Connections::of("poll", &remote.poll),
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
                        pool.close().await;
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
