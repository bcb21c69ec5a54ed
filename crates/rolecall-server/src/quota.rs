//! Quotas: how much one subject may write. Every change waits for the same row of the database and stays in the audit
//! log, so that one busy account could slow down all others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{authority::caller::Caller, settings::QuotaLimits};

/// The time to which the limits refer. As much as the limit may be used at once.
const PERIOD: Duration = Duration::from_hours(1);
/// Spent quotas beyond this many are looked through for some that are whole again.
const MIN_ENTRIES: usize = 1024;
/// An address stands for many users, so that it may revoke this many times as much as one.
const USERS_OF_ADDRESS: u32 = 10;

/// Sessions are many, so that those of one user through one client may be refreshed this many times as often as one.
const SESSIONS_OF_CLIENT: u32 = 10;

/// Most sign-ins of somebody who is signed in show no page. Those that do are stored, and may be so many times fewer.
const SIGN_INS_TO_A_PAGE: u32 = 10;
/// No fewer than these, unless log-ins are.
const FEW_SIGN_INS: u32 = 10;

/// The kinds of requests that have a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Quota {
    /// Changes that users make to their own accounts.
    OwnChanges,
    /// Changes by callers who hold permissions of rolecall itself.
    Changes,
    /// Tokens that a user or client revokes, so that other changes never keep anybody from it.
    Revocations,
    /// Refreshes of one session.
    Refreshes,
    /// Refreshes of all sessions that a user has through one client.
    RefreshesOfClient,
    /// Log-ins of a user with the right password.
    LogIns,
    /// Sign-ins that somebody begins with a browser in which they are signed in.
    BegunSignIns,
    /// Sign-ins by the session of a browser alone.
    SignIns,
    /// Tickets that a subject requests through one client.
    Tickets,
}

/// The quotas of all subjects, in the memory of this node.
#[derive(Default)]
pub(crate) struct Quotas(Mutex<Spent>);

#[derive(Default)]
struct Spent {
    /// The monotonic time at which each quota is whole again.
    whole_at: HashMap<(Quota, Box<str>), Duration>,
    /// The number of entries at which they are looked through.
    look_through_at: usize,
}

/// Returns the key of what `subject` does through `client`. A client that a user trusts with little must not be able to
/// use up what the user may do through others.
pub(crate) fn through(subject: &str, client: &str) -> String {
    format!("{subject} {client}")
}

/// Returns the quota of the changes of a caller, and its key; `None` if there is no limit.
pub(crate) fn of_caller(caller: Caller<'_>) -> Option<(Quota, String)> {
    match caller {
        Caller::Token(principal) => {
            let is_own = |name: &str| name.starts_with("rolecall.");
            let quota = if principal.permissions().any(is_own) {
                Quota::Changes
            } else {
                Quota::OwnChanges
            };
            Some((quota, through(principal.subject(), principal.client_id())))
        }
        // the pages count as one client, which has no id
        Caller::Own { user_id, .. } => Some((Quota::OwnChanges, through(user_id, ""))),
        _ => None,
    }
}

/// Returns the key of the turns in which a caller makes changes; `None` for a caller who takes none.
///
/// Each session has turns of its own: whoever has stolen a token or a cookie must not keep the owner from changing the
/// password.
pub(crate) fn turns_of_caller(caller: Caller<'_>) -> Option<String> {
    match caller {
        Caller::Token(principal) => {
            let session = principal.session().unwrap_or_default();
            Some(through(principal.subject(), session))
        }
        Caller::Own { user_id, session } => Some(through(user_id, session)),
        _ => None,
    }
}

impl Quotas {
    /// Checks that a quota of `subject` is not used up, and takes nothing.
    ///
    /// # Errors
    ///
    /// The time after which there is one again.
    pub(crate) fn check(
        &self,
        limits: &QuotaLimits,
        quota: Quota,
        subject: &str,
        now: Duration,
    ) -> Result<(), Duration> {
        let spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spent.with_one_more(limit_of(limits, quota), &(quota, Box::from(subject)), now)?;
        Ok(())
    }

    /// Takes one from a quota of `subject` at the monotonic time `now`.
    ///
    /// # Errors
    ///
    /// The time after which there is one again.
    pub(crate) fn take(
        &self,
        limits: &QuotaLimits,
        quota: Quota,
        subject: &str,
        now: Duration,
    ) -> Result<(), Duration> {
        self.take_of(limit_of(limits, quota), quota, subject, now)
    }

    /// Takes one from the quota of revocations of an address.
    ///
    /// # Errors
    ///
    /// The time after which there is one again.
    pub(crate) fn take_of_address(
        &self,
        limits: &QuotaLimits,
        address: &str,
        now: Duration,
    ) -> Result<(), Duration> {
        let limit = limits.revocations.saturating_mul(USERS_OF_ADDRESS);
        self.take_of(limit, Quota::Revocations, &network_of(address), now)
    }

    fn take_of(&self, limit: u32, quota: Quota, key: &str, now: Duration) -> Result<(), Duration> {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (quota, Box::from(key));
        let after = spent.with_one_more(limit, &key, now)?;
        spent.whole_at.insert(key, after);
        spent.look_through(now);
        Ok(())
    }
}

impl Spent {
    /// Returns the time at which a quota would be whole again if one were taken now; an error if it is used up.
    fn with_one_more(
        &self,
        limit: u32,
        key: &(Quota, Box<str>),
        now: Duration,
    ) -> Result<Duration, Duration> {
        let one = PERIOD / limit.max(1);
        let before = self.whole_at.get(key).copied().unwrap_or_default();
        let after = before.max(now).saturating_add(one);
        let longest = now.saturating_add(PERIOD);
        if after > longest {
            return Err(after.saturating_sub(longest));
        }
        Ok(after)
    }

    /// Forgets the quotas that are whole again, whenever the number of the others has doubled.
    fn look_through(&mut self, now: Duration) {
        if self.whole_at.len() < self.look_through_at.max(MIN_ENTRIES) {
            return;
        }
        self.whole_at.retain(|_, whole_at| *whole_at > now);
        self.look_through_at = self.whole_at.len().saturating_mul(2);
    }
}

fn limit_of(limits: &QuotaLimits, quota: Quota) -> u32 {
    match quota {
        Quota::OwnChanges => limits.own_changes,
        Quota::Changes => limits.changes,
        Quota::Revocations => limits.revocations,
        // a connection that breaks needs a ticket as a session needs a refresh
        Quota::Refreshes | Quota::Tickets => limits.refreshes,
        Quota::RefreshesOfClient => limits.refreshes.saturating_mul(SESSIONS_OF_CLIENT),
        Quota::LogIns | Quota::SignIns => limits.log_ins,
        Quota::BegunSignIns => {
            let with_pages = limits.log_ins / SIGN_INS_TO_A_PAGE;
            with_pages.max(FEW_SIGN_INS).min(limits.log_ins)
        }
    }
}

/// Returns the address, or the /64 network of an IPv6 address, all of which one client may use.
fn network_of(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(each: u32) -> QuotaLimits {
        QuotaLimits {
            own_changes: each,
            changes: each,
            revocations: each,
            refreshes: each,
            log_ins: each,
        }
    }

    #[test]
    fn y025_a_quota_is_used_up_and_fills_evenly() {
        let (quotas, limits) = (Quotas::default(), limits(60));
        let take = |subject, seconds| {
            let now = Duration::from_secs(seconds);
            quotas.take(&limits, Quota::OwnChanges, subject, now)
        };
        for _ in 0..60 {
            assert_eq!(take("alice", 5), Ok(()));
        }
        let check =
            |subject| quotas.check(&limits, Quota::OwnChanges, subject, Duration::from_secs(5));
        for _ in 0..100 {
            assert_eq!(check("bob"), Ok(()), "looking costs nothing");
        }
        assert_eq!(check("alice"), Err(Duration::from_mins(1)));
        assert_eq!(take("alice", 5), Err(Duration::from_mins(1)));
        assert_eq!(take("alice", 35), Err(Duration::from_secs(30)));
        assert_eq!(take("bob", 5), Ok(()), "others have their own");
        assert_eq!(take("alice", 65), Ok(()));
        assert_eq!(take("alice", 65), Err(Duration::from_mins(1)));
        // never more than the limit at once, however long it was unused
        for _ in 0..60 {
            assert_eq!(take("alice", 1_000_000), Ok(()));
        }
        assert!(take("alice", 1_000_000).is_err());
    }

    #[test]
    fn quotas_are_separate() {
        let (quotas, limits) = (Quotas::default(), limits(1));
        for quota in [
            Quota::OwnChanges,
            Quota::Changes,
            Quota::Revocations,
            Quota::Refreshes,
        ] {
            assert!(quotas.take(&limits, quota, "alice", Duration::ZERO).is_ok());
            assert!(
                quotas
                    .take(&limits, quota, "alice", Duration::ZERO)
                    .is_err()
            );
        }
    }

    #[test]
    fn y025_addresses_of_one_network_share_a_quota() {
        let (quotas, limits) = (Quotas::default(), limits(1));
        let take = |address: &str| quotas.take_of_address(&limits, address, Duration::ZERO);
        for number in 0..10 {
            assert!(take(&format!("2001:db8::{number}")).is_ok());
        }
        assert!(take("2001:db8::ffff:1").is_err());
        assert!(take("2001:db8:0:1::1").is_ok());
        assert!(take("192.0.2.1").is_ok());
    }

    #[test]
    fn whole_quotas_take_no_memory() {
        let (quotas, limits) = (Quotas::default(), limits(3600));
        for number in 0..100_000_u64 {
            let taken = quotas.take(
                &limits,
                Quota::Refreshes,
                &number.to_string(),
                Duration::from_millis(number * 10),
            );
            assert!(taken.is_ok());
        }
        let spent = quotas.0.lock().unwrap();
        assert!(spent.whole_at.len() <= MIN_ENTRIES);
    }
}
