//! When keys take turns: rules about stored keys and times, and nothing else.

use std::time::Duration;

use rolecall::token::Algorithm;
use rolecall_core::Timestamp;

use super::store::{Listed, State, StoredKey};

/// The time for which clients may cache the JWK Set.
pub(crate) const MAX_AGE: Duration = Duration::from_mins(5);
/// The time for which a key is published before it signs: every cached copy of the set has it by then.
pub(crate) const LEAD: Duration = Duration::from_secs(5 * 60 + 30);
/// The time for which a key is kept after its last token expired: the leeway of guards, and clocks that differ.
const KEPT_ON: Duration = Duration::from_secs(5 * 60 + 30);
/// Keys that can be in use at once. Each rotation leaves one behind until its tokens have ended, and readers of
/// JWK Sets have limits.
const MOST: usize = 16;
/// A time that lies further ahead was written by a clock that has been put right since.
const IMPOSSIBLY_AHEAD: Duration = Duration::from_hours(24);

/// Why keys do not take turns now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// There is no next key: the secret is configured.
    NoNext,
    /// Not everybody has the next key before this time.
    TooSoon(Timestamp),
    /// Too many keys are in use.
    TooMany,
}

/// Checks that the next key may sign from `now` on.
pub(crate) fn may_rotate(listed: &Listed, now: Timestamp, force: bool) -> Result<(), Obstacle> {
    let next = listed.one(State::Next).ok_or(Obstacle::NoNext)?;
    let waits = now < next.active_from && !is_impossible(next.active_from, now);
    if waits && !force {
        return Err(Obstacle::TooSoon(next.active_from));
    }
    let in_use = listed.keys.iter().filter(|key| key.state != State::Retired);
    if in_use.count() >= MOST {
        return Err(Obstacle::TooMany);
    }
    Ok(())
}

/// Whether keys are to take turns by themselves: the active one is old enough (`every`; none means never), or
/// another algorithm was configured.
pub(crate) fn is_due(listed: &Listed, now: Timestamp, every: Option<Duration>) -> bool {
    let (Some(active), Some(next)) = (listed.one(State::Active), listed.one(State::Next)) else {
        return false;
    };
    let old = every.is_some_and(|every| {
        now >= active.active_from.plus(every) || is_impossible(active.active_from, now)
    });
    (old || active.algorithm != next.algorithm) && may_rotate(listed, now, false).is_ok()
}

/// The retiring keys whose last token has ended.
pub(crate) fn ended(listed: &Listed, now: Timestamp) -> impl Iterator<Item = &StoredKey> {
    listed.keys.iter().filter(move |key| {
        key.state == State::Retiring && key.ends_at.is_none_or(|ends| ends <= now)
    })
}

/// Until when a key verifies that stops signing at `now`, where tokens live for at most `longest`.
pub(crate) fn last_end(now: Timestamp, longest: Duration) -> Timestamp {
    now.plus(longest).plus(KEPT_ON)
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
    /// Commands that serve nothing change no key that is there.
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
    pub(crate) fn keys_to_make(&self) -> usize {
        usize::from(self.make_active) + usize::from(self.make_next)
    }
}

/// Returns the changes that a start needs so that the keys are as configured.
///
/// Between asymmetric algorithms the active key signs on until the next one was published long enough. Symmetric
/// and asymmetric keys never stand in one set, so there the keys of the other kind go at once.
pub(crate) fn plan(listed: &Listed, target: KeyTarget) -> Plan {
    let symmetric = target.algorithm.is_symmetric();
    let configured = symmetric && target.secret.is_some();
    let anew = |retire: Vec<String>| Plan {
        retire,
        make_active: true,
        make_next: !configured,
    };
    let all = || listed.keys.iter().map(|key| key.kid.clone()).collect();
    let Some(active) = listed.one(State::Active) else {
        return anew(all());
    };
    if !target.serves {
        return Plan::default();
    }
    let replaced = configured && target.secret == Some(false);
    if active.algorithm.is_symmetric() != symmetric || replaced {
        return anew(all());
    }
    let next = listed.one(State::Next);
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
