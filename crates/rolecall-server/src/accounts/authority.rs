//! Who is acting, and what the database says they may do: read anew in the transaction of every write.

use std::collections::BTreeSet;

use rolecall::{Denial, Principal};
use rolecall_core::{Authority, Permission, Policy, RoleName, SubjectKind};

use super::{store::Status, subject};
use crate::{
    app::App,
    error::ApiError,
    roles::builtin,
    store::{Actor, Change, is_ended},
};

/// Who calls a service function that changes something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller<'a> {
    /// Over the API, with a verified token.
    Token(&'a Principal),
    /// At the command line of the machine itself.
    CommandLine {
        /// The name of the operating system's user.
        system_user: &'a str,
    },
    /// At the command line, with the limits of a user.
    As {
        /// The user's id.
        user_id: &'a str,
    },
    /// rolecall itself, or somebody who registers.
    System,
}

impl Caller<'_> {
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Token(principal) => {
                let id = principal.subject().to_owned();
                match principal.kind() {
                    SubjectKind::User => Actor::User(id),
                    SubjectKind::Client => Actor::Client(id),
                }
            }
            Self::As { user_id } => Actor::User((*user_id).to_owned()),
            Self::CommandLine { system_user } => Actor::CommandLine((*system_user).to_owned()),
            Self::System => Actor::System,
        }
    }
}

/// What a caller may do in a change, with the policy that says so.
pub(crate) struct Rights {
    pub(crate) authority: Authority,
    pub(crate) policy: std::sync::Arc<(i64, std::sync::Arc<Policy>)>,
    open: BTreeSet<RoleName>,
}

impl Rights {
    /// Reads the caller's authority from the database and asks that it includes `permission`.
    ///
    /// # Errors
    ///
    /// 401 if the caller's account has gone or is not active, 403 if the permission is not held any more.
    pub(crate) async fn demand(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
        permission: &'static str,
    ) -> Result<Self, ApiError> {
        let rights = Self::read(app, change, caller).await?;
        let permission: Permission = permission.parse().map_err(ApiError::internal)?;
        match caller {
            Caller::CommandLine { .. } | Caller::System => Ok(rights),
            _ if rights.authority.holds(&permission) => Ok(rights),
            _ => Err(ApiError::Lacks(Some(permission))),
        }
    }

    /// The same without asking for a permission: for what every user may do to themselves.
    pub(crate) async fn read(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
    ) -> Result<Self, ApiError> {
        let policy = app.policy().before(change).await?;
        let authority = match caller {
            Caller::CommandLine { .. } | Caller::System => Authority::unlimited(),
            Caller::As { user_id } => authority_of(change, &policy.1, user_id).await?,
            Caller::Token(principal) => {
                if *change.head().era != *principal.era()
                    || is_ended(change.conn(), principal).await?
                {
                    return Err(ApiError::Denied(Denial::EndedToken));
                }
                let whole = authority_of(change, &policy.1, principal.subject()).await?;
                let roles = principal
                    .roles()
                    .filter_map(|role| role.parse().ok())
                    .collect();
                let scope = principal
                    .permissions()
                    .filter_map(|one| one.parse().ok())
                    .collect();
                whole.cut_to(&policy.1, &roles, &scope, &builtin::ANY)
            }
        };
        Ok(Self {
            authority,
            policy,
            open: app.settings().registration_roles.clone(),
        })
    }

    /// The delegation limit: the caller must hold all that `roles` hold.
    pub(crate) fn cover<'r>(
        &self,
        roles: impl IntoIterator<Item = &'r RoleName>,
    ) -> Result<(), ApiError> {
        self.authority
            .covers(&self.policy.1, roles, &self.open)
            .map_err(ApiError::Exceeds)
    }
}

/// Asks that a caller who is not the router's holds `permission` now: for reading at the command line.
pub(crate) async fn demand_to_read(
    app: &App,
    caller: Caller<'_>,
    permission: &'static str,
) -> Result<(), ApiError> {
    let Caller::As { user_id } = caller else {
        return Ok(());
    };
    let permission: Permission = permission.parse().map_err(ApiError::internal)?;
    match holds_now(app, user_id, &permission).await? {
        Some(true) => Ok(()),
        Some(false) => Err(ApiError::Lacks(Some(permission))),
        None => Err(ApiError::Denied(Denial::EndedToken)),
    }
}

/// Whether `id` holds `permission` now, by the database; `None` if there is no such subject, or none that is
/// active.
pub(crate) async fn holds_now(
    app: &App,
    id: &str,
    permission: &Permission,
) -> Result<Option<bool>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let subject = subject::read(&mut conn, id, now).await?;
    let Some(subject) = subject.filter(|subject| subject.status == Status::Active) else {
        return Ok(None);
    };
    let policy = subject.policy(app, &mut conn).await?;
    let roles = subject.roles.iter().map(|(role, _)| role);
    Ok(Some(policy.1.permissions_of(roles).contains(permission)))
}

async fn authority_of(
    change: &mut Change<'_>,
    policy: &Policy,
    id: &str,
) -> Result<Authority, ApiError> {
    let now = change.now();
    let subject = subject::read(change.conn(), id, now).await?;
    let subject = subject.filter(|subject| subject.status == Status::Active);
    let subject = subject.ok_or(ApiError::Denied(Denial::EndedToken))?;
    Ok(Authority::of(
        policy,
        subject.roles.iter().map(|(role, _)| role),
        &builtin::ANY,
    ))
}
