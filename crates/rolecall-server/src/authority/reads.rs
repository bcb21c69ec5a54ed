//! Checks of the permission to read.

use rolecall::{Denial, Principal};
use rolecall_core::{Acr, Permission, SubjectKind, TenantName};

use super::{
    caller::{Caller, SEE_ALL_HOLDERS},
    rights::{authority_by, check_active_together, lacking},
    subject::{self, Status},
};
use crate::{app::App, boxed::Boxed, error::ApiError};

/// Requires that `caller` holds `permission`, to read what belongs to no tenant.
///
/// # Errors
///
/// 403 without the permission, and 401 if the caller's account is gone or not active.
pub(crate) fn require<'a>(
    app: &'a App,
    caller: Caller<'a>,
    permission: &'static str,
) -> Boxed<'a, Result<(), ApiError>> {
    Box::pin(async move { require_in(app, caller, None, permission).await })
}

/// Requires that `caller` holds `permission`, to read what belongs to `tenant`, or to all tenants.
///
/// A token for a tenant may carry the permission from an assignment in that tenant alone: elsewhere, the database is
/// asked whether the caller holds it globally.
///
/// # Errors
///
/// As [`require`].
pub(crate) async fn require_in(
    app: &App,
    caller: Caller<'_>,
    tenant: Option<&TenantName>,
    permission: &'static str,
) -> Result<(), ApiError> {
    match caller {
        Caller::CommandLine { .. } | Caller::Application { .. } | Caller::System => Ok(()),
        Caller::As { user_id } => require_now(app, user_id, permission).await,
        Caller::Own { .. } => Err(ApiError::Lacks(permission.parse().ok())),
        Caller::Token(principal) => {
            let refused = token_lacks(app, principal, tenant, permission).await?;
            refused.map_or(Ok(()), |error| Err(caller.refusal(error)))
        }
    }
}

/// Returns true if `caller` holds `permission`, to read what belongs to no tenant.
///
/// # Errors
///
/// As [`require`], but for a refusal.
pub(crate) async fn may(
    app: &App,
    caller: Caller<'_>,
    permission: &'static str,
) -> Result<bool, ApiError> {
    match require(app, caller, permission).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_refusal() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Requires that a subject holds `permission` globally by the database, whatever its token says.
///
/// # Errors
///
/// 403 if it does not, and 401 if it is not active any more.
pub(crate) async fn require_now(
    app: &App,
    subject: &str,
    permission: &'static str,
) -> Result<(), ApiError> {
    let permission: Permission = permission.parse().map_err(ApiError::internal)?;
    match holds_now(app, subject, &permission).await? {
        Some(true) => Ok(()),
        Some(false) => Err(ApiError::Lacks(Some(permission))),
        None => Err(ApiError::Denied(Denial::EndedToken)),
    }
}

/// Returns the refusal of a token that may not read what belongs to `tenant` with `permission`.
async fn token_lacks(
    app: &App,
    principal: &Principal,
    tenant: Option<&TenantName>,
    permission: &'static str,
) -> Result<Option<ApiError>, ApiError> {
    let parsed: Permission = permission.parse().map_err(ApiError::internal)?;
    if !principal.has_permission(permission) {
        return Ok(Some(ApiError::Lacks(Some(parsed))));
    }
    let own = principal.tenant();
    if own.is_none() || own == tenant.map(TenantName::as_str) {
        return Ok(None);
    }
    let now = app.now();
    let mut conn = app.store().read().await?;
    let subject = subject::read(&mut conn, principal.subject(), None, now).await?;
    let subject = subject.filter(|subject| subject.status == Status::Active);
    let subject = subject.ok_or(ApiError::Denied(Denial::EndedToken))?;
    let policy = subject.policy(app.policy(), &mut conn).await?;
    let holds = authority_by(&policy, &subject, principal).holds(&parsed);
    Ok((!holds).then(|| lacking(principal, parsed)))
}

/// Returns true if the caller may read users and role assignments in every tenant.
pub(crate) async fn can_see_all_holders(app: &App, caller: Caller<'_>) -> Result<bool, ApiError> {
    for needed in SEE_ALL_HOLDERS {
        match require(app, caller, needed).await {
            Ok(()) => {}
            Err(error) if error.is_refusal() => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Refuses a user whose global roles may not all be active together, as `--as` activates all of them.
pub(crate) async fn check_all_active(app: &App, id: &str) -> Result<(), ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let Some(subject) = subject::read(&mut conn, id, None, now).await? else {
        return Ok(());
    };
    let policy = subject.policy(app.policy(), &mut conn).await?;
    check_active_together(&policy, &subject)
}

/// Returns true if `id` now holds `permission` globally; `None` if the subject does not exist or is not active.
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
    // nobody proved a second factor for a client
    let acr = match subject.kind {
        SubjectKind::Client => Acr::Aal1,
        SubjectKind::User => Acr::Phr,
    };
    let roles = policy.closure_at(subject.global_roles(), acr);
    let permissions = policy.own_permissions_of(&roles);
    Ok(Some(permissions.contains(permission)))
}
