//! The rules for the rotation of signing keys, without any I/O.

use std::time::Duration;

use rolecall::token::Algorithm;
use rolecall_core::Timestamp;

use super::store::{Listed, Slot, State, StoredKey};

/// The time for which clients may cache the JWK Set.
pub(crate) const MAX_AGE: Duration = Duration::from_mins(5);
/// The time for which a key is published before it signs. Some JWT libraries load the set again at most every 15
/// minutes, whatever its `max-age`; twice that leaves them one attempt that fails.
pub(crate) const LEAD: Duration = Duration::from_mins(30);
/// The time for which a key is kept after its last token expired: the leeway of guards, and clocks that differ.
const GRACE: Duration = Duration::from_secs(5 * 60 + 30);
/// The most keys in use. Each rotation leaves a key until its tokens have expired, and clients limit the size of JWK
/// Sets.
const MAX_IN_USE: usize = 16;
/// A time further ahead than this was written by a wrong clock that has been corrected since.
pub(super) const IMPOSSIBLY_AHEAD: Duration = Duration::from_hours(24);

/// The reason why the keys cannot be rotated now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// There is no next key, because the secret is configured.
    NoNext,
    /// Some cached JWK Sets lack the next key until this time.
    TooSoon(Timestamp),
    /// Too many keys are in use.
    TooMany,
}

/// Checks that the next key of a slot may sign from `now` on.
pub(crate) fn may_rotate(
    listed: &Listed,
    slot: Slot,
    now: Timestamp,
    force: bool,
) -> Result<(), Obstacle> {
    let next = listed.one(slot, State::Next).ok_or(Obstacle::NoNext)?;
    if is_early(next, now) && !force {
        return Err(Obstacle::TooSoon(next.active_from));
    }
    let in_use = listed.keys.iter().filter(|key| key.state != State::Retired);
    if in_use.count() >= MAX_IN_USE {
        return Err(Obstacle::TooMany);
    }
    Ok(())
}

/// Returns true if `next` would sign before every cached JWK Set contains it.
pub(crate) fn is_early(next: &StoredKey, now: Timestamp) -> bool {
    now < next.active_from && !is_impossible(next.active_from, now)
}

/// Returns true if the keys of a slot must be rotated: the active key is older than `every` (`None` means never), or
/// another algorithm is configured.
pub(crate) fn is_due(listed: &Listed, slot: Slot, now: Timestamp, every: Option<Duration>) -> bool {
    let of_slot = |state| listed.one(slot, state);
    let (Some(active), Some(next)) = (of_slot(State::Active), of_slot(State::Next)) else {
        return false;
    };
    let old = every.is_some_and(|every| {
        now >= active.active_from.plus(every) || is_impossible(active.active_from, now)
    });
    (old || active.algorithm != next.algorithm) && may_rotate(listed, slot, now, false).is_ok()
}

/// Returns the retiring keys whose last token has expired.
pub(crate) fn ended(listed: &Listed, now: Timestamp) -> impl Iterator<Item = &StoredKey> {
    listed.keys.iter().filter(move |key| {
        key.state == State::Retiring && key.ends_at.is_none_or(|ends| ends <= now)
    })
}

/// Returns the time until which a key verifies tokens if it stops signing at `now` and tokens live for at most `longest`.
pub(crate) fn last_end(now: Timestamp, longest: Duration) -> Timestamp {
    now.plus(longest).plus(GRACE)
}

/// Returns those of the algorithms `needed` for ID tokens that have no key. Access tokens will have `target`, and its keys
/// do for ID tokens too; beside a shared secret there are no others.
pub(crate) fn missing<'a>(
    listed: &'a Listed,
    target: Algorithm,
    needed: &'a [Algorithm],
) -> impl Iterator<Item = Algorithm> + 'a {
    let has = move |algorithm: Algorithm| {
        let access = listed.one(Slot::Access, State::Active);
        let is_signing = access.is_some_and(|key| key.algorithm == algorithm);
        algorithm == target && is_signing
            || listed
                .one(Slot::IdToken(algorithm), State::Active)
                .is_some()
    };
    let needed = needed.iter().copied();
    needed.filter(move |algorithm| !target.is_symmetric() && !has(*algorithm))
}

/// Returns true if a key of a slot is dated so far ahead of `now` that a clock was wrong: the one that dated it, or `now`.
pub(crate) fn is_misdated(listed: &Listed, slot: Slot, now: Timestamp) -> bool {
    [State::Active, State::Next].iter().any(|state| {
        let key = listed.one(slot, *state);
        key.is_some_and(|key| is_impossible(key.active_from, now))
    })
}

fn is_impossible(time: Timestamp, now: Timestamp) -> bool {
    time > now.plus(IMPOSSIBLY_AHEAD)
}

/// The keys that the configuration asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyTarget {
    pub(crate) algorithm: Algorithm,
    /// `None` without a configured secret; else `true` if the active key is that secret.
    pub(crate) secret: Option<bool>,
    /// Whether the process issues tokens; other commands change no existing keys.
    pub(crate) serves: bool,
}

/// The changes to the keys that a start needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) retire: Vec<String>,
    pub(crate) make_active: bool,
    pub(crate) make_next: bool,
}

impl Plan {
    pub(crate) fn key_count(&self) -> usize {
        usize::from(self.make_active) + usize::from(self.make_next)
    }
}

/// Returns the changes that a start needs so that the keys of access tokens are as configured.
///
/// Between asymmetric algorithms the active key signs on until the next one was published long enough. Symmetric
/// and asymmetric keys never stand in one set, so there the keys of the other kind go at once.
pub(crate) fn plan(listed: &Listed, target: KeyTarget) -> Plan {
    let symmetric = target.algorithm.is_symmetric();
    let configured = symmetric && target.secret.is_some();
    let replace_all = |retire: Vec<String>| Plan {
        retire,
        make_active: true,
        make_next: !configured,
    };
    let all = || listed.keys.iter().map(|key| key.kid.clone()).collect();
    let Some(active) = listed.one(Slot::Access, State::Active) else {
        return replace_all(all());
    };
    if !target.serves {
        return Plan::default();
    }
    let replaced = configured && target.secret == Some(false);
    if active.algorithm.is_symmetric() != symmetric || replaced {
        return replace_all(all());
    }
    let next = listed.one(Slot::Access, State::Next);
    let fits = next.is_some_and(|next| next.algorithm == target.algorithm && !configured);
    let unfit = next.filter(|_| !fits);
    Plan {
        retire: unfit.map(|next| next.kid.clone()).into_iter().collect(),
        make_active: false,
        make_next: !fits && !configured,
    }
}

#[cfg(test)]
mod tests;
