//! Who is acting, and what the database says they may do: read anew in the transaction of every write.

use std::collections::BTreeSet;

use rolecall::{Denial, Principal};
use rolecall_core::{Authority, Permission, Policy, RoleName, SubjectKind, TenantName};

use super::{
    store::Status,
    subject::{self, Subject},
};
use crate::{
    app::App,
    error::ApiError,
    roles::{builtin, constraints},
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
    /// Reads the caller's authority from the database and asks that it includes `permission`. What the caller
    /// holds within a tenant counts for nothing here.
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
        Self::demand_in(app, change, caller, None, permission).await
    }

    /// The same for acting in `tenant`, where what the caller holds there counts beside what they hold
    /// globally: over the API with a token for that tenant.
    ///
    /// # Errors
    ///
    /// As [`demand`](Self::demand).
    pub(crate) async fn demand_in(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
        tenant: Option<&TenantName>,
        permission: &'static str,
    ) -> Result<Self, ApiError> {
        let rights = Self::read_in(app, change, caller, tenant).await?;
        let permission: Permission = permission.parse().map_err(ApiError::internal)?;
        match caller {
            Caller::CommandLine { .. } | Caller::System => Ok(rights),
            _ if rights.authority.holds(&permission) => Ok(rights),
            Caller::Token(principal) => Err(lacking(principal, permission)),
            Caller::As { .. } => Err(ApiError::Lacks(Some(permission))),
        }
    }

    /// The same without asking for a permission: for what every user may do to themselves.
    pub(crate) async fn read(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
    ) -> Result<Self, ApiError> {
        Self::read_in(app, change, caller, None).await
    }

    async fn read_in(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
        tenant: Option<&TenantName>,
    ) -> Result<Self, ApiError> {
        let policy = app.policy().before(change).await?;
        let authority = match caller {
            Caller::CommandLine { .. } | Caller::System => Authority::unlimited(),
            Caller::As { user_id } => {
                let subject = active(change, user_id, tenant).await?;
                demand_all_at_once(&policy.1, &subject)?;
                authority_of(&policy.1, &subject, |_| true)
            }
            Caller::Token(principal) => {
                if *change.head().era != *principal.era()
                    || is_ended(change.conn(), principal).await?
                {
                    return Err(ApiError::Denied(Denial::EndedToken));
                }
                // a token for another tenant, or for none, says nothing about this one
                let tenant = tenant.filter(|tenant| principal.tenant() == Some(tenant.as_str()));
                let subject = active(change, principal.subject(), tenant).await?;
                authority_by(&policy.1, &subject, principal)
            }
        };
        Ok(Self {
            authority,
            policy,
            open: app.settings().registration_roles.clone(),
        })
    }

    /// What somebody may do who is not the caller, in `tenant` too, whatever of it they have active now.
    ///
    /// # Errors
    ///
    /// As [`demand`](Self::demand), for `permission`.
    pub(crate) async fn demand_of(
        app: &App,
        change: &mut Change<'_>,
        id: &str,
        tenant: Option<&TenantName>,
        permission: &'static str,
    ) -> Result<Self, ApiError> {
        let policy = app.policy().before(change).await?;
        let permission: Permission = permission.parse().map_err(ApiError::internal)?;
        let subject = active(change, id, tenant).await?;
        let authority = authority_of(&policy.1, &subject, |_| true);
        if !authority.holds(&permission) {
            return Err(ApiError::Lacks(Some(permission)));
        }
        Ok(Self {
            authority,
            policy,
            open: app.settings().registration_roles.clone(),
        })
    }

    /// What the caller may do stays; what roles hold is as `policy` says, which this change has written.
    pub(crate) fn under(self, policy: Policy) -> Self {
        let policy = std::sync::Arc::new((self.policy.0, std::sync::Arc::new(policy)));
        Self { policy, ..self }
    }

    /// The delegation limit: the caller must hold all that `roles` hold.
    pub(crate) fn cover<'r>(
        &self,
        roles: impl IntoIterator<Item = &'r RoleName>,
    ) -> Result<(), ApiError> {
        self.cover_under(&self.policy.1, roles)
    }

    /// The same by what the roles hold under another policy than the one that is in force.
    pub(crate) fn cover_under<'r>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'r RoleName>,
    ) -> Result<(), ApiError> {
        self.authority
            .covers(policy, roles, &self.open)
            .map_err(ApiError::Exceeds)
    }

    /// The same for what roles give that are assigned in `tenant`.
    pub(crate) fn cover_in<'r>(
        &self,
        tenant: Option<&TenantName>,
        roles: impl IntoIterator<Item = &'r RoleName>,
    ) -> Result<(), ApiError> {
        if tenant.is_none() {
            return self.cover(roles);
        }
        self.authority
            .covers_in_tenant(&self.policy.1, roles, &self.open)
            .map_err(ApiError::Exceeds)
    }
}

/// Why a caller whose token carries `permission` may be refused all the same: it counts in a tenant only.
fn lacking(principal: &Principal, permission: Permission) -> ApiError {
    if principal.tenant().is_some() && principal.has_permission(permission.as_str()) {
        ApiError::OtherTenant(permission)
    } else {
        ApiError::Lacks(Some(permission))
    }
}

/// Asks that a token for a tenant, which carries `permission`, may use it to read what is of `tenant`, or of
/// all tenants: it may have the permission from an assignment in its tenant alone.
pub(crate) async fn demand_to_read_in(
    app: &App,
    principal: &Principal,
    tenant: Option<&TenantName>,
    permission: &'static str,
) -> Result<(), ApiError> {
    let own = principal.tenant();
    if own.is_none() || own == tenant.map(TenantName::as_str) {
        return Ok(());
    }
    let now = app.now();
    let permission: Permission = permission.parse().map_err(ApiError::internal)?;
    let mut conn = app.store().read().await?;
    let subject = subject::read(&mut conn, principal.subject(), None, now).await?;
    let subject = subject.filter(|subject| subject.status == Status::Active);
    let subject = subject.ok_or(ApiError::Denied(Denial::EndedToken))?;
    let policy = subject.policy(app, &mut conn).await?;
    if authority_by(&policy.1, &subject, principal).holds(&permission) {
        Ok(())
    } else {
        Err(lacking(principal, permission))
    }
}

/// What is needed to see who has which role, anywhere.
pub(crate) const SEE_EVERYBODY: [&str; 2] = ["rolecall.assignments:read", "rolecall.users:read"];

/// Whether the token carries what is needed to see who has which role, anywhere.
pub(crate) fn may_see_everybody(principal: &Principal) -> bool {
    let mut needed = SEE_EVERYBODY.iter();
    principal.tenant().is_none() && needed.all(|one| principal.has_permission(one))
}

/// The same for a token for a tenant too, which may carry one of them from a global role: asks the database.
pub(crate) async fn may_see_everybody_by_now(
    app: &App,
    principal: &Principal,
) -> Result<bool, ApiError> {
    for needed in SEE_EVERYBODY {
        if !principal.has_permission(needed) {
            return Ok(false);
        }
        match demand_to_read_in(app, principal, None, needed).await {
            Ok(()) => {}
            Err(ApiError::Lacks(_) | ApiError::OtherTenant(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
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

/// Asks that a user may have all their global roles active at once: `--as` takes all of them.
pub(crate) async fn demand_all_active(app: &App, id: &str) -> Result<(), ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let Some(subject) = subject::read(&mut conn, id, None, now).await? else {
        return Ok(());
    };
    let policy = subject.policy(app, &mut conn).await?;
    demand_all_at_once(&policy.1, &subject)
}

/// The same for what is held globally and in the tenant that is acted in.
fn demand_all_at_once(policy: &Policy, subject: &Subject) -> Result<(), ApiError> {
    let roles = policy.closure_in_tenant(subject.global_roles(), subject.tenant_roles());
    match policy.dynamic_breach(&roles) {
        None => Ok(()),
        Some(breach) => Err(ApiError::rule(
            constraints::RULE,
            format!("{breach} to be active at once: log in and choose, instead of `--as`"),
            breach.roles,
        )),
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
    let subject = subject::read(&mut conn, id, None, now).await?;
    let Some(subject) = subject.filter(|subject| subject.status == Status::Active) else {
        return Ok(None);
    };
    let policy = subject.policy(app, &mut conn).await?;
    let permissions = policy.1.permissions_of(subject.global_roles());
    Ok(Some(permissions.contains(permission)))
}

async fn active(
    change: &mut Change<'_>,
    id: &str,
    tenant: Option<&TenantName>,
) -> Result<Subject, ApiError> {
    let now = change.now();
    let subject = subject::read(change.conn(), id, tenant, now).await?;
    let subject = subject.filter(|subject| subject.status == Status::Active);
    subject.ok_or(ApiError::Denied(Denial::EndedToken))
}

/// What a subject may hand on, as far as the roles are `carried`.
fn authority_of(
    policy: &Policy,
    subject: &Subject,
    carried: impl Fn(&RoleName) -> bool,
) -> Authority {
    let mut global = policy.closure(subject.global_roles());
    global.retain(|role| carried(role));
    let mut local = policy.closure(subject.tenant_roles());
    // no token for a tenant carries the name of a reserved role that is held there
    local.retain(|role| role.is_reserved() || carried(role));
    let local = Authority::in_tenant(policy, &local, &builtin::ANY);
    Authority::of(policy, &global, &builtin::ANY).union(local)
}

/// The same, cut to what the token of `principal` carries.
fn authority_by(policy: &Policy, subject: &Subject, principal: &Principal) -> Authority {
    let roles = principal.roles().filter_map(|role| role.parse().ok());
    let roles: BTreeSet<RoleName> = roles.collect();
    let scope = principal.permissions().filter_map(|one| one.parse().ok());
    let whole = authority_of(policy, subject, |role| roles.contains(role));
    whole.limit_to_token(policy, &roles, &scope.collect(), &builtin::ANY)
}
