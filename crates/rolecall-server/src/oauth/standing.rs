//! The position of a refresh token among those of its session: the newest, the one just replaced, or a copy.

use std::time::Duration;

use rolecall_core::Timestamp;

use crate::{
    login::known::Origin, sessions::store::Session, throttle::is_same_place,
    tokens::refresh_token::RefreshToken,
};

/// The time in which the token just replaced still gets its successor: for a lost answer, and for two tabs.
const GRACE: Duration = Duration::from_secs(10);

/// The number of times that a session may use its grace. Somebody with a copy of a refresh token could otherwise follow its owner
/// from one grace to the next, unnoticed for as long as the session lasts.
const MAX_GRACES: i64 = 5;

/// The position of a refresh token in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Newest,
    /// The newest one's predecessor, replaced a moment ago.
    JustReplaced,
    /// Used before, or never issued: there is a copy of it.
    Replayed,
}

/// Returns the position of a token in its session.
pub(super) fn standing(
    token: &RefreshToken,
    session: &Session,
    origin: &Origin<'_>,
    now: Timestamp,
) -> Standing {
    let generation = token.generation();
    if generation == session.generation {
        Standing::Newest
    } else if generation.checked_add(1) == Some(session.generation)
        && may_have_grace(session, origin, now)
    {
        Standing::JustReplaced
    } else {
        Standing::Replayed
    }
}

/// Returns true if the predecessor of the newest token may still be used: once, for a short time, a few times a session,
/// and only where its successor went or by the device of the log-in.
fn may_have_grace(session: &Session, origin: &Origin<'_>, now: Timestamp) -> bool {
    let is_recent = now < session.rotated_at.plus(GRACE)
        // a clock set back must not stretch the grace
        && now.plus(GRACE) >= session.rotated_at;
    let is_unused = session.graced_generation < session.generation;
    let is_same_device = || session.device.is_some() && session.device == origin.device_name();
    let is_same_client = is_same_place(origin.address, &session.address) || is_same_device();
    is_recent && is_unused && session.graces < MAX_GRACES && is_same_client
}
