//! Forgets what no longer matters: sessions, floors, events and failures of long ago. One node at a time does
//! it, so many rows at a time and in a run: whoever logs in or takes something away hardly waits.

use std::time::Duration;

use rolecall_core::Timestamp;

use crate::{
    app::App,
    audit,
    authority::policy_store,
    login::failures,
    sessions,
    store::{Conn, StoreError, prune_floors, queries, query},
    throttle::MAX_FAILURES,
};

queries! {
    HOLD = "UPDATE leases SET holder = $2, ends_at = $3 WHERE name = $1 AND (holder = $2 OR ends_at <= $4 OR ends_at > $5)";
    LINE_UP = "UPDATE head SET revision = revision WHERE id = 1";
}

const NAME: &str = "clean-up";
/// How often a node asks whether it is its turn.
pub(crate) const EVERY: Duration = Duration::from_mins(1);
/// How long the others leave it to a node that is not heard of.
pub(crate) const LEASE: Duration = Duration::from_mins(3);
/// Rows of one transaction at most: it must not keep others from writing.
const AT_ONCE: u64 = 1000;
/// Transactions for each table in one run at most.
const BATCHES: u64 = 100;
const KEEP_EVENTS: Duration = Duration::from_hours(90 * 24);
const KEEP_FAILURES: Duration = Duration::from_hours(24);

/// What became of a node's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// So many rows were forgotten.
    Done(u64),
    /// Another node does it.
    Left,
}

#[derive(Clone, Copy, Debug)]
enum Table {
    Floors,
    Sessions,
    Events,
    Failures,
    PolicyChanges,
}

/// Forgets what has ended, if that is the task of `node`.
pub(crate) async fn run(app: &App, node: &str) -> Result<Turn, StoreError> {
    let mut forgotten = 0_u64;
    for table in [
        Table::Floors,
        Table::Sessions,
        Table::Events,
        Table::Failures,
        Table::PolicyChanges,
    ] {
        for _ in 0..BATCHES {
            let Some(rows) = batch(app, node, table).await? else {
                return Ok(Turn::Left);
            };
            forgotten = forgotten.saturating_add(rows);
            if rows < AT_ONCE {
                break;
            }
        }
    }
    Ok(Turn::Done(forgotten))
}

/// Forgets some rows of a table; how many, or `None` if another node has the lease.
async fn batch(app: &App, node: &str, table: Table) -> Result<Option<u64>, StoreError> {
    let now = app.now();
    let idle = app.settings().sessions.idle;
    app.store()
        .write(async |conn: &mut Conn| {
            // with each batch: a node that hung meanwhile and was replaced forgets nothing more
            if !hold(conn, node, now).await? {
                return Ok(None);
            }
            let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
            let rows = match table {
                Table::Floors => {
                    line_up(conn).await?;
                    prune_floors(conn, now, limit).await?
                }
                Table::Sessions => {
                    line_up(conn).await?;
                    sessions::store::prune(conn, now, idle, limit).await?
                }
                Table::Events => {
                    audit::store::prune_events(conn, now.minus(KEEP_EVENTS), limit).await?
                }
                Table::Failures => {
                    let closed = i64::from(MAX_FAILURES);
                    failures::prune(conn, now.minus(KEEP_FAILURES), closed, limit).await?
                }
                Table::PolicyChanges => {
                    line_up(conn).await?;
                    policy_store::prune_changes(conn, limit).await?
                }
            };
            Ok(Some(rows))
        })
        .await
}

/// Takes the lease or renews it; whether `node` has it until the end of the transaction. One that ends
/// absurdly late was written by a clock that was wrong.
async fn hold(conn: &mut Conn, node: &str, now: Timestamp) -> Result<bool, StoreError> {
    let ends_at = now.plus(LEASE);
    let rows = query(HOLD)
        .bind(NAME)
        .bind(node)
        .bind(ends_at)
        .bind(now)
        .bind(ends_at.plus(LEASE))
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Waits for its place among the changes, without being one: they touch several of these rows too, and each
/// in an order of its own.
async fn line_up(conn: &mut Conn) -> Result<(), StoreError> {
    query(LINE_UP).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
