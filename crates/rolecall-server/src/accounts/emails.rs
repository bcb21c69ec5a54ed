//! The rules for e-mail addresses: which are taken, and which are verified.

use rolecall_core::Timestamp;

use super::{
    email_store as store,
    store::{User, find_alike},
};
use crate::{
    app::App,
    authority::{caller::Caller, rights::Rights},
    error::{ApiError, FieldError},
    reasons::Reason,
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
    refuse_used(app, change.conn(), email, own).await
}

/// The same outside of a change, before the address is proven.
pub(crate) async fn refuse_used(
    app: &App,
    conn: &mut Conn,
    email: Option<&str>,
    own: &str,
) -> Result<(), ApiError> {
    let Some(email) = email.filter(|_| app.settings().unique_email) else {
        return Ok(());
    };
    if store::is_email_used(conn, email, own).await? {
        return Err(ApiError::because(Reason::EmailUsed, Vec::new()));
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
        return Err(ApiError::because(Reason::EmailVerified, Vec::new()));
    }
    // names are looked up first: the owner of the address could not sign in with it
    let named = find_alike(change.conn(), email).await?;
    if named.is_some_and(|named| named != own) {
        return Err(ApiError::because(Reason::EmailIsName, Vec::new()));
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

/// The verification of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) at: Option<Timestamp>,
    /// The administrator within the delegation limit who says so; `None` if it was proven.
    pub(super) by: Option<String>,
}

/// Returns who answers for the address that a caller says to be verified: nobody has to where the delegation limit does not
/// apply.
pub(crate) fn declarer(rights: &Rights, caller: Caller<'_>) -> Option<String> {
    let is_limited = !rights.authority.is_unlimited();
    is_limited.then(|| caller.actor().to_string())
}

/// Says when the address of a user was verified, and by whom, after a change by `declarer`: a new address is not verified
/// unless `wanted` says so, and what was proven stays proven.
///
/// # Errors
///
/// Refused if there is no address to verify.
pub(super) fn verified(
    before: Option<&User>,
    email: Option<&str>,
    wanted: Option<bool>,
    now: Timestamp,
    declarer: Option<String>,
) -> Result<Verified, ApiError> {
    let kept = before.filter(|before| before.email.as_deref() == email);
    let kept = kept.filter(|before| before.email_verified_at.is_some());
    let (at, by) = kept.map_or((None, None), |before| {
        (before.email_verified_at, before.email_verified_by.clone())
    });
    match (wanted, email) {
        (Some(true), None) => Err(ApiError::Invalid(FieldError::because(
            "email_verified",
            "value_error",
            Reason::NothingToVerify,
        ))),
        // above the limit, the word of the caller makes a proven one of it
        (Some(true), Some(_)) => Ok(Verified {
            at: at.or(Some(now)),
            by: if kept.is_some() {
                by.and(declarer)
            } else {
                declarer
            },
        }),
        (Some(false), _) => Ok(Verified::default()),
        (None, _) => Ok(Verified { at, by }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::subject::Status;

    fn user(email: Option<&str>, at: Option<Timestamp>, by: Option<&str>) -> User {
        User {
            id: "u".to_owned(),
            username: "alice".to_owned(),
            email: email.map(str::to_owned),
            email_verified_at: at,
            email_verified_by: by.map(str::to_owned),
            status: Status::Active,
            profile: crate::profile::stored::StoredProfile::default(),
            roles: Vec::new(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn y430_a_new_address_is_not_verified_and_a_proven_one_stays_so() {
        let (then, now) = (Timestamp::from_seconds(1), Timestamp::from_seconds(2));
        let (own, new) = (Some("a@b.example"), Some("c@b.example"));
        let proven = user(own, Some(then), None);
        let declared = user(own, Some(then), Some("user:x"));
        let other = user(own, None, None);
        let (none, yes, no) = (None, Some(true), Some(false));
        for (before, email, wanted, declarer, at, by) in [
            (Some(&proven), own, none, Some("user:y"), Some(then), None),
            (Some(&proven), own, yes, Some("user:y"), Some(then), None),
            (Some(&proven), own, no, None, None, None),
            (Some(&proven), Some("A@b.example"), none, None, None, None),
            (Some(&proven), new, none, None, None, None),
            (Some(&proven), new, yes, None, Some(now), None),
            (
                Some(&proven),
                new,
                yes,
                Some("user:y"),
                Some(now),
                Some("user:y"),
            ),
            (Some(&proven), None, none, None, None, None),
            (Some(&proven), None, no, None, None, None),
            (Some(&declared), own, none, None, Some(then), Some("user:x")),
            (
                Some(&declared),
                own,
                yes,
                Some("user:y"),
                Some(then),
                Some("user:y"),
            ),
            (Some(&declared), own, yes, None, Some(then), None),
            (Some(&other), own, none, None, None, None),
            (
                Some(&other),
                own,
                yes,
                Some("user:y"),
                Some(now),
                Some("user:y"),
            ),
            (None, own, none, Some("user:y"), None, None),
            (None, own, yes, None, Some(now), None),
        ] {
            let found = verified(before, email, wanted, now, declarer.map(str::to_owned));
            let expected = Verified {
                at,
                by: by.map(str::to_owned),
            };
            assert_eq!(found.unwrap(), expected, "{before:?} {email:?} {wanted:?}");
        }
        assert!(verified(Some(&proven), None, Some(true), now, None).is_err());
        assert_eq!(proven.proven_email(), own);
        assert_eq!(declared.proven_email(), None);
        assert_eq!(other.proven_email(), None);
    }
}
