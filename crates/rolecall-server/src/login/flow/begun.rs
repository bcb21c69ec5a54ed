//! The limits on sign-ins that are begun. Each is stored until somebody goes on with it, and strangers can begin any
//! number of them.

use std::time::Duration;

use crate::{app::App, error::ApiError, quota::Quota, throttle::Room};

/// The time after which a sign-in that nobody goes on with is deleted; no sign-in takes longer.
pub(crate) const KEPT: Duration = Duration::from_mins(30);
/// The sign-ins that one browser has begun; the next one replaces the oldest.
pub(super) const OF_BROWSER: i64 = 20;

/// Strangers may begin so many times as many sign-ins as they may register users: 300 a minute from one address.
const TIMES: u32 = 10;
/// The bytes that all strangers may store at once: 100 000 usual sign-ins.
const ROOM: u32 = 128 * 1024 * 1024;
/// The bytes of a row and its places in indexes beside the request.
const ROW: usize = 512;

/// Returns the room for the sign-ins of all strangers, and as much again for those of everybody who is signed in.
pub(crate) const fn room() -> Room {
    Room::new(ROOM, KEPT)
}

/// Counts a sign-in with a request of so many bytes, which a browser at `address` begins. Whoever is signed in with it
/// has a quota and room of their own, so that no flood of strangers keeps them out.
///
/// # Errors
///
/// [`ApiError::TooMany`] if there are too many.
pub(super) fn admit(
    app: &App,
    bytes: usize,
    address: &str,
    signed_in: Option<&str>,
) -> Result<(), ApiError> {
    let parts = app.parts();
    let now = parts.clock.monotonic();
    let bytes = bytes.saturating_add(ROW);
    let wait = if let Some(subject) = signed_in {
        app.take_quota(Quota::BegunSignIns, subject)?;
        // where anybody may register, many users are one person
        parts.room_for_users.take(bytes, now)
    } else {
        let of_address = parts.beginning_addresses.take_of(TIMES, address, now);
        of_address.or_else(|| parts.room_for_sign_ins.take(bytes, now))
    };
    match wait {
        Some(retry_after) => Err(ApiError::TooMany { retry_after }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn y309_many_users_begin_no_more_sign_ins_than_there_is_room_for() {
        let server = crate::Embedded::builder("sqlite::memory:").open().await;
        let server = server.unwrap();
        let app = server.app();
        let (bytes, address) = (8 * 1024, "203.0.113.7");
        let begun = (0..1_000_000)
            .take_while(|number| admit(app, bytes, address, Some(&number.to_string())).is_ok())
            .count();
        // room becomes free with time
        let expected = ROOM as usize / (bytes + ROW);
        assert!((expected..expected * 11 / 10).contains(&begun), "{begun}");
        // not because of a quota
        assert!(app.take_quota(Quota::BegunSignIns, "nobody yet").is_ok());
        // strangers have room of their own
        assert!(admit(app, bytes, address, None).is_ok());
    }
}
