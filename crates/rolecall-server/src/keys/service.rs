//! The rules for signing keys: one key signs, the next one is published in advance, and an old one verifies until its
//! last token has expired.

use std::time::Duration;

use rolecall::PermissionName as _;
use rolecall::token::{Algorithm, SigningKey, VerifyingKey};
use rolecall_core::Timestamp;
use serde_json::{Value, json};

use super::{
    fresh::{self, Fresh, NewKey},
    id_tokens,
    lifecycle::{self, KeyTarget, LEAD, Obstacle, Plan},
    master, ring,
    store::{self, Listed, Slot, State, StoredKey},
};
use crate::authority::reads;
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::ApiError,
    reasons::Reason,
    store::{Change, Conn},
    times::rfc3339,
    vault::{MasterKey, MasterKeys},
};

/// The time for which a retired key is still listed.
pub(super) const LISTED_FOR: Duration = Duration::from_hours(90 * 24);

/// The configuration of signing keys.
#[derive(Clone, Copy)]
pub(crate) struct Configured<'a> {
    pub(crate) algorithm: Algorithm,
    /// The secret of a symmetric algorithm.
    pub(crate) secret: Option<&'a [u8]>,
    /// Tokens will be issued. Commands that issue none do not change existing keys.
    pub(crate) serves: bool,
}

impl Configured<'_> {
    fn plan(&self, listed: &Listed, master: &MasterKey) -> Result<Plan, ApiError> {
        let secret = match self.secret.filter(|_| self.algorithm.is_symmetric()) {
            Some(secret) => Some(self.is_active(listed, master, secret)?),
            None => None,
        };
        let target = KeyTarget {
            algorithm: self.algorithm,
            secret,
            serves: self.serves,
        };
        Ok(lifecycle::plan(listed, target))
    }

    fn is_active(
        &self,
        listed: &Listed,
        master: &MasterKey,
        secret: &[u8],
    ) -> Result<bool, ApiError> {
        let Some(active) = listed.one(Slot::Access, State::Active) else {
            return Ok(false);
        };
        let plain = master::open_key(master, active).map_err(ApiError::internal)?;
        Ok(active.algorithm == self.algorithm
            && bool::from(subtle::ConstantTimeEq::ct_eq(plain.as_slice(), secret)))
    }
}

/// Generates the keys that a start needs, before its change begins. `needed` are the algorithms of ID tokens.
pub(crate) async fn prepare(
    conn: &mut Conn,
    masters: &MasterKeys,
    configured: Configured<'_>,
    needed: &[Algorithm],
) -> Result<Fresh, ApiError> {
    let (listed, master) = master::list_keys(conn, masters).await?;
    let plan = configured.plan(&listed, master)?;
    let mut wanted = vec![(Slot::Access, configured.algorithm); plan.key_count()];
    if configured.serves {
        for algorithm in lifecycle::missing(&listed, configured.algorithm, needed) {
            wanted.extend([(Slot::IdToken(algorithm), algorithm); 2]);
        }
    }
    Fresh::generate(wanted).await
}

/// Sees to it that the keys are as configured. A configured secret is the key: an earlier one was replaced
/// because it is not trusted any more, so what it signed ends.
pub(crate) async fn reconcile(
    change: &mut Change<'_>,
    masters: &MasterKeys,
    configured: Configured<'_>,
    needed: &[Algorithm],
    mut fresh: Fresh,
) -> Result<(), ApiError> {
    let (listed, master) = master::list_keys(change.conn(), masters).await?;
    let plan = configured.plan(&listed, master)?;
    for kid in &plan.retire {
        retire_key(change, kid).await?;
    }
    let now = change.now();
    let algorithm = configured.algorithm;
    if plan.make_active {
        let active = NewKey {
            slot: Slot::Access,
            algorithm,
            state: State::Active,
            active_from: now,
        };
        match configured.secret.filter(|_| algorithm.is_symmetric()) {
            Some(secret) => fresh::insert(change, master, &active, secret).await?,
            None => fresh.insert(change, master, &active).await?,
        }
    }
    if plan.make_next {
        // the first keys need no lead: no cached set is older than them
        let lead = if plan.make_active {
            Duration::ZERO
        } else {
            LEAD
        };
        let from = now.plus(lead);
        fresh
            .insert_next(change, master, (Slot::Access, algorithm), from)
            .await?;
    }
    if !configured.serves {
        return Ok(());
    }
    let listed = store::list(change.conn()).await?;
    for algorithm in lifecycle::missing(&listed, configured.algorithm, needed) {
        id_tokens::fill_slot(change, master, &mut fresh, algorithm).await?;
    }
    Ok(())
}

pub(super) async fn retire_key(change: &mut Change<'_>, kid: &str) -> Result<(), ApiError> {
    store::retire(change, kid).await?;
    change.record(json!({ "action": "key.retired", "kid": kid }));
    change.keys_changed();
    Ok(())
}

/// The key that signs after a rotation.
pub(crate) struct Rotated {
    pub(crate) key: StoredKey,
    /// What the rotation breaks, if the key signs before every verifier can have it.
    pub(crate) warning: Option<String>,
}

/// Activates the next key of access tokens and publishes another one, and likewise those of ID tokens where they have
/// been published long enough. Returns the new active key of access tokens.
///
/// # Errors
///
/// If the next key was published so recently that cached JWK Sets may lack it, unless `force`.
pub(crate) async fn rotate(
    app: &App,
    caller: Caller<'_>,
    force: bool,
) -> Result<Rotated, ApiError> {
    let mut fresh = generate_next(app, force).await?;
    // the clock of this node may be wrong
    let now = app.database_now();
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::RotateKeys::NAME).await?;
        let (listed, master) = master::list_keys(change.conn(), &app.parts().masters).await?;
        let rotated = rotate_now(
            change,
            &listed,
            master,
            (Slot::Access, now),
            (&mut fresh, force),
        )
        .await?;
        for slot in others_ready(&listed, now, force) {
            rotate_now(change, &listed, master, (slot, now), (&mut fresh, force)).await?;
        }
        Ok(rotated)
    })
    .await
}

/// Returns the slots of ID tokens whose next key may sign.
fn others_ready(listed: &Listed, now: Timestamp, force: bool) -> Vec<Slot> {
    let mut slots = listed.slots();
    slots.retain(|slot| {
        *slot != Slot::Access && lifecycle::may_rotate(listed, *slot, now, force).is_ok()
    });
    slots
}

/// Generates the keys after the next ones. Checks the rules first, since generation takes a while.
async fn generate_next(app: &App, force: bool) -> Result<Fresh, ApiError> {
    let listed = store::list(&mut app.store().read().await?).await?;
    let now = app.database_now();
    lifecycle::may_rotate(&listed, Slot::Access, now, force).map_err(refusal)?;
    let mut slots = vec![Slot::Access];
    slots.extend(others_ready(&listed, now, force));
    Fresh::generate(nexts(&listed, &slots)).await
}

/// Returns what is to be generated so that each of these slots has a key after its next one.
pub(super) fn nexts(listed: &Listed, slots: &[Slot]) -> Vec<(Slot, Algorithm)> {
    let next = |slot: &Slot| {
        let next = listed.one(*slot, State::Next)?;
        Some((*slot, next.algorithm))
    };
    slots.iter().filter_map(next).collect()
}

fn refusal(obstacle: Obstacle) -> ApiError {
    let reason = match obstacle {
        Obstacle::NoNext => Reason::KeyIsConfigured,
        Obstacle::TooSoon(until) => Reason::KeyTooSoon {
            until: rfc3339(until),
        },
        Obstacle::TooMany => Reason::TooManyKeys,
    };
    ApiError::because(reason, Vec::new())
}

/// Activates the next key of a slot at `now`, the time of the database.
pub(super) async fn rotate_now(
    change: &mut Change<'_>,
    listed: &Listed,
    master: &MasterKey,
    (slot, now): (Slot, Timestamp),
    (fresh, force): (&mut Fresh, bool),
) -> Result<Rotated, ApiError> {
    lifecycle::may_rotate(listed, slot, now, force).map_err(refusal)?;
    let next = listed
        .one(slot, State::Next)
        .ok_or_else(|| refusal(Obstacle::NoNext))?;
    let before = listed.one(slot, State::Active);
    if let Some(before) = before {
        let longest = u64::try_from(change.head().longest_ttl_seconds).unwrap_or(0);
        // as floors do, so that a clock that is behind ends no key early
        let latest = change.latest().max(now);
        let ends_at = lifecycle::last_end(latest, Duration::from_secs(longest));
        store::step_down(change, &before.kid, ends_at).await?;
    }
    store::activate(change, &next.kid, now).await?;
    change.record(json!({
        "action": "key.rotated", "kid": next.kid, "before": before.map(|before| &before.kid), "forced": force,
    }));
    fresh
        .insert_next(change, master, (slot, next.algorithm), now.plus(LEAD))
        .await?;
    Ok(Rotated {
        warning: early_warning(next, now),
        key: StoredKey {
            state: State::Active,
            active_from: now,
            ..next.clone()
        },
    })
}

/// Describes what breaks if `next` signs at `now`; `None` if every verifier can have it.
fn early_warning(next: &StoredKey, now: Timestamp) -> Option<String> {
    lifecycle::is_early(next, now).then(|| {
        format!(
            "key {} was published only at {}: services that loaded the keys before refuse its tokens until they load \
             them again, some for 15 minutes and longer; restart those that must not wait",
            next.kid,
            rfc3339(next.created_at)
        )
    })
}

/// Retires a key that is no longer trusted: the tokens that it signed are refused. If it was active, the next key signs
/// at once; then this returns what breaks if not every verifier can have that key.
pub(crate) async fn retire(
    app: &App,
    caller: Caller<'_>,
    kid: &str,
) -> Result<Option<String>, ApiError> {
    let listed = store::list(&mut app.store().read().await?).await?;
    let slot = listed.keys.iter().find(|key| key.kid == kid);
    let slots: Vec<Slot> = slot.map(|key| key.slot).into_iter().collect();
    let mut fresh = Fresh::generate(nexts(&listed, &slots)).await?;
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::RotateKeys::NAME).await?;
        let (listed, master) = master::list_keys(change.conn(), &app.parts().masters).await?;
        let key = listed.keys.iter().find(|key| key.kid == kid);
        let key = key.ok_or_else(|| ApiError::unknown("signing key in use", &kid))?;
        let next = listed.one(key.slot, State::Next);
        let now = app.database_now();
        if key.state == State::Active && next.is_none() {
            return Err(refusal(Obstacle::NoNext));
        }
        retire_key(change, kid).await?;
        let mut warning = None;
        if let (State::Active, Some(next)) = (key.state, next) {
            store::activate(change, &next.kid, now).await?;
            warning = early_warning(next, now);
        }
        if let (State::Active | State::Next, Some(next)) = (key.state, next) {
            let wanted = (key.slot, next.algorithm);
            fresh
                .insert_next(change, master, wanted, now.plus(LEAD))
                .await?;
        }
        Ok(warning)
    })
    .await
}

/// A key for display, with its public half if it has one.
pub(crate) struct Shown {
    pub(crate) key: StoredKey,
    pub(crate) public_jwk: Option<Value>,
}

/// Returns up to `limit` keys after the key id `after`, newest first; retired keys are listed for a while.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<Shown>, ApiError> {
    reads::require(app, caller, may::ReadKeys::NAME).await?;
    let since = app.now().minus(LISTED_FOR);
    let listed = store::list_since(&mut app.store().read().await?, since).await?;
    let opened = ring::open_all(&listed, &app.parts().masters)?;
    let mut keys = listed.keys.clone();
    keys.sort_by(|one, other| (other.created_at, &one.kid).cmp(&(one.created_at, &other.kid)));
    let start = match after {
        "" => 0,
        _ => keys
            .iter()
            .position(|key| key.kid == after)
            .map_or(keys.len(), |at| at + 1),
    };
    let jwk = |kid: &str| {
        let found = opened.iter().find(|(key, _)| key.kid == kid);
        found.and_then(|(_, key)| SigningKey::public_jwk(key))
    };
    let shown = keys.into_iter().skip(start).map(|key| Shown {
        public_jwk: jwk(&key.kid),
        key,
    });
    Ok(shown.take(usize::try_from(limit).unwrap_or(0)).collect())
}

/// Returns a key for display.
pub(crate) fn show(app: &App, key: StoredKey) -> Shown {
    let keys = app.parts().live.keys();
    let public = keys.iter().find(|one| one.kid() == Some(&key.kid));
    let public_jwk = public.and_then(VerifyingKey::public_jwk);
    Shown { key, public_jwk }
}

/// Returns the JWK Set (RFC 7517): public halves only, and none for HS256.
pub(crate) fn public_set(app: &App) -> Value {
    let keys = app.parts().live.keys();
    json!({ "keys": keys.iter().filter_map(VerifyingKey::public_jwk).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests;
