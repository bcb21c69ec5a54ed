//! The use of a reset code. Until a code reaches the user by mail, the administrator who makes it passes it on, and must
//! not use it: they would choose a lasting password and act as the user.

use std::net::IpAddr;

use super::store::{self, ResetOrigin};
use crate::{
    app::App, audit::events, error::ApiError, login::password::Proven, sessions::store as sessions,
    store::Conn, throttle::is_same_place,
};

/// The sessions of an administrator that are compared.
const SESSIONS: i64 = 1000;

/// Refuses a reset code that comes from where its maker is: the address of the request that made it, or of a session of
/// its maker. The refusal is an event.
pub(crate) async fn check_redeemer(
    app: &App,
    proven: &Proven,
    address: &str,
) -> Result<(), ApiError> {
    let mut conn = app.store().read().await?;
    let origin = store::find_reset_origin(&mut conn, &proven.id).await?;
    let Some(origin) = origin.filter(|origin| origin.is_of_other(&proven.id)) else {
        return Ok(());
    };
    let addresses = addresses_of(app, &mut conn, &origin).await?;
    drop(conn);
    if !addresses.iter().any(|known| is_same(known, address)) {
        return Ok(());
    }
    let by = origin.by.as_deref().unwrap_or_default();
    let detail = format!("made by {by}");
    events::record(app, "reset_refused", Some(&proven.id), address, &detail).await?;
    Err(ApiError::rule(
        "reset_by_creator",
        "this reset code comes from the address of the person who made it: the owner of the account must use it, \
         from their own device and network",
        Vec::new(),
    ))
}

impl ResetOrigin {
    /// Returns false if the user made the code, and if nobody knows who did.
    fn is_of_other(&self, user: &str) -> bool {
        let by = self.by.as_deref();
        by.is_some_and(|by| by.strip_prefix("user:") != Some(user))
    }
}

/// Returns the addresses at which the maker of a code is.
async fn addresses_of(
    app: &App,
    conn: &mut Conn,
    origin: &ResetOrigin,
) -> Result<Vec<String>, ApiError> {
    let mut addresses: Vec<String> = origin.address.clone().into_iter().collect();
    let by = origin.by.as_deref().unwrap_or_default();
    if let Some(maker) = by.strip_prefix("user:") {
        let now = app.now();
        let used_after = now.minus(app.settings().sessions.idle);
        let sessions = sessions::list(conn, maker, "", now, used_after, SESSIONS).await?;
        addresses.extend(sessions.into_iter().map(|session| session.address));
    }
    Ok(addresses)
}

/// Returns true if two addresses belong to one place: IPv6 devices change addresses within their /64. Loopback is no
/// place: it is a proxy that is not trusted, or a person who tries rolecall.
fn is_same(known: &str, address: &str) -> bool {
    let parsed = address.parse::<IpAddr>();
    let is_place = parsed.is_ok_and(|parsed| {
        let parsed = parsed.to_canonical();
        !parsed.is_loopback() && !parsed.is_unspecified()
    });
    is_place && is_same_place(known, address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_place_by_table() {
        for (known, address, expected) in [
            ("198.51.100.7", "198.51.100.7", true),
            ("198.51.100.7", "198.51.100.8", false),
            ("2001:db8::1", "2001:db8::2", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("127.0.0.1", "127.0.0.1", false),
            ("::1", "::1", false),
            ("0.0.0.0", "0.0.0.0", false),
            ("", "", false),
        ] {
            assert_eq!(is_same(known, address), expected, "{known} {address}");
        }
    }
}
