//! Users and their roles, as an application sees them.

use std::{collections::BTreeMap, fmt};

use rolecall::Timestamp;
use rolecall_core::RoleAssignment;
use serde_json::{Map, Value};

use crate::{accounts, authority::subject::Status, roles::assigning::Outcome};

/// The status of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserStatus {
    /// The user can log in.
    Active,
    /// The user cannot log in, and tokens are refused.
    Disabled,
    /// The user must set a password first, at `POST /password`.
    PasswordChangeRequired,
}

impl UserStatus {
    /// Returns the status as `/api` writes it: `active`, `disabled` or `password_change_required`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => Status::Active.as_str(),
            Self::Disabled => Status::Disabled.as_str(),
            Self::PasswordChangeRequired => Status::PasswordChangeRequired.as_str(),
        }
    }
}

impl From<Status> for UserStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Disabled => Self::Disabled,
            Status::PasswordChangeRequired => Self::PasswordChangeRequired,
        }
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The id, which never changes. It is the `sub` of the user's tokens and the key for your own tables.
    pub id: String,
    /// The name to log in with, which can change.
    pub username: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// The address is known to be the user's, who can sign in with it.
    pub email_verified: bool,
    /// The status.
    pub status: UserStatus,
    /// The roles that are assigned globally and valid now, without those that they inherit.
    pub roles: Vec<String>,
    /// The [profile fields](crate::EmbeddedBuilder::profile_field) that have a value, and that the caller may read.
    pub profile: Map<String, Value>,
    /// The time at which the user was created.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
}

impl From<accounts::shown::ShownUser> for User {
    fn from(user: accounts::shown::ShownUser) -> Self {
        let (user, profile) = user.into_parts();
        Self {
            profile: profile.unwrap_or_default(),
            id: user.id,
            username: user.username,
            email_verified: user.email_verified_at.is_some(),
            email: user.email,
            status: user.status.into(),
            roles: user.roles.iter().map(ToString::to_string).collect(),
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// A page of users, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// The place at which the next page begins; `None` on the last one.
    pub next: Option<String>,
}

/// A user to create.
///
/// ```
/// use rolecall_server::NewUser;
///
/// let anna = NewUser::new("anna").email("anna@example.com").role("editor");
/// let bob = NewUser::new("bob").password("a password that Bob chose");
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct NewUser {
    pub(super) username: String,
    pub(super) password: Option<String>,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) roles: Vec<String>,
    pub(super) profile: BTreeMap<String, Value>,
}

impl NewUser {
    /// A user without a password: a reset code is made instead.
    pub fn new(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            ..Self::default()
        }
    }

    /// Sets the password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Sets the e-mail address.
    pub fn email(mut self, email: &str) -> Self {
        self.email = Some(email.to_owned());
        self
    }

    /// Sets the e-mail address, which is known to be the user's: the user can sign in with it.
    pub fn verified_email(mut self, email: &str) -> Self {
        self.email_verified = true;
        self.email(email)
    }

    /// Sets a profile field.
    pub fn profile(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.profile.insert(field.to_owned(), value.into());
        self
    }

    /// Adds a role, which must exist.
    pub fn role(mut self, role: &str) -> Self {
        self.roles.push(role.to_owned());
        self
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("username", &self.username)
            .field("has_password", &self.password.is_some())
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// A user that was created.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreatedUser {
    /// The user.
    pub user: User,
    /// The code with which the user sets a password, if none was given.
    pub reset_code: Option<ResetCode>,
}

/// A one-time code that replaces the password: the user sets a new one with it at `POST /password`, where it is the
/// `current_password`.
#[derive(Clone)]
#[non_exhaustive]
pub struct ResetCode {
    /// The code. It is not stored and cannot be read again.
    pub code: String,
    /// The time after which it no longer works.
    pub expires_at: Timestamp,
}

impl From<accounts::registration::ResetCode> for ResetCode {
    fn from(reset: accounts::registration::ResetCode) -> Self {
        Self {
            code: reset.code,
            expires_at: reset.expires_at,
        }
    }
}

impl fmt::Debug for ResetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResetCode")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A role to assign, globally and without an end unless set otherwise.
///
/// ```
/// use std::time::Duration;
///
/// use rolecall::{Clock, SystemClock};
/// use rolecall_server::Assignment;
///
/// let in_a_week = SystemClock.now().plus(Duration::from_hours(7 * 24));
/// let editor = Assignment::of("editor").in_tenant("acme").until(in_a_week).because("holiday cover");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Assignment {
    pub(super) role: String,
    pub(super) tenant: Option<String>,
    pub(super) valid_from: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) reason: Option<String>,
}

impl Assignment {
    /// The assignment of a role.
    pub fn of(role: &str) -> Self {
        Self {
            role: role.to_owned(),
            tenant: None,
            valid_from: None,
            expires_at: None,
            reason: None,
        }
    }

    /// Limits the assignment to a tenant.
    pub fn in_tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    /// Sets the time at which it begins.
    pub fn starting_at(mut self, time: Timestamp) -> Self {
        self.valid_from = Some(time);
        self
    }

    /// Sets the time at which it ends.
    pub fn until(mut self, time: Timestamp) -> Self {
        self.expires_at = Some(time);
        self
    }

    /// Sets the reason, which the list of assignments shows.
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }
}

impl From<&str> for Assignment {
    fn from(role: &str) -> Self {
        Self::of(role)
    }
}

/// The result of assigning a role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assigned {
    /// The assignment is in force.
    InForce,
    /// A second person must confirm the request with this id, because the role needs approval.
    Requested {
        /// The id of the request.
        request: String,
    },
}

impl From<Outcome> for Assigned {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Assigned => Self::InForce,
            Outcome::Requested(request) => Self::Requested {
                request: request.id,
            },
        }
    }
}

/// A role assignment of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleOfUser {
    /// The role.
    pub role: String,
    /// The tenant that it is limited to.
    pub tenant: Option<String>,
    /// The time at which it begins.
    pub valid_from: Option<Timestamp>,
    /// The time at which it ends.
    pub expires_at: Option<Timestamp>,
    /// The reason.
    pub reason: Option<String>,
    /// The actor who assigned it, as the audit log names them: `user:ID`, `app:seed` and so on.
    pub assigned_by: String,
    /// The time at which it was assigned or last changed.
    pub assigned_at: Timestamp,
}

impl From<RoleAssignment> for RoleOfUser {
    fn from(given: RoleAssignment) -> Self {
        Self {
            role: given.role.to_string(),
            tenant: given.tenant.map(|tenant| tenant.to_string()),
            valid_from: given.valid_from,
            expires_at: given.expires_at,
            reason: given.reason,
            assigned_by: given.assigned_by,
            assigned_at: given.assigned_at,
        }
    }
}
