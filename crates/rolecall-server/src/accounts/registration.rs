//! New users: by themselves, by an administrator, and for `dev` and the examples.

use std::net::IpAddr;

use rolecall::PermissionName as _;
use rolecall_core::{RoleName, Timestamp, is_unprintable};
use rolecall_passwords::{HashError, Lane, Password, PasswordProblem};
use serde_json::json;

use super::{
    emails,
    reset_store::{self, ResetOrigin},
    shown::ShownUser,
    store::{self, NewUser, User},
};
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::{ApiError, FieldError},
    ids,
    login::reset_code::{RESET_CODE_LIFETIME, hash_reset_code},
    profile::{
        input::ProfileInput,
        rules::{Party, ProfileChanges},
        stored::StoredProfile,
    },
    roles::{
        assigning::{Assignee, Validity, is_administrated},
        assignments, open_roles,
    },
    store::{Change, outbox::Notice},
    throttle::network_lane,
    usernames::Username,
};

const MAX_EMAIL_LENGTH: usize = 254;
const NOT_AN_EMAIL: &str = "that is not an e-mail address";
const EMAIL_LITERAL: &str = "an e-mail address at an IP address is not allowed: use one at a domain, as in `name@example.com`";

/// The answer to somebody who would be the first administrator.
pub(super) const FIRST_EXISTS: &str = "there is an administrator already";

/// A reset code, shown once.
#[derive(Clone, Debug)]
pub(crate) struct ResetCode {
    pub(crate) code: String,
    pub(crate) hash: String,
    pub(crate) expires_at: Timestamp,
    /// The id of the reset, which a confirmation names.
    pub(crate) id: String,
    /// It is worth nothing until its owner or a second person confirms it.
    pub(crate) is_unconfirmed: bool,
}

impl ResetCode {
    pub(crate) fn new(now: Timestamp) -> Result<Self, ApiError> {
        let code = ids::new_reset_code().map_err(ApiError::internal)?;
        let canonical = ids::canonical_reset_code(&code).unwrap_or_else(|| code.clone());
        Ok(Self {
            hash: hash_reset_code(&canonical),
            code,
            expires_at: now.plus(RESET_CODE_LIFETIME),
            id: ids::new_id(now).map_err(ApiError::internal)?,
            is_unconfirmed: false,
        })
    }
}

/// A user to create, not yet checked.
pub(crate) struct NewAccount<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    /// The address is the user's, as the caller says.
    pub(crate) email_verified: bool,
    pub(crate) roles: Vec<RoleName>,
    pub(crate) profile: ProfileInput,
    /// Where the request came from, unless it is a command; a reset code or a first password cannot be used there.
    pub(crate) address: Option<&'a str>,
}

/// Registers a user who is not logged in, with the roles that the configuration names.
pub(crate) async fn register(
    app: &App,
    username: &str,
    password: &str,
    email: Option<&str>,
    profile: ProfileInput,
    address: &str,
) -> Result<ShownUser, ApiError> {
    if !app.settings().registration_open {
        return Err(ApiError::Forbidden("Registration is closed"));
    }
    if app.settings().registration_by_mail() {
        return Err(ApiError::Forbidden(
            "Register at /signup, where your e-mail address is proven first",
        ));
    }
    app.admit_registration(address)?;
    if let Some(error) = open_roles::violation(app).await? {
        tracing::error!(%error, "registration would give away permissions of rolecall's own");
        return Err(ApiError::Forbidden("Registration is closed"));
    }
    let fields = &app.settings().profile;
    let profile = ProfileChanges::check_registration(fields, profile)?;
    let roles = app.settings().registration_roles.iter().cloned().collect();
    let wanted = NewAccount {
        username,
        password: Some(password),
        email,
        email_verified: false,
        roles,
        profile: ProfileInput::default(),
        address: Some(address),
    };
    match create_with(app, Caller::System, &wanted, &profile, Condition::None).await {
        Ok((user, _)) => Ok(ShownUser::to(app, Party::Owner, user)),
        // a constraint was added since the start; its details are not for strangers
        Err(error @ ApiError::Separation(_)) => {
            tracing::error!(%error, "registration gives roles that a constraint keeps apart");
            Err(ApiError::Forbidden("Registration is closed"))
        }
        Err(error) => Err(error),
    }
}

/// Makes a user; without a password the answer holds a reset code. A password that comes from a caller to whom the
/// delegation limit applies must be changed first: the caller knows it, and roles that others assign later would be
/// the caller's too.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    wanted: &NewAccount<'_>,
) -> Result<(ShownUser, Option<ResetCode>), ApiError> {
    let party = Party::administering(caller);
    let fields = &app.settings().profile;
    let profile = ProfileChanges::check(fields, party, wanted.profile.clone())?;
    let (user, reset) = create_with(app, caller, wanted, &profile, Condition::None).await?;
    Ok((ShownUser::to(app, party, user), reset))
}

/// A condition that must hold in the transaction in which a user is created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    NoAdministrator,
}

/// As [`create`], with a profile that was checked.
pub(super) async fn create_with(
    app: &App,
    caller: Caller<'_>,
    wanted: &NewAccount<'_>,
    profile: &ProfileChanges,
    condition: Condition,
) -> Result<(User, Option<ResetCode>), ApiError> {
    let none = StoredProfile::default();
    let profile = profile.apply(&app.settings().profile, &none)?;
    let profile = profile.map_or(none, |changed| changed.profile);
    let username = parse_new_username(wanted.username)?;
    let email = wanted.email.map(parse_email).transpose()?;
    let hash = match wanted.password {
        Some(password) => {
            let lane = Lane {
                source: network_lane(wanted.address.unwrap_or_default()),
                account: 0,
            };
            Some(hash_new(app, lane, "password", password, &username).await?)
        }
        None => None,
    };
    let reset = if hash.is_none() {
        Some(ResetCode::new(app.database_now())?)
    } else {
        None
    };
    let id = ids::new_id(app.now()).map_err(ApiError::internal)?;
    let user = NewUser {
        id: &id,
        username: username.as_str(),
        email: email.as_deref(),
        email_verified_at: None,
        email_verified_by: None,
        password_hash: hash.as_deref(),
        reset_code_hash: reset.as_ref().map(|reset| reset.hash.as_str()),
        reset_expires_at: reset.as_ref().map(|reset| reset.expires_at),
        must_change_password: hash.is_none(),
        profile: &profile,
    };
    let user = app
        .change(caller, async |change| {
            let rights = Rights::require(app, change, caller, may::WriteUsers::NAME).await?;
            if condition == Condition::NoAdministrator && is_administrated(change).await? {
                return Err(ApiError::Forbidden(FIRST_EXISTS));
            }
            if !wanted.roles.is_empty() {
                Rights::require(app, change, caller, may::WriteAssignments::NAME).await?;
            }
            let is_wanted = wanted.email_verified.then_some(true);
            let declarer = emails::declarer(&rights, caller);
            let verified = emails::verified(None, user.email, is_wanted, change.now(), declarer)?;
            let user = NewUser {
                email_verified_at: verified.at,
                email_verified_by: verified.by.as_deref(),
                must_change_password: user.must_change_password || !rights.authority.is_unlimited(),
                ..user
            };
            emails::refuse_taken(app, change, user.email, &id).await?;
            let created = create_in(change, &rights, caller, &user, &wanted.roles).await?;
            if user.must_change_password {
                let origin = ResetOrigin {
                    by: Some(caller.actor().to_string()),
                    address: wanted.address.map(str::to_owned),
                    at: Some(change.now()),
                    ..ResetOrigin::default()
                };
                reset_store::set_origin(change, &id, &origin).await?;
            }
            Ok(created)
        })
        .await?;
    Ok((user, reset))
}

/// The same inside a change that does more.
pub(crate) async fn create_in(
    change: &mut Change<'_>,
    rights: &Rights,
    caller: Caller<'_>,
    user: &NewUser<'_>,
    roles: &[RoleName],
) -> Result<User, ApiError> {
    emails::refuse_verified(change, user.email, user.email_verified_at, user.id).await?;
    emails::refuse_name(change.conn(), user.username, user.id).await?;
    if !store::insert_user(change, user).await? {
        return Err(ApiError::already_there("user", &user.username));
    }
    let mut entry = json!({ "action": "user.created", "subject": user.id });
    let fields: Vec<&str> = user.profile.names().collect();
    if let (false, Some(members)) = (fields.is_empty(), entry.as_object_mut()) {
        members.insert("profile".to_owned(), json!(fields));
    }
    change.record(entry);
    change.notify(user.id, Notice::Registered).await?;
    for role in roles {
        assignments::assign_in(
            change,
            rights,
            caller,
            Assignee::User(user.id),
            role,
            None,
            &Validity::default(),
        )
        .await?;
    }
    let now = change.now();
    let created = store::find_user(change.conn(), user.id, now).await?;
    created.ok_or_else(|| ApiError::unknown("user", &user.id))
}

/// The one form of a user name, for creating, logging in, searching and renaming.
pub(crate) fn parse_username(text: &str) -> Result<Username, ApiError> {
    Username::parse(text).map_err(|problem| refused_name(problem.code(), problem.to_string()))
}

/// Checks a name that an account is to get. Commands and pages accept names and ids: the name of one user must not be the id
/// of another.
pub(crate) fn parse_new_username(text: &str) -> Result<Username, ApiError> {
    let name = parse_username(text)?;
    if ids::is_id(name.as_str()) {
        let msg = "the user name must not have the form of an id: choose another name";
        return Err(refused_name("username_like_an_id", msg.to_owned()));
    }
    Ok(name)
}

fn refused_name(code: &'static str, msg: String) -> ApiError {
    ApiError::Invalid(FieldError::body("username", code, msg))
}

/// Checks that an address has one `@` with text on both sides, and names no host by its IP address: that would have the
/// mail server connect to any machine of its network. Only an e-mail could show that an address works.
pub(crate) fn parse_email(text: &str) -> Result<String, ApiError> {
    let fits = text.len() <= MAX_EMAIL_LENGTH
        && !text.chars().any(|c| is_unprintable(c) || c.is_whitespace())
        && text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@')
        });
    let refused = |kind: &'static str, msg: &str| {
        Err(ApiError::Invalid(FieldError::body("email", kind, msg)))
    };
    if !fits {
        return refused("email", NOT_AN_EMAIL);
    }
    if is_at_ip_address(text) {
        return refused("email_literal", EMAIL_LITERAL);
    }
    Ok(text.to_owned())
}

/// Returns true for an address literal (RFC 5321 section 4.1.3), with the brackets or without them.
fn is_at_ip_address(address: &str) -> bool {
    let (_, host) = address.split_once('@').unwrap_or_default();
    host.starts_with('[') || host.parse::<IpAddr>().is_ok()
}

/// Checks a new password against the rules and hashes it, waiting in `lane`.
pub(crate) async fn hash_new(
    app: &App,
    lane: Lane,
    member: &str,
    password: &str,
    username: &Username,
) -> Result<String, ApiError> {
    let parts = app.parts();
    let refused = |problem: PasswordProblem| {
        ApiError::Invalid(FieldError::body(
            member,
            problem.code(),
            problem.to_string(),
        ))
    };
    let password = Password::new(password.to_owned()).map_err(refused)?;
    let is_exempt = app.settings().exempt_users.contains(username.as_str());
    if !is_exempt {
        parts
            .password_policy
            .check(&password, username.as_str())
            .map_err(refused)?;
    }
    parts
        .hasher
        .parameters()
        .scheme()
        .check(&password)
        .map_err(refused)?;
    // on the threads that hash, since it reads from the disk
    let breached = parts.breached.clone().filter(|_| !is_exempt);
    parts
        .hasher
        .hash_new_in(lane, password, breached)
        .await
        .map_err(|error| match error {
            HashError::Busy | HashError::NoMemory => ApiError::Busy,
            HashError::Refused(problem) => refused(problem),
            other => ApiError::internal(other),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_gives_roles_to_a_new_user_who_may_not_give_roles() {
        let server = crate::Embedded::builder("sqlite::memory:")
            .demo_user("clerk", "a password of clerk", &["clerk"])
            .open()
            .await
            .unwrap();
        let app = server.app();
        let clerk: RoleName = "clerk".parse().unwrap();
        let permission = "rolecall.users:write".parse().unwrap();
        crate::roles::service::grant(app, Caller::System, &clerk, &permission)
            .await
            .unwrap();
        let found =
            super::super::service::list(app, Caller::System, "", Some("clerk"), "", 1).await;
        let caller = Caller::As {
            user_id: &found.unwrap().first().unwrap().id.clone(),
        };
        let mut wanted = NewAccount {
            username: "mole",
            password: None,
            email: None,
            email_verified: false,
            roles: vec![clerk],
            profile: ProfileInput::default(),
            address: None,
        };
        let refused = create(app, caller, &wanted).await.unwrap_err();
        assert!(matches!(
            refused,
            ApiError::Lacks(Some(permission)) if permission.as_str() == may::WriteAssignments::NAME
        ));
        wanted.roles.clear();
        create(app, caller, &wanted).await.unwrap();
    }

    #[test]
    fn email_addresses_by_table() {
        for good in ["a@b", "first.last+tag@mail.example", "ü@example.de"] {
            assert!(parse_email(good).is_ok(), "{good}");
        }
        let long = format!("{}@b", "a".repeat(260));
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b\r\nBcc: c@d",
            "a@b\u{202e}",
            long.as_str(),
        ] {
            assert!(parse_email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_email_address_is_at_an_ip_address() {
        for literal in [
            "x@[127.0.0.1]",
            "x@[192.0.2.1]",
            "x@[IPv6:::1]",
            "x@[IPv6:2001:db8::1]",
            "x@[tag:content]",
            "x@127.0.0.1",
            "x@::1",
        ] {
            let refused = parse_email(literal).unwrap_err();
            assert!(
                matches!(&refused, ApiError::Invalid(fault) if fault.kind == "email_literal"),
                "{literal}: {refused:?}"
            );
            assert!(refused.to_string().contains("IP address"), "{refused}");
        }
        for good in ["x@127.0.0.1.example", "x@1.example", "127.0.0.1@b.example"] {
            assert!(parse_email(good).is_ok(), "{good}");
        }
    }
}
