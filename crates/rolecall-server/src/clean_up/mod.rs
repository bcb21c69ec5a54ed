//! Deletes expired rows: sessions, floors, old events, login failures, addresses no longer used, policy changes and
//! tickets. A lease makes sure that one node at a time does it. Transactions and runs are bounded, so that other writers
//! hardly wait.
//!
//! INVARIANT: rows expire by the known time, never by the clock of one machine.

pub(crate) mod clock;

use std::time::Duration;

use rolecall_core::Timestamp;

use crate::{
    accounts::former_store,
    app::App,
    audit,
    authority::policy_store,
    backchannel,
    factors::{enrolment::LASTS as KEEP_ENROLMENTS, remembered_store, store as factors},
    invitations,
    login::{
        browser::store as browsers,
        code_store, failures,
        flow::{begun::KEPT as KEEP_SIGN_INS, store as flows},
        known::KEEP_ADDRESSES,
        known_store,
    },
    mail::outbox as outbox_of_mails,
    sessions::{self, active_store},
    store::{self, Conn, StoreError, outbox, prune_floors, queries, query},
    throttle::MAX_FAILURES,
    tickets,
};

queries! {
    LOCK_HEAD = "UPDATE head SET revision = revision WHERE id = 1 RETURNING longest_ttl_seconds";
}

/// The name of the lease.
const LEASE_NAME: &str = "clean-up";
/// The interval at which each node tries to run a clean-up.
pub(crate) const INTERVAL: Duration = Duration::from_mins(1);
/// How long a node keeps the lease after its last batch.
pub(crate) const LEASE: Duration = Duration::from_mins(3);
/// The most rows in a transaction, so that others need not wait long to write.
const BATCH_ROWS: u64 = 1000;
/// The most transactions for each table in a run.
const MAX_BATCHES: u64 = 100;
/// The time for which active roles are kept after their token has expired: the clock of a node that checks them may be behind.
const KEEP_ACTIVE_ROLES: Duration = Duration::from_mins(5);
const KEEP_EVENTS: Duration = Duration::from_hours(90 * 24);
/// Entries of the outbox that nobody took, or that were given up.
const KEEP_NOTICES: Duration = Duration::from_hours(90 * 24);
/// Logout tokens that no client took: whoever was signed in then has been signed out by time (`login.max`), and what waits
/// must not grow for ever.
const KEEP_LOGOUT_TOKENS: Duration = Duration::from_hours(24);
/// Codes that have expired: a code that is used twice ends what it has opened.
const KEEP_CODES: Duration = Duration::from_hours(1);
const KEEP_FAILURES: Duration = Duration::from_hours(24);

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The number of deleted rows.
    Done(u64),
    /// Another node has the lease.
    Skipped,
}

#[derive(Clone, Copy, Debug)]
enum Table {
    Floors,
    Sessions,
    ActiveRoles,
    Events,
    Failures,
    KnownFailures,
    KnownAddresses,
    PolicyChanges,
    Outbox,
    Tickets,
    SignedInClients,
    LogoutTokens,
    SignInFlows,
    Codes,
    BrowserSessions,
    Mails,
    Invitations,
    Enrolments,
    RememberedDevices,
    FormerAddresses,
}

impl Table {
    /// Returns true if changes write to it, too.
    fn is_changed(self) -> bool {
        !matches!(
            self,
            Self::Events
                | Self::Failures
                | Self::KnownFailures
                | Self::KnownAddresses
                | Self::Tickets
        )
    }
}

/// Deletes expired rows, unless another node than `node` has the lease.
pub(crate) async fn run(app: &App, node: &str) -> Result<Outcome, StoreError> {
    if !store_known_time(app, node).await? {
        return Ok(Outcome::Skipped);
    }
    let mut deleted = 0_u64;
    let mut full = None;
    for table in [
        // strangers fill it, so that it is what makes room again
        Table::SignInFlows,
        Table::Floors,
        Table::Sessions,
        Table::ActiveRoles,
        Table::Events,
        Table::Failures,
        Table::KnownFailures,
        Table::KnownAddresses,
        Table::PolicyChanges,
        Table::Outbox,
        Table::Tickets,
        Table::SignedInClients,
        Table::LogoutTokens,
        Table::Codes,
        Table::BrowserSessions,
        Table::Mails,
        Table::Invitations,
        Table::Enrolments,
        Table::RememberedDevices,
        Table::FormerAddresses,
    ] {
        let mut most = BATCH_ROWS;
        for _ in 0..MAX_BATCHES {
            match delete_batch(app, node, table, most).await {
                Ok(None) => return Ok(Outcome::Skipped),
                Ok(Some(rows)) => {
                    deleted = deleted.saturating_add(rows);
                    if rows < most {
                        break;
                    }
                    most = (most * 10).min(BATCH_ROWS);
                }
                Err(error) => match fewer(most, &error) {
                    Some(less) => most = less,
                    // another table may need less room
                    None if error.is_full() => {
                        full = Some(error);
                        break;
                    }
                    None => return Err(error),
                },
            }
        }
    }
    full.map_or(Ok(Outcome::Done(deleted)), Err)
}

/// Returns the number of rows to try after a batch of `most` rows has failed, if fewer may do: to delete takes room too.
fn fewer(most: u64, error: &StoreError) -> Option<u64> {
    (most > 1 && error.is_full()).then_some(most / 10)
}

/// Stores the known time of this node; false if another node has the lease.
async fn store_known_time(app: &App, node: &str) -> Result<bool, StoreError> {
    let now = app.now();
    app.store()
        .write(async |conn: &mut Conn| {
            let is_taken = take_lease(conn, node, now).await?;
            if is_taken {
                clock::store(conn, &app.parts().known_time).await?;
            }
            Ok(is_taken)
        })
        .await
}

/// Deletes up to `most` rows and returns their number; `None` if another node has the lease.
async fn delete_batch(
    app: &App,
    node: &str,
    table: Table,
    most: u64,
) -> Result<Option<u64>, StoreError> {
    let (now, known) = (app.now(), app.parts().known_time.known());
    let idle = app.settings().sessions.idle;
    app.store()
        .write(async |conn: &mut Conn| {
            // checked in each batch: a node that hung and was replaced must not delete anything
            if !take_lease(conn, node, now).await? {
                return Ok(None);
            }
            let limit = i64::try_from(most).unwrap_or(i64::MAX);
            let longest = if table.is_changed() {
                lock_head(conn).await?
            } else {
                Duration::ZERO
            };
            let rows = match table {
                Table::Floors => {
                    let before = app.parts().known_time.floors_before(longest);
                    prune_floors(conn, before, limit).await?
                }
                Table::Sessions => sessions::store::prune(conn, known, idle, limit).await?,
                Table::ActiveRoles => {
                    active_store::prune(conn, known.minus(KEEP_ACTIVE_ROLES), limit).await?
                }
                Table::Events => {
                    audit::store::prune_events(conn, known.minus(KEEP_EVENTS), limit).await?
                }
                Table::Failures => {
                    let locked = i64::from(MAX_FAILURES);
                    failures::prune(conn, known.minus(KEEP_FAILURES), locked, limit).await?
                }
                Table::KnownFailures => {
                    let locked = i64::from(MAX_FAILURES);
                    known_store::prune_failures(conn, known.minus(KEEP_FAILURES), locked, limit)
                        .await?
                }
                Table::KnownAddresses => {
                    let unused = known.minus(KEEP_ADDRESSES);
                    known_store::prune_addresses(conn, unused, limit).await?
                }
                Table::PolicyChanges => policy_store::prune_changes(conn, limit).await?,
                Table::Outbox => outbox::prune(conn, known.minus(KEEP_NOTICES), limit).await?,
                Table::Tickets => tickets::store::prune(conn, known, limit).await?,
                Table::SignedInClients => backchannel::store::prune(conn, known, limit).await?,
                Table::LogoutTokens => expire_logout_tokens(app, conn, known, limit).await?,
                Table::SignInFlows => flows::prune(conn, known.minus(KEEP_SIGN_INS), limit).await?,
                Table::Codes => code_store::prune(conn, known.minus(KEEP_CODES), limit).await?,
                Table::Enrolments => {
                    factors::prune(conn, known.minus(KEEP_ENROLMENTS), limit).await?
                }
                Table::RememberedDevices => remembered_store::prune(conn, known, limit).await?,
                Table::FormerAddresses => former_store::prune(conn, known, limit).await?,
                Table::BrowserSessions => {
                    let idle_since = app.settings().browser.idle_since(known);
                    browsers::prune(conn, known, idle_since, limit).await?
                }
                Table::Mails => outbox_of_mails::prune(conn, known, limit).await?,
                Table::Invitations => invitations::store::prune(conn, known, limit).await?,
            };
            Ok(Some(rows))
        })
        .await
}

/// Gives up logout tokens that waited for too long, whether they were tried or not.
async fn expire_logout_tokens(
    app: &App,
    conn: &mut Conn,
    known: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let before = known.minus(KEEP_LOGOUT_TOKENS);
    let expired = backchannel::store::prune_notices(conn, before, limit).await?;
    if expired > 0 {
        app.parts().metrics.logout_tokens.add("expired", expired);
        tracing::error!(
            tokens = expired,
            "logout tokens waited for a day and are given up: `rolecall doctor` names the clients that do not take them"
        );
    }
    Ok(expired)
}

/// Takes or renews the lease; returns whether `node` has it until the end of the transaction.
async fn take_lease(conn: &mut Conn, node: &str, now: Timestamp) -> Result<bool, StoreError> {
    store::take_lease(conn, (LEASE_NAME, node), now, LEASE).await
}

/// Locks the head row, as every change does: changes write to several of these tables in different orders, and could
/// deadlock with the clean-up otherwise. Returns the longest lifetime of a token.
async fn lock_head(conn: &mut Conn) -> Result<Duration, StoreError> {
    let seconds: i64 = query(LOCK_HEAD).fetch_one(conn).await?;
    Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
