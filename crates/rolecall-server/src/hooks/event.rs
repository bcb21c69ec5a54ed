//! The events that hooks get.

use rolecall_core::{RoleName, TenantName, Timestamp};
use serde::Deserialize;

use crate::store::{
    StoreError,
    outbox::{Due, Notice, ROLE_LOST},
};

/// Something that happened to a user, for the hooks of an application.
///
/// A hook gets an event again if it failed, or if the process ended before it was known to have succeeded. Compare
/// [`id`](Self::id) with what you did before, or do only what can be done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountEvent {
    /// The id of the event, the same in every attempt: the key to recognize one that was handled before.
    pub id: String,
    /// What happened.
    pub kind: AccountEventKind,
    /// The id of the user, `sub` in tokens.
    pub user_id: String,
    /// The user name as it is now; `None` if the user was deleted.
    pub username: Option<String>,
    /// The e-mail address as it is now, if the user still exists and has one.
    pub email: Option<String>,
    /// The time of the change.
    pub at: Timestamp,
    /// The number of this attempt, from 1.
    pub attempt: u32,
}

/// The kinds of an [`AccountEvent`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccountEventKind {
    /// A user was created, by registering or by an administrator.
    Registered,
    /// A user was deleted.
    Deleted,
    /// A user was disabled.
    Disabled,
    /// A user, or an administrator on the command line, set a new password.
    PasswordChanged,
    /// A role was taken from a user.
    RoleLost {
        /// The role.
        role: RoleName,
        /// The tenant of the assignment; `None` if it was global.
        tenant: Option<TenantName>,
    },
}

/// The payload of [`AccountEventKind::RoleLost`].
#[derive(Deserialize)]
struct LostRole {
    role: RoleName,
    tenant: String,
}

impl AccountEvent {
    /// Reads an entry of the outbox.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it is none of ours.
    pub(super) fn read(due: Due) -> Result<Self, StoreError> {
        let kind = match due.kind.as_str() {
            kind if kind == Notice::Registered.kind() => AccountEventKind::Registered,
            kind if kind == Notice::Deleted.kind() => AccountEventKind::Deleted,
            kind if kind == Notice::Disabled.kind() => AccountEventKind::Disabled,
            kind if kind == Notice::PasswordChanged.kind() => AccountEventKind::PasswordChanged,
            ROLE_LOST => lost_role(&due.payload)?,
            other => return Err(StoreError::inconsistent(format!("unknown event `{other}`"))),
        };
        Ok(Self {
            id: due.id,
            kind,
            user_id: due.subject_id,
            username: due.username,
            email: due.email,
            at: due.created_at,
            attempt: u32::try_from(due.attempts + 1).unwrap_or(u32::MAX),
        })
    }
}

fn lost_role(payload: &str) -> Result<AccountEventKind, StoreError> {
    let LostRole { role, tenant } =
        serde_json::from_str(payload).map_err(StoreError::inconsistent)?;
    let tenant = (!tenant.is_empty()).then(|| tenant.parse());
    Ok(AccountEventKind::RoleLost {
        role,
        tenant: tenant.transpose().map_err(StoreError::inconsistent)?,
    })
}
