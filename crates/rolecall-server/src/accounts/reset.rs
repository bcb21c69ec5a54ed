//! The use of a reset code, or of the first password that an administrator chose. Until a code reaches the user by mail,
//! the administrator who makes it passes it on, and must not use it: they would choose a lasting password and act as the
//! user.

use std::net::IpAddr;

use rolecall::PermissionName as _;
use serde_json::json;

use super::{
    registration::ResetCode,
    reset_store::{self, ResetOrigin},
    rights_over, service,
    store::{self, User},
};
use crate::{
    app::App,
    audit::events,
    authority::{caller::Caller, may, rights::Rights, subject::Status},
    error::ApiError,
    factors::owner::Owner,
    login::{known, password::Proven},
    roles::{assigning, request_ending},
    sessions::store as sessions,
    store::{Actor, Change, Conn},
    throttle::is_same_place,
};

/// The sessions of an administrator that are compared.
const SESSIONS: i64 = 1000;

/// Takes the password away and makes a one-time code instead; sessions end at once. `address` is where the request came
/// from; the code cannot be used there.
pub(crate) async fn start(
    app: &App,
    caller: Caller<'_>,
    id: &str,
    address: Option<&str>,
) -> Result<ResetCode, ApiError> {
    let code = ResetCode::new(app.database_now())?;
    let (by, address) = (caller.actor().to_string(), address.map(str::to_owned));
    let is_unconfirmed = app
        .change(caller, async |change| {
            let write = may::WriteUsers::NAME;
            let (rights, user) = rights_over::require(app, change, caller, write, id).await?;
            Owner::prove_at_own_account(app, change.conn(), caller, id).await?;
            // a caller who holds everything gains nothing by a code
            let is_unconfirmed = !rights.authority.is_unlimited();
            let origin = ResetOrigin {
                id: Some(code.id.clone()),
                at: Some(change.now()),
                by: Some(by),
                address,
                is_unconfirmed,
                ..ResetOrigin::default()
            };
            store::set_reset_code(change, id, &code.hash, code.expires_at).await?;
            reset_store::set_origin(change, id, &origin).await?;
            known::forget_failures(change.conn(), &app.account_of(&user.username)).await?;
            service::end_access(change, id).await?;
            request_ending::end_for_subject(change, id).await?;
            change.record(json!({ "action": "user.reset", "subject": id, "reset": code.id }));
            Ok(is_unconfirmed)
        })
        .await?;
    Ok(ResetCode {
        is_unconfirmed,
        ..code
    })
}

/// Refuses a reset code or first password that comes from where its maker is: the address of the request that made it,
/// or of a session of its maker. The refusal is an event. Returns true if somebody else than the user made it.
pub(crate) async fn check_redeemer(
    app: &App,
    proven: &Proven,
    address: &str,
) -> Result<bool, ApiError> {
    let mut conn = app.store().read().await?;
    let origin = reset_store::find_origin(&mut conn, &proven.id).await?;
    let Some(origin) = origin.filter(|origin| origin.is_of_other(&proven.id)) else {
        return Ok(false);
    };
    let addresses = addresses_of(app, &mut conn, &origin).await?;
    drop(conn);
    if !addresses.iter().any(|known| is_same(known, address)) {
        return Ok(true);
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

/// Refuses a reset code or first password whose maker could not make it for this user now: the user has got roles since
/// that exceed the maker's, and the maker knows the code. A code from the command line always works.
pub(crate) async fn check_maker(
    app: &App,
    change: &mut Change<'_>,
    user: &str,
    origin: &ResetOrigin,
) -> Result<(), ApiError> {
    if !origin.is_of_other(user) {
        return Ok(());
    }
    let by = origin.by.as_deref().unwrap_or_default();
    let Some(maker) = Actor::subject_in(by) else {
        return Ok(());
    };
    let rights = Rights::require_of(app, change, maker, None, may::WriteUsers::NAME).await;
    let checked = match rights {
        Ok(rights) => assigning::cover_subject(change, &rights, user).await,
        Err(refused) => Err(refused),
    };
    match checked {
        Err(ApiError::Denied(_) | ApiError::Lacks(_) | ApiError::Exceeds(_)) => {
            Err(ApiError::rule(
                "reset_outgrown",
                "the administrator who made this reset code or password may not reset this account any more: ask \
                 another administrator for a new reset code",
                Vec::new(),
            ))
        }
        other => other,
    }
}

/// Replaces the code of a user who has not used it, for a start that prints codes. `None` if the user has set a password
/// by now.
pub(crate) async fn renew_unused(app: &App, id: &str) -> Result<Option<ResetCode>, ApiError> {
    let code = ResetCode::new(app.database_now())?;
    let caller = Caller::System;
    let origin = ResetOrigin {
        id: Some(code.id.clone()),
        at: Some(app.now()),
        by: Some(caller.actor().to_string()),
        ..ResetOrigin::default()
    };
    let is_renewed = app
        .change(caller, async |change| {
            let now = change.now();
            let user = store::find_user(change.conn(), id, now).await?;
            let waits = |user: &User| user.status == Status::PasswordChangeRequired;
            let Some(user) = user.filter(waits) else {
                return Ok(false);
            };
            store::set_reset_code(change, id, &code.hash, code.expires_at).await?;
            reset_store::set_origin(change, id, &origin).await?;
            known::forget_failures(change.conn(), &app.account_of(&user.username)).await?;
            change.record(json!({ "action": "user.reset", "subject": id, "reset": code.id }));
            Ok(true)
        })
        .await?;
    Ok(is_renewed.then_some(code))
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
