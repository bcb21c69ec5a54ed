//! What a caller may read, asked of the database.

use rolecall::{Denial, Principal};
use rolecall_core::{Permission, TenantName};

use super::{
    caller::{Caller, SEE_EVERYBODY},
    rights::{authority_by, demand_all_at_once, lacking},
    subject::{self, Status},
};
use crate::{app::App, error::ApiError};

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
    let policy = subject.policy(app.policy(), &mut conn).await?;
    if authority_by(&policy, &subject, principal).holds(&permission) {
        Ok(())
    } else {
        Err(lacking(principal, permission))
    }
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
    let policy = subject.policy(app.policy(), &mut conn).await?;
    demand_all_at_once(&policy, &subject)
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
    let policy = subject.policy(app.policy(), &mut conn).await?;
    let permissions = policy.permissions_of(subject.global_roles());
    Ok(Some(permissions.contains(permission)))
}
