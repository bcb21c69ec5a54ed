//! Checks of an open database: whether it takes writes, and whether the connections that are held are open.

use std::time::{Duration, Instant};

use super::{
    conn::Conn,
    error::StoreError,
    head::{Head, read_head},
    open::Store,
    pools::Lane,
    query::{queries, query},
};

queries! {
    PROBE = "INSERT INTO leases (name, holder, ends_at) VALUES ('readiness', '', 1) \
        ON CONFLICT (name) DO UPDATE SET ends_at = leases.ends_at + 1";
    PROBE_HEAD = "UPDATE head SET revision = revision WHERE id < 0";
}

/// How long a node counts as not ready after a write failed since the disk was full.
const FULL_KEPT: Duration = Duration::from_secs(5);
/// The time that a check of readiness waits for the database.
pub(crate) const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// The time for which a successful check is repeated without another write: anybody may ask, as often as they like.
const PING_KEPT: Duration = Duration::from_secs(1);

impl Store {
    /// Returns true if connections that are held may be missing or dead, or were not looked at for some time.
    pub(crate) fn needs_refill(&self) -> bool {
        self.pools.needs_refill()
    }

    /// Opens the connections again that are held, and replaces those that have died. Takes a few seconds at most.
    pub(crate) async fn refill(&self) {
        self.pools.refill().await;
    }

    /// Checks that the database takes a write within two seconds, and that a change would get a connection: a database that
    /// only answers can be full, read-only, or without the standby that must confirm each commit.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.probe_head().await.map(drop)
    }

    /// Does what [`ping`](Self::ping) does, and returns the head, which is at most a second old.
    pub(crate) async fn probe_head(&self) -> Result<Head, StoreError> {
        // health checks have short timeouts of their own
        match tokio::time::timeout(PING_TIMEOUT, self.probe()).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::timed_out()),
        }
    }

    async fn probe(&self) -> Result<Head, StoreError> {
        // its own write may meet none of the damaged pages
        if self.pools.is_damaged() {
            return Err(StoreError::Damaged);
        }
        // its own write takes no room that is not there already
        if self.pools.was_full_within(FULL_KEPT) {
            return Err(StoreError::full());
        }
        // one check at a time: the others wait for its result
        let mut probed = self.probed.lock().await;
        if let Some((at, head)) = probed.take()
            && at.elapsed() < PING_KEPT
        {
            *probed = Some((at, head.clone()));
            return Ok(head);
        }
        let work = async |conn: &mut Conn| {
            // it matches no row, so that it does not wait for a change; but it needs the table and the right to write
            query(PROBE_HEAD).execute(conn).await?;
            let head = read_head(conn).await?;
            query(PROBE).execute(conn).await?;
            Ok::<_, StoreError>(head)
        };
        let head = self.write_on(Lane::Watch, work).await?;
        self.pools.check_changes().await?;
        *probed = Some((Instant::now(), head.clone()));
        Ok(head)
    }
}
