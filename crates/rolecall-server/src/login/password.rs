//! Checking a user name and a password: with the same work and the same answer whatever is wrong.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_passwords::{HashError, Lane, Password, Verdict};

use super::{
    failures::Failures,
    known::{Meant, Origin, Slot},
    reset_code::is_reset_code,
};
use crate::{
    accounts::store::{self, Credentials},
    app::App,
    audit::events,
    authority::subject::Status,
    error::ApiError,
    store::{Conn, StoreError, gate},
    throttle::{
        Excess, InFlightGuard, MAX_FAILURES, Network, account_delay, nearest, network_lane,
    },
    times::CLOCKS_APART,
    usernames::Username,
};

/// Why a log-in does not go on.
#[derive(Debug)]
pub(crate) enum LoginError {
    /// The user is unknown, disabled or locked, or the password is wrong. The answer is the same for all.
    Wrong,
    TooMany {
        retry_after: Duration,
    },
    Busy,
    Failed(ApiError),
}

impl From<ApiError> for LoginError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<LoginError> for ApiError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Failed(error) => error,
            LoginError::TooMany { retry_after } => Self::TooMany { retry_after },
            LoginError::Busy => Self::Busy,
            LoginError::Wrong => Self::Forbidden("Operation not permitted"),
        }
    }
}

/// A user whose password was right a moment ago.
pub(crate) struct Proven {
    pub(crate) id: String,
    pub(crate) username: String,
    /// The slot that counts its failures.
    pub(crate) slot: Slot,
    /// The queue in which its passwords wait to be hashed.
    pub(crate) lane: Lane,
    pub(crate) credentials: Credentials,
    /// The same password hashed with today's parameters, where the stored hash has others.
    pub(crate) rehash: Option<String>,
    /// A reset code was used instead of the password.
    pub(crate) by_reset_code: bool,
}

impl Proven {
    /// Returns true if what was proven is still what is stored, and the account is not locked; then its failures are
    /// forgiven. Guesses that were under way elsewhere count: a locked account opens for none of them.
    pub(crate) async fn confirm(&self, app: &App, conn: &mut Conn) -> Result<bool, ApiError> {
        if !self.still_holds(conn).await? {
            return Ok(false);
        }
        self.slot.succeed(app, conn, &self.id).await?;
        Ok(true)
    }

    /// The same where a second factor is still owed: nothing is forgiven for the password alone, or whoever knows it could
    /// guess codes without end.
    pub(crate) async fn still_holds(&self, conn: &mut Conn) -> Result<bool, StoreError> {
        let hash = self.credentials.password_hash.as_deref();
        let (hash, rehash) = (hash.unwrap_or_default(), self.rehash.as_deref());
        gate::hold(conn, &self.id).await?;
        let is_same = store::confirm_password(conn, &self.id, hash, rehash).await?;
        Ok(is_same && !self.slot.failures(conn).await?.is_locked())
    }
}

/// A user name and a password as they were typed, and where.
#[derive(Clone, Copy)]
pub(crate) struct Typed<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) origin: Origin<'a>,
}

/// Checks a user name and a password. Whatever is wrong, the answer is the same and a failure is counted.
///
/// # Errors
///
/// [`LoginError::Wrong`] for an unknown, disabled or locked account and for a wrong password,
/// [`LoginError::TooMany`] and [`LoginError::Busy`] where the caller must wait.
pub(crate) async fn prove(app: &App, typed: &Typed<'_>) -> Result<Proven, LoginError> {
    let parts = app.parts();
    let canonical = Username::parse(typed.username).ok();
    let name = canonical
        .as_ref()
        .map_or(typed.username.trim(), Username::as_str);
    let meant = Meant::Name(canonical.as_ref().map_or("", Username::as_str));
    let slot = Slot::find(app, &app.account_of(name), meant, &typed.origin).await?;
    // a known device or address is limited by its own failures, so that no neighbor can keep it out
    if !slot.is_known() {
        refuse_address(app, typed.origin.address)?;
    }
    // guesses that arrive together wait for the first to fail: the delays apply to them too
    let turn = parts.turns.wait(&slot.key()).await;
    let _turn = turn.ok_or(LoginError::Busy)?;
    // parallel guesses count as failures while they run. Entered before the failures are read and left after this one
    // is written, so that none is missed
    let in_flight = parts.in_flight.enter(&slot.key());
    let (failed, found) = look_up(app, &slot, canonical.as_ref()).await?;
    let subject = found.as_ref().map(|found| found.id.clone());
    let open = admit(failed, &in_flight, app.now())?;
    let lane = lane(&slot, typed.origin.address);
    let target = Target {
        open,
        found,
        decoy: parts.decoys.pick(&slot.account),
    };
    let verdict = verify(app, lane, target, typed.password).await?;
    let Some(verified) = verdict else {
        count_failure(app, &slot, subject.as_deref(), typed).await?;
        return Err(LoginError::Wrong);
    };
    Ok(Proven {
        id: verified.credentials.id.clone(),
        username: name.to_owned(),
        slot,
        lane,
        credentials: verified.credentials,
        rehash: verified.rehash,
        by_reset_code: verified.by_reset_code,
    })
}

/// Returns the place in the queue for hashing. Strangers share that of their network; a known device or address has one
/// of its own.
fn lane(slot: &Slot, address: &str) -> Lane {
    let hash = |text: &str| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    };
    Lane {
        source: if slot.is_known() {
            hash(&slot.key())
        } else {
            network_lane(address)
        },
        account: hash(&slot.account),
    }
}

/// Credentials that a password or a reset code matched.
struct Verified {
    credentials: Credentials,
    rehash: Option<String>,
    by_reset_code: bool,
}

/// Reads the failures in the slot and the credentials of the user, if there is one.
async fn look_up(
    app: &App,
    slot: &Slot,
    username: Option<&Username>,
) -> Result<(Failures, Option<Credentials>), StoreError> {
    let mut conn = app.store().read().await?;
    let failed = slot.failures(&mut conn).await?;
    let found = match username {
        Some(username) => store::find_credentials(&mut conn, username.as_str()).await?,
        None => None,
    };
    Ok((failed, found))
}

/// Returns whether the account is open for this try. A locked account gives no answer of its own: its tries are
/// verified against nothing.
pub(super) fn admit(
    failed: Failures,
    in_flight: &InFlightGuard,
    now: Timestamp,
) -> Result<bool, LoginError> {
    refuse_account(failed, now)?;
    let failures = u32::try_from(failed.in_a_row).unwrap_or(u32::MAX);
    let open = in_flight.may_try(failures);
    if !open && !failed.is_locked() && !account_delay(failures).is_zero() {
        return Err(LoginError::TooMany {
            retry_after: Duration::from_secs(1),
        });
    }
    Ok(open)
}

/// The stored values that a password is verified against.
struct Target {
    /// False if the account is locked for this attempt.
    open: bool,
    found: Option<Credentials>,
    /// The hash that a name without one costs.
    decoy: Option<String>,
}

/// Verifies `password`. Whatever it finds, and whether there is a user at all, it does the work of some stored hash.
async fn verify(
    app: &App,
    lane: Lane,
    target: Target,
    password: &str,
) -> Result<Option<Verified>, LoginError> {
    let stored = target.found.as_ref();
    let stored = stored.and_then(|found| found.password_hash.clone());
    let stored = stored.or(target.decoy);
    // a closed account costs what it always costs, and nothing matches
    let candidate = target
        .found
        .filter(|found| target.open && found.status != Status::Disabled);
    let by_reset_code = candidate
        .as_ref()
        .is_some_and(|found| is_reset_code(found, password, app.database_now()));
    let verdict = match Password::new(password.to_owned()) {
        Ok(password) => app.parts().hasher.verify_in(lane, password, stored).await,
        // too long to be anybody's password: nothing is hashed, whoever the user is
        Err(_) => Ok(Verdict {
            matches: false,
            rehash: None,
        }),
    };
    let verdict = verdict.map_err(|error| match error {
        HashError::Busy | HashError::NoMemory => LoginError::Busy,
        other => LoginError::Failed(ApiError::internal(other)),
    })?;
    let matched = candidate.filter(|_| verdict.matches || by_reset_code);
    Ok(matched.map(|credentials| Verified {
        credentials,
        rehash: verdict.rehash,
        by_reset_code,
    }))
}

pub(super) fn refuse_address(app: &App, address: &str) -> Result<(), LoginError> {
    let parts = app.parts();
    match parts
        .failing_addresses
        .retry_after(address, parts.clock.monotonic())
    {
        Some(retry_after) => Err(LoginError::TooMany { retry_after }),
        None => Ok(()),
    }
}

fn refuse_account(failed: Failures, now: Timestamp) -> Result<(), LoginError> {
    let delay = account_delay(u32::try_from(failed.in_a_row).unwrap_or(u32::MAX));
    // a locked account answers as a wrong password does, not with a time to come back at
    if delay.is_zero() || failed.is_locked() {
        return Ok(());
    }
    // written by a node whose clock was ahead: it would delay everybody until that time has come
    if failed.last_at > now.plus(CLOCKS_APART) {
        return Ok(());
    }
    let ends = failed.last_at.plus(delay);
    // a clock set back must not stretch the delay
    match ends.since(now).min(delay) {
        left if left.is_zero() => Ok(()),
        left => Err(LoginError::TooMany { retry_after: left }),
    }
}

/// Counts one failure of the slot and of the address. The slot counts the same wrong password once a minute; the address
/// counts each, since each costs a hash. `subject` is the user, if the account has one.
pub(crate) async fn count_failure(
    app: &App,
    slot: &Slot,
    subject: Option<&str>,
    typed: &Typed<'_>,
) -> Result<(), ApiError> {
    let address = typed.origin.address;
    let repeats = &app.parts().repeats;
    if repeats.is_repeat(&slot.key(), typed.password, app.now()) {
        let exceeded = count_at_address(app, &slot.account, address);
        return record_slowed(app, address, &exceeded).await;
    }
    count_guess(app, slot, subject, address).await?;
    Ok(())
}

/// Counts one failure of the slot and of the address, and returns the failures of the slot in a row.
pub(super) async fn count_guess(
    app: &App,
    slot: &Slot,
    subject: Option<&str>,
    address: &str,
) -> Result<i64, ApiError> {
    let exceeded = count_at_address(app, &slot.account, address);
    let now = app.now();
    let in_a_row = app
        .store()
        .write(async |conn: &mut Conn| slot.count_failure(conn, now).await)
        .await?;
    // one event for the first failure and then ever fewer: a flood of guesses must not flood the log
    if in_a_row.count_ones() == 1 || in_a_row == i64::from(MAX_FAILURES) {
        events::record(
            app,
            "log_in_failed",
            subject,
            address,
            &format!("{in_a_row} in a row"),
        )
        .await?;
    }
    record_slowed(app, address, &exceeded).await?;
    Ok(in_a_row)
}

/// Counts and records that the answer to `proven` shows that the password is right although nobody is logged in, and
/// why not. A refusal proves a password as well as a success does: without this, passwords could be checked unseen.
pub(crate) async fn record_refused(
    app: &App,
    proven: &Proven,
    address: &str,
    reason: &str,
) -> Result<(), ApiError> {
    let exceeded = count_at_address(app, &proven.slot.account, address);
    let subject = Some(proven.id.as_str());
    events::record(app, "password_proven", subject, address, reason).await?;
    record_slowed(app, address, &exceeded).await
}

/// Counts such an answer at the address without recording it, where the quota of what is stored is used up.
pub(crate) async fn count_refused(
    app: &App,
    proven: &Proven,
    address: &str,
) -> Result<(), ApiError> {
    let exceeded = count_at_address(app, &proven.slot.account, address);
    record_slowed(app, address, &exceeded).await
}

/// Forgives what failed at the account from this address.
pub(crate) fn forgive_address(app: &App, account: &str, address: &str) {
    let parts = app.parts();
    let now = parts.clock.monotonic();
    parts.failing_addresses.succeeded(address, account, now);
}

fn count_at_address(app: &App, account: &str, address: &str) -> Vec<Excess> {
    let parts = app.parts();
    let now = parts.clock.monotonic();
    parts.failing_addresses.failed(address, account, now)
}

/// Records networks that are slowed, ever less often. One password tried on many names shows in no account: it shows
/// here.
async fn record_slowed(app: &App, address: &str, exceeded: &[Excess]) -> Result<(), ApiError> {
    for Excess { network, failures } in exceeded {
        if !failures.is_power_of_two() {
            continue;
        }
        let kind = match network {
            Network::All => "log_ins_slowed",
            _ => "address_slowed",
        };
        let is_own = nearest(address).as_ref() == Some(network);
        let wider = if is_own {
            String::new()
        } else {
            format!(" in {network}")
        };
        let detail = format!("{failures} beyond what is free{wider}");
        events::record(app, kind, None, address, &detail).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
