//! The rules for e-mail addresses: which are taken, and which are verified.

use rolecall_core::Timestamp;

use super::{
    email_store as store,
    store::{User, find_alike},
};
use crate::{
    app::App,
    error::{ApiError, FieldError},
    store::{Change, Conn},
};

/// Refuses an e-mail address that a user other than `own` has, where the configuration says that addresses are unique.
/// Changes are serialized, so two users cannot claim one address at the same time.
pub(crate) async fn refuse_taken(
    app: &App,
    change: &mut Change<'_>,
    email: Option<&str>,
    own: &str,
) -> Result<(), ApiError> {
    let Some(email) = email.filter(|_| app.settings().unique_email) else {
        return Ok(());
    };
    if store::is_email_used(change.conn(), email, own).await? {
        let detail = "another user has this e-mail address: use another one";
        return Err(ApiError::rule("email_taken", detail, Vec::new()));
    }
    Ok(())
}

/// Refuses to verify an e-mail address that is the verified one of a user other than `own`, or their name: it names one
/// user. An address that is not verified may be anybody's.
pub(crate) async fn refuse_verified(
    change: &mut Change<'_>,
    email: Option<&str>,
    verified_at: Option<Timestamp>,
    own: &str,
) -> Result<(), ApiError> {
    let Some(email) = email.filter(|_| verified_at.is_some()) else {
        return Ok(());
    };
    if store::is_email_verified(change.conn(), email, own).await? {
        let detail = "this is the verified e-mail address of another user: remove it there first";
        return Err(ApiError::rule("email_taken", detail, Vec::new()));
    }
    // names are looked up first: the owner of the address could not sign in with it
    let named = find_alike(change.conn(), email).await?;
    if named.is_some_and(|named| named != own) {
        let detail = "this is the name of another user: rename that one first";
        return Err(ApiError::rule("email_taken", detail, Vec::new()));
    }
    Ok(())
}

/// Refuses a user name that looks like the one of a user other than `own`, or that is their verified e-mail address: names
/// are looked up first, and the owner of the address could not sign in with it any more.
pub(crate) async fn refuse_name(
    conn: &mut Conn,
    username: &str,
    own: &str,
) -> Result<(), ApiError> {
    let alike = find_alike(conn, username).await?;
    let is_taken = alike.is_some_and(|found| found != own)
        || (username.contains('@') && store::is_email_verified(conn, username, own).await?);
    if is_taken {
        return Err(ApiError::already_there("user", &username));
    }
    Ok(())
}

/// Says when the address of a user was verified, after a change: a new address is not verified unless `wanted` says so.
///
/// # Errors
///
/// Refused if there is no address to verify.
pub(super) fn verified_at(
    before: Option<&User>,
    email: Option<&str>,
    wanted: Option<bool>,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    let kept = before.filter(|before| before.email.as_deref() == email);
    let kept = kept.and_then(|before| before.email_verified_at);
    match (wanted, email) {
        (Some(true), None) => Err(ApiError::Invalid(FieldError::body(
            "email_verified",
            "value_error",
            "email_verified: the user has no e-mail address to verify; set `email` too",
        ))),
        (Some(true), Some(_)) => Ok(kept.or(Some(now))),
        (Some(false), _) => Ok(None),
        (None, _) => Ok(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::subject::Status;

    fn user(email: Option<&str>, email_verified_at: Option<Timestamp>) -> User {
        User {
            id: "u".to_owned(),
            username: "alice".to_owned(),
            email: email.map(str::to_owned),
            email_verified_at,
            status: Status::Active,
            profile: crate::profile::stored::StoredProfile::default(),
            roles: Vec::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_new_address_is_not_verified_and_a_verified_one_stays_so() {
        let (then, now) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
        let verified = user(Some("a@b.example"), Some(then));
        let other = user(Some("a@b.example"), None);
        for (before, email, wanted, expected) in [
            (Some(&verified), Some("a@b.example"), None, Some(then)),
            (Some(&verified), Some("a@b.example"), Some(true), Some(then)),
            (Some(&verified), Some("a@b.example"), Some(false), None),
            (Some(&verified), Some("A@b.example"), None, None),
            (Some(&verified), Some("c@b.example"), None, None),
            (Some(&verified), Some("c@b.example"), Some(true), Some(now)),
            (Some(&verified), None, None, None),
            (Some(&verified), None, Some(false), None),
            (Some(&other), Some("a@b.example"), None, None),
            (Some(&other), Some("a@b.example"), Some(true), Some(now)),
            (None, Some("a@b.example"), None, None),
            (None, Some("a@b.example"), Some(true), Some(now)),
        ] {
            let found = verified_at(before, email, wanted, now).unwrap();
            assert_eq!(found, expected, "{before:?} {email:?} {wanted:?}");
        }
        assert!(verified_at(Some(&verified), None, Some(true), now).is_err());
    }
}
