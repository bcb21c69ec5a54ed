//! The token of a browser session: what somebody may do on the pages is what this token may do.

use std::sync::Arc;

use rolecall::{Guard, Principal};
use rolecall_core::{PermissionPattern, RoleName, TenantName};

use crate::{
    app::App,
    authority::{
        assurance::{self, acr_of},
        subject,
    },
    error::ApiError,
    login::browser::store::BrowserSession,
    oauth::client_auth::FIRST_PARTY,
    roles::assignment_store,
    sessions::active,
    tokens::{
        access_token::{Basis, InSession, Limits},
        error::TokenError,
        fitting::{self, Wish},
        grant::{check_active, grant},
        holder::{Beyond, TokenSubject},
    },
};

/// The prefix of rolecall's own permissions.
const OWN: &str = "rolecall.";

/// Returns true if the caller holds a permission of rolecall itself.
pub(crate) fn is_administrator(principal: &Principal) -> bool {
    principal.permissions().any(|one| one.starts_with(OWN))
}

/// Returns the caller that a token of this session would be, globally or in a tenant. The token is made and verified as any
/// other, and never leaves this process. `None` if the account is gone, not active, or can have nothing in the tenant in
/// this session: what somebody else assigns there must not keep them from what they have elsewhere.
///
/// INVARIANT: everything is read from the database with each request, so that a lost role, a floor or a disabled account
/// shows at once.
pub(crate) async fn principal(
    app: &App,
    guard: &Guard,
    session: &BrowserSession,
    tenant: Option<&TenantName>,
) -> Result<Option<Arc<Principal>>, ApiError> {
    match token(app, session, tenant).await {
        Ok(Some(token)) => guard.verify(&token).map(Some).map_err(ApiError::Denied),
        Ok(None) => Ok(None),
        Err(TokenError::Failed(error)) => Err(error),
        Err(_) if tenant.is_some() => Ok(None),
        Err(error) => Err(refusal(error)),
    }
}

async fn token(
    app: &App,
    session: &BrowserSession,
    tenant: Option<&TenantName>,
) -> Result<Option<String>, TokenError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let subject = subject::read(&mut conn, &session.subject_id, tenant, now).await?;
    let Some(subject) = subject.filter(subject::Subject::is_active_user) else {
        return Ok(None);
    };
    let policy = subject.policy(app.policy(), &mut conn).await?;
    let acr = acr_of(&session.amr);
    let reach = assurance::reach(&policy, &mut conn, &subject, acr).await?;
    let holder = TokenSubject {
        policy: &reach.policy,
        beyond: Beyond::of(&reach, &subject.assigned),
        assigned: &subject.assigned,
        lifetime: app.settings().access_ttl,
        tenant,
        own_audience: true,
        ceiling: None,
        now,
    };
    let granted = grant(&holder, None)?;
    check_active(&holder, &granted)?;
    active::check_beside_others(&mut conn, &holder, &subject.id, &granted).await?;
    let basis = Basis {
        subject: &subject,
        client_id: FIRST_PARTY,
        audience: &app.settings().issuer,
        granted: &granted,
        limits: Limits::NONE,
        session: Some(InSession {
            id: &session.id,
            auth_time: session.auth_time,
            amr: &session.amr,
        }),
        now,
    };
    let wish = Wish::Grant(None);
    let (issued, _) = fitting::access_token(app, &mut conn, &basis, &holder, wish).await?;
    Ok(Some(issued.access_token))
}

/// Returns the tenants in which a user has a role now or later that gives something of rolecall itself. No
/// token has to be made for the others to find where somebody administrates.
pub(crate) async fn administrated(app: &App, user: &str) -> Result<Vec<TenantName>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let roles = assignment_store::roles_of(&mut conn, user, now).await?;
    let gives_own = |role: &RoleName| {
        let given = policy.patterns_of([role]);
        role.is_reserved() || given.iter().any(PermissionPattern::is_reserved)
    };
    let own = roles.into_iter().filter(|(role, _)| gives_own(role));
    let mut tenants: Vec<TenantName> = own.filter_map(|(_, tenant)| tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    Ok(tenants)
}

/// Returns the tenants in which a user has a role now.
pub(crate) async fn tenants(app: &App, user: &str) -> Result<Vec<TenantName>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let roles = assignment_store::roles_of(&mut conn, user, now).await?;
    let mut tenants: Vec<TenantName> = roles.into_iter().filter_map(|(_, tenant)| tenant).collect();
    tenants.sort_unstable();
    tenants.dedup();
    Ok(tenants)
}

fn refusal(error: TokenError) -> ApiError {
    match error {
        TokenError::ChooseRoles(breach) => ApiError::rule(
            crate::refusals::SEPARATION_OF_DUTIES,
            breach.to_string(),
            breach.roles,
        ),
        TokenError::TooLong => ApiError::Forbidden(
            "the account has too many roles for the pages; use the command line",
        ),
        TokenError::InvalidScope(_) | TokenError::StepUp(_) => {
            ApiError::Forbidden("the account has no role that counts here")
        }
        TokenError::Failed(error) => error,
    }
}
