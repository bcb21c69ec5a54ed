//! Users as answers show them.

use rolecall::Principal;
use rolecall_core::{RoleName, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{registration::ResetCode, reset_store::ResetOrigin, shown::ShownUser};
use crate::times::rfc3339;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    id: String,
    username: String,
    #[schema(required)]
    email: Option<String>,
    /// The address is known to be the user's, who can sign in with it.
    email_verified: bool,
    /// `active`, `disabled` or `password_change_required`.
    status: &'static str,
    /// The profile fields of the application that the caller may read; missing if it declares none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    profile: Option<Map<String, Value>>,
    /// Roles assigned, global and valid now.
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
    /// The reset whose code can be used now; only where one user is shown to an administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    reset: Option<ResetView>,
}

/// A reset that somebody has started for a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reset)]
pub(crate) struct ResetView {
    /// A confirmation names it.
    id: String,
    /// The administrator who started it, as the audit log names them.
    #[schema(required)]
    made_by: Option<String>,
    /// The address of the request; null for a command and for a link.
    #[schema(required)]
    made_from: Option<String>,
    #[schema(format = DateTime, required)]
    made_at: Option<String>,
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    /// The code is worth nothing until another administrator confirms it, or its owner uses it with a known device or a
    /// second factor.
    needs_confirmation: bool,
    /// The second person.
    #[schema(required)]
    confirmed_by: Option<String>,
}

impl ResetView {
    fn of(reset: &ResetOrigin) -> Option<Self> {
        Some(Self {
            id: reset.id.clone()?,
            made_by: reset.by.clone(),
            made_from: reset.address.clone(),
            made_at: reset.at.map(rfc3339),
            expires_at: reset.expires_at.map(rfc3339),
            needs_confirmation: reset.is_unconfirmed,
            confirmed_by: reset.confirmed_by.clone(),
        })
    }
}

impl From<ShownUser> for UserView {
    fn from(user: ShownUser) -> Self {
        let reset = user.reset().and_then(ResetView::of);
        let (user, profile) = user.into_parts();
        Self {
            id: user.id,
            username: user.username,
            email_verified: user.email_verified_at.is_some(),
            email: user.email,
            status: user.status.as_str(),
            profile,
            roles: user.roles,
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
            reset,
        }
    }
}

/// The caller's own account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeView {
    id: String,
    username: String,
    #[schema(required)]
    email: Option<String>,
    /// The address is known to be the user's, who can sign in with it.
    email_verified: bool,
    /// `active`, `disabled` or `password_change_required`.
    status: &'static str,
    /// The profile fields of the application that the user may read; missing if it declares none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    profile: Option<Map<String, Value>>,
    /// The roles of the token, inherited ones too.
    roles: Vec<String>,
    /// The permissions of the token.
    permissions: Vec<String>,
    /// The tenant that the token is for.
    #[schema(required)]
    tenant: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl MeView {
    /// The account `user`, with what the token of `caller` carries.
    pub(crate) fn new(user: ShownUser, caller: &Principal) -> Self {
        let UserView {
            id,
            username,
            email,
            email_verified,
            status,
            profile,
            created_at,
            updated_at,
            ..
        } = user.into();
        Self {
            id,
            username,
            email,
            email_verified,
            status,
            profile,
            roles: caller.roles().map(str::to_owned).collect(),
            permissions: caller.permissions().map(str::to_owned).collect(),
            tenant: caller.tenant().map(str::to_owned),
            created_at,
            updated_at,
        }
    }
}

/// A new user; the reset code is there only if no password was given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedUser)]
pub(crate) struct CreatedUserView {
    #[serde(flatten)]
    user: UserView,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl CreatedUserView {
    pub(crate) fn new(user: ShownUser, reset: Option<ResetCode>) -> Self {
        let (reset_code, expires_at) = reset
            .map(|reset| (reset.code, rfc3339(reset.expires_at)))
            .unzip();
        Self {
            user: user.into(),
            reset_code,
            expires_at,
        }
    }
}

/// A one-time code that replaces the password until the user sets a new one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResetCode)]
pub(crate) struct ResetCodeView {
    /// Missing if a link was sent to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_code: Option<String>,
    /// The id of the reset, which a confirmation names; missing if none is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_id: Option<String>,
    /// A link was sent to the verified address of the user; missing if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    mailed: bool,
    /// The code is worth nothing until another administrator confirms it, or its owner uses it with a known device or a
    /// second factor; missing if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    needs_confirmation: bool,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl ResetCodeView {
    /// The answer where a link was sent, which works until `expires_at`.
    pub(crate) fn mailed(expires_at: Timestamp) -> Self {
        Self {
            reset_code: None,
            reset_id: None,
            mailed: true,
            needs_confirmation: false,
            expires_at: rfc3339(expires_at),
        }
    }
}

impl From<ResetCode> for ResetCodeView {
    fn from(reset: ResetCode) -> Self {
        Self {
            needs_confirmation: reset.is_unconfirmed,
            reset_code: Some(reset.code),
            reset_id: reset.is_unconfirmed.then_some(reset.id),
            mailed: false,
            expires_at: rfc3339(reset.expires_at),
        }
    }
}
