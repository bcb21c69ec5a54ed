//! The rights of a caller, read from the database in the transaction of every write.

use std::{collections::BTreeSet, sync::Arc};

use rolecall::{Denial, Principal};
use rolecall_core::{Authority, Excess, Permission, Policy, RoleName, TenantName};

use super::{
    builtin,
    caller::Caller,
    policy_cache::PolicyAt,
    subject::{self, Status, Subject},
};
use crate::{
    app::App,
    error::ApiError,
    refusals::SEPARATION_OF_DUTIES,
    store::{Change, is_ended},
};

/// The rights of a caller in a change, with the policy that they follow from.
pub(crate) struct Rights {
    pub(crate) authority: Authority,
    pub(crate) policy: Arc<PolicyAt>,
    open: BTreeSet<RoleName>,
}

impl Rights {
    /// Reads the caller's rights from the database and requires that they include `permission`. Roles that the caller
    /// has in a tenant do not count.
    ///
    /// # Errors
    ///
    /// 401 if the caller's account is gone or not active, 403 if the caller does not hold the permission.
    pub(crate) async fn require(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
        permission: &'static str,
    ) -> Result<Self, ApiError> {
        Self::require_in(app, change, caller, None, permission).await
    }

    /// As [`require`](Self::require), to act in `tenant`: roles in that tenant count too if the caller's token is for it.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require).
    pub(crate) async fn require_in(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
        tenant: Option<&TenantName>,
        permission: &'static str,
    ) -> Result<Self, ApiError> {
        let rights = Self::load_in(app, change, caller, tenant).await?;
        let permission: Permission = permission.parse().map_err(ApiError::internal)?;
        match caller {
            Caller::CommandLine { .. } | Caller::Application { .. } | Caller::System => Ok(rights),
            _ if rights.authority.holds(&permission) => Ok(rights),
            Caller::Token(principal) => Err(lacking(principal, permission)),
            Caller::As { .. } | Caller::Own { .. } => Err(ApiError::Lacks(Some(permission))),
        }
    }

    /// Reads the caller's rights without requiring a permission, for changes that every user may make to their own
    /// account.
    pub(crate) async fn load(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
    ) -> Result<Self, ApiError> {
        Self::load_in(app, change, caller, None).await
    }

    async fn load_in(
        app: &App,
        change: &mut Change<'_>,
        caller: Caller<'_>,
        tenant: Option<&TenantName>,
    ) -> Result<Self, ApiError> {
        let policy = app.policy().before(change).await?;
        let authority = match caller {
            Caller::CommandLine { .. } | Caller::Application { .. } | Caller::System => {
                Authority::unlimited()
            }
            Caller::As { user_id } => {
                let subject = active(change, user_id, tenant).await?;
                check_active_together(&policy, &subject)?;
                authority_of(&policy, &subject, |_| true)
            }
            Caller::Own { user_id, .. } => {
                active(change, user_id, None).await?;
                Authority::default()
            }
            Caller::Token(principal) => {
                // the change has raised the revision, so that a genuine token is below it
                if *change.head().era != *principal.era()
                    || principal.rev() >= change.head().revision
                    || is_ended(change.conn(), principal).await?
                {
                    return Err(ApiError::Denied(Denial::EndedToken));
                }
                // roles in a tenant count only with a token for that tenant
                let tenant = tenant.filter(|tenant| principal.tenant() == Some(tenant.as_str()));
                let subject = active(change, principal.subject(), tenant).await?;
                authority_by(&policy, &subject, principal)
            }
        };
        Ok(Self {
            authority,
            policy,
            open: app.settings().registration_roles.clone(),
        })
    }

    /// Reads the rights of another subject than the caller, including those in `tenant`, from all its roles.
    ///
    /// # Errors
    ///
    /// As [`require`](Self::require), for `permission`.
    pub(crate) async fn require_of(
        app: &App,
        change: &mut Change<'_>,
        id: &str,
        tenant: Option<&TenantName>,
        permission: &'static str,
    ) -> Result<Self, ApiError> {
        let policy = app.policy().before(change).await?;
        let permission: Permission = permission.parse().map_err(ApiError::internal)?;
        let subject = active(change, id, tenant).await?;
        let authority = authority_of(&policy, &subject, |_| true);
        if !authority.holds(&permission) {
            return Err(ApiError::Lacks(Some(permission)));
        }
        Ok(Self {
            authority,
            policy,
            open: app.settings().registration_roles.clone(),
        })
    }

    /// Keeps the caller's rights, and replaces the policy with the one that this change has written.
    pub(crate) fn under(self, policy: Policy) -> Self {
        let policy = Arc::new(PolicyAt::new(self.policy.revision, policy));
        Self { policy, ..self }
    }

    /// Checks the delegation limit: the caller must hold all that `roles` hold.
    pub(crate) fn cover<'r>(
        &self,
        roles: impl IntoIterator<Item = &'r RoleName>,
    ) -> Result<(), ApiError> {
        self.cover_under(&self.policy, roles)
    }

    /// Requires that the caller has `role` itself, or that the delegation limit does not apply.
    pub(crate) fn require_role(&self, role: &RoleName) -> Result<(), ApiError> {
        if self.authority.has_role(role) {
            return Ok(());
        }
        Err(ApiError::Exceeds(Excess {
            roles: vec![role.clone()],
            path: vec![role.clone()],
            ..Excess::default()
        }))
    }

    /// Requires that the caller has `role` itself if everyone gets it by registering: to assign it takes nothing, but to
    /// change it changes what everyone has.
    pub(crate) fn cover_open_role(&self, role: &RoleName) -> Result<(), ApiError> {
        if self.open.contains(role) {
            return self.require_role(role);
        }
        Ok(())
    }

    /// As [`cover`](Self::cover), for the contents of the roles under another policy.
    pub(crate) fn cover_under<'r>(
        &self,
        policy: &Policy,
        roles: impl IntoIterator<Item = &'r RoleName>,
    ) -> Result<(), ApiError> {
        self.authority
            .covers(policy, roles, &self.open)
            .map_err(ApiError::Exceeds)
    }

    /// As [`cover`](Self::cover), for what the roles give when they are assigned in `tenant`.
    pub(crate) fn cover_in<'r>(
        &self,
        tenant: Option<&TenantName>,
        roles: impl IntoIterator<Item = &'r RoleName>,
    ) -> Result<(), ApiError> {
        if tenant.is_none() {
            return self.cover(roles);
        }
        self.authority
            .covers_in_tenant(&self.policy, roles, &self.open)
            .map_err(ApiError::Exceeds)
    }
}

/// Returns the refusal of a caller who lacks `permission` globally. A token may carry it for its tenant alone.
pub(super) fn lacking(principal: &Principal, permission: Permission) -> ApiError {
    if principal.tenant().is_some() && principal.has_permission(permission.as_str()) {
        ApiError::OtherTenant(permission)
    } else {
        ApiError::Lacks(Some(permission))
    }
}

/// Refuses a subject whose global roles and roles in the tenant may not all be active together.
pub(super) fn check_active_together(policy: &Policy, subject: &Subject) -> Result<(), ApiError> {
    let roles = policy.closure_in_tenant(subject.global_roles(), subject.tenant_roles());
    match policy.dynamic_breach(&roles) {
        None => Ok(()),
        Some(breach) => Err(ApiError::rule(
            SEPARATION_OF_DUTIES,
            format!("{breach} to be active at once: log in and choose, instead of `--as`"),
            breach.roles,
        )),
    }
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

/// Returns the rights that follow from the roles of a subject that the token `carried`.
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

/// Returns the rights of a subject, limited to the roles and permissions in the token of `principal`.
pub(super) fn authority_by(policy: &Policy, subject: &Subject, principal: &Principal) -> Authority {
    let roles = principal.roles().filter_map(|role| role.parse().ok());
    let roles: BTreeSet<RoleName> = roles.collect();
    let scope = principal.permissions().filter_map(|one| one.parse().ok());
    // a token through a client whose ceiling names no role has permissions alone: they come from whatever role
    let is_nameless = roles.is_empty();
    let whole = authority_of(policy, subject, |role| is_nameless || roles.contains(role));
    whole.limit_to_token(policy, &roles, &scope.collect(), &builtin::ANY)
}
