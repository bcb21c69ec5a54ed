//! Remembered devices: those on which a sign-in asks for no second factor for a while.
//!
//! A device satisfies the need of the account and of `login.mfa`, and nothing else: it is no factor, and a sign-in with it
//! reaches what its password reaches. The browser has a secret, the database its keyed hash. Any floor on the user ends it
//! (see `Change::finish`), and so does the removal of a factor.

use super::remembered_store::{self as store, RememberedDevice};
use crate::{
    app::App,
    error::ApiError,
    ids,
    login::secret::{self, Kind},
    store::{Conn, StoreError},
};

/// The devices of a user that are remembered at once.
const MOST: i64 = 10;
/// Begins the id of a device, which stands among the factors on which a sign-in rests.
const PREFIX: &str = "rd-";

/// Returns the device among these credentials, which are separated by spaces.
pub(crate) fn among(credentials: &str) -> Option<&str> {
    credentials.split(' ').find(|id| id.starts_with(PREFIX))
}

/// Returns the id of the device with this cookie, if it is remembered for the user.
pub(crate) async fn find(
    app: &App,
    cookie: Option<&str>,
    subject: &str,
) -> Result<Option<String>, StoreError> {
    let hash = cookie.and_then(|secret| secret::hash(app, Kind::RememberedDevice, secret));
    let (Some(hash), Some(lifetime)) = (hash, app.settings().factors.remember) else {
        return Ok(None);
    };
    let now = app.now();
    let mut conn = app.store().read().await?;
    store::find(&mut conn, (&hash, subject), now, now.minus(lifetime)).await
}

/// Returns the devices of a user, the last used one first. A shorter `login.remember_device` holds for those of before too.
pub(crate) async fn list(
    app: &App,
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<RememberedDevice>, StoreError> {
    let Some(lifetime) = app.settings().factors.remember else {
        return Ok(Vec::new());
    };
    let now = app.now();
    store::list(conn, subject, now, now.minus(lifetime)).await
}

/// Remembers a device of a user who has just proven two factors, and returns its secret; `None` where none is remembered.
pub(crate) async fn make(
    app: &App,
    conn: &mut Conn,
    subject: &str,
    address: &str,
) -> Result<Option<String>, ApiError> {
    let Some(lifetime) = app.settings().factors.remember else {
        return Ok(None);
    };
    let now = app.now();
    let secret = secret::generate()?;
    let hash = secret::hash(app, Kind::RememberedDevice, &secret).unwrap_or_default();
    let id = ids::new_id(now).map_err(ApiError::internal)?;
    let device = RememberedDevice {
        id: format!("{PREFIX}{id}"),
        address: address.to_owned(),
        created_at: now,
        last_used_at: now,
    };
    let expires_at = now.plus(lifetime);
    store::insert(conn, (subject, &hash), &device, expires_at, MOST).await?;
    Ok(Some(secret))
}

/// Notes that a device was used.
pub(crate) async fn touch(app: &App, conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    store::touch(conn, id, app.now()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_among_factors() {
        for (credentials, device) in [
            ("", None),
            ("0197-a", None),
            ("recovery 0197-a", None),
            ("rd-0197", Some("rd-0197")),
            ("0197-a rd-1 recovery", Some("rd-1")),
            ("x-rd-1", None),
        ] {
            assert_eq!(among(credentials), device, "{credentials}");
        }
    }
}
