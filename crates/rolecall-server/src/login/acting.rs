//! The token of a browser session: what somebody may do on the pages is what this token may do.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rolecall::{Guard, Principal};
use rolecall_core::{Policy, RoleName, TenantName};

use crate::{
    app::App,
    authority::{
        assurance::{self, acr_of},
        subject::{self, Assigned, Subject},
    },
    error::ApiError,
    login::browser::store::BrowserSession,
    oauth::client_auth::FIRST_PARTY,
    reasons::Reason,
    roles::{assignment_store, hierarchy::is_own},
    sessions::active,
    store::Conn,
    tokens::{
        access_token::{Basis, InSession, Limits},
        error::TokenError,
        fitting::{self, Wish},
        grant::grant,
        holder::{Beyond, TokenSubject},
    },
};

/// The prefix of rolecall's own permissions.
const OWN: &str = "rolecall.";
/// Longer than anybody has had a role.
const LONG_AGO: Duration = Duration::from_hours(200 * 365 * 24);

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
    let Some(subject) = subject.filter(Subject::is_active_user) else {
        return Ok(None);
    };
    let policy = subject.policy(app.policy(), &mut conn).await?;
    let acr = acr_of(&session.amr);
    let reach = assurance::reach(&policy, &mut conn, &subject, acr).await?;
    let (own, assigned) = own_first(&subject.assigned, &policy);
    let beside = active::beside(&mut conn, &policy, (&subject.id, tenant), now).await?;
    let holder = TokenSubject {
        policy: &reach.policy,
        beyond: Beyond::of(&reach, &subject.assigned),
        assigned: &assigned,
        lifetime: app.settings().access_ttl,
        tenant,
        own_audience: true,
        ceiling: None,
        beside: Some(&beside),
        now,
    };
    let made = issue(app, &mut conn, session, &subject, &holder).await;
    if !matches!(made, Err(TokenError::ChooseRoles(_))) {
        return made.map(Some);
    }
    // what is active in another application must not close the pages
    let holder = TokenSubject {
        assigned: &own,
        ..holder
    };
    issue(app, &mut conn, session, &subject, &holder)
        .await
        .map(Some)
}

/// Returns the assignments that give something of rolecall itself, and all of them in such an order that the others are left
/// out where a constraint or the length of the token does not allow all.
fn own_first(assigned: &[Assigned], policy: &Policy) -> (Vec<Assigned>, Vec<Assigned>) {
    let assigned = assigned.iter().cloned();
    let (mut own, others): (Vec<_>, Vec<_>) = assigned.partition(|one| is_own(policy, &one.role));
    for one in &mut own {
        // before all others, and in their own order
        one.since = one.since.minus(LONG_AGO);
    }
    let all = [own.clone(), others].concat();
    (own, all)
}

/// Makes the token, unless its roles cannot be active together or beside those of other sessions.
async fn issue(
    app: &App,
    conn: &mut Conn,
    session: &BrowserSession,
    subject: &Subject,
    holder: &TokenSubject<'_>,
) -> Result<String, TokenError> {
    let granted = grant(holder, None)?;
    active::check(conn, holder, &subject.id, &granted).await?;
    let basis = Basis {
        subject,
        client_id: FIRST_PARTY,
        audience: &app.settings().issuer,
        granted: &granted,
        limits: Limits {
            // in a tenant, guards derive no permission of rolecall itself
            needs_scope: holder.tenant.is_some(),
            ..Limits::NONE
        },
        session: Some(InSession {
            id: &session.id,
            auth_time: session.auth_time,
            amr: &session.amr,
        }),
        now: holder.now,
    };
    let wish = Wish::Grant(None);
    let (issued, _) = fitting::access_token(app, conn, &basis, holder, wish).await?;
    Ok(issued.access_token)
}

/// Returns the tenants in which a user has a role, now or later, that gives something of rolecall itself. No token has to be
/// made for the other tenants to learn where somebody administers.
pub(crate) async fn administrated(app: &App, user: &str) -> Result<Vec<TenantName>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let roles = assignment_store::roles_of(&mut conn, user, now).await?;
    let own = roles.into_iter().filter(|(role, _)| is_own(&policy, role));
    Ok(tenants_of(own))
}

/// Returns the tenants in which a user has a role now.
pub(crate) async fn tenants(app: &App, user: &str) -> Result<Vec<TenantName>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let roles = assignment_store::roles_of(&mut conn, user, now).await?;
    Ok(tenants_of(roles.into_iter()))
}

/// Returns the tenants of roles, each once, in their order.
fn tenants_of(roles: impl Iterator<Item = (RoleName, Option<TenantName>)>) -> Vec<TenantName> {
    let tenants: BTreeSet<TenantName> = roles.filter_map(|(_, tenant)| tenant).collect();
    tenants.into_iter().collect()
}

fn refusal(error: TokenError) -> ApiError {
    match error {
        TokenError::ChooseRoles(breach) => {
            ApiError::because(Reason::active_together(&breach), breach.roles)
        }
        TokenError::TooLong => ApiError::Forbidden(
            "the account has too many roles for the pages; use the command line",
        ),
        TokenError::InvalidScope(_) | TokenError::StepUp(_) => {
            ApiError::Forbidden("the account has no role that counts here")
        }
        TokenError::Failed(error) => error,
    }
}
