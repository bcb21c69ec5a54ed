//! Which roles are active at once: dynamic separation of duties (ANSI INCITS 359, DSD).

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{
    Constraint, ConstraintScope, Policy, RoleName, TenantName, Timestamp, first_breach,
};

use super::{store as sessions, store::Session};
use crate::{
    app::App,
    authority::subject::{self, Subject},
    clients::store as clients,
    store::{Conn, StoreError},
    tokens::{
        effective::{Grant, TokenSubject},
        error::TokenError,
        grant::{SessionScope, regrant},
        requested::RequestedScope,
    },
};

/// The roles that a session has active, and for which tenant.
pub(crate) struct Active {
    pub(crate) session: String,
    pub(crate) roles: BTreeSet<RoleName>,
    pub(crate) tenant: Option<TenantName>,
    /// A refresh would break a constraint, so that `roles` are those of the last token.
    must_choose: bool,
}

/// Refuses what other live sessions of the user do not leave room for, under the constraints that count them together.
/// `own` is the session of `granted`.
///
/// Of a log-in and a refresh at the same time at least one sees the other, since a session counts with all that it can
/// get by a refresh. Two log-ins wait for each other at the row of the user, which a log-in has locked.
pub(crate) async fn check_other_sessions(
    app: &App,
    conn: &mut Conn,
    holder: &TokenSubject<'_>,
    (user, own): (&str, &str),
    granted: &Grant,
) -> Result<(), TokenError> {
    let counts = |constraint: &Constraint| {
        let roles = &constraint.roles;
        constraint.per == ConstraintScope::Subject && !roles.is_disjoint(&granted.active)
    };
    let constraints = holder.policy.constraints();
    let constraints: Vec<_> = constraints.filter(|(_, one)| counts(one)).collect();
    if constraints.is_empty() {
        return Ok(());
    }
    let mut others = sessions_with_roles(app, conn, holder.now, holder.policy, user).await?;
    others.retain(|other| other.session != own);
    let mut roles = roles_beside(&others, granted.tenant.as_ref());
    roles.extend(granted.active.iter().cloned());
    match first_breach(constraints, |role| roles.contains(role)) {
        Some(breach) => Err(TokenError::ChooseRoles(Box::new(breach))),
        None => Ok(()),
    }
}

/// Returns the roles of all sessions that count together with one for `tenant`: those for the same tenant, and where one
/// of the two is for none.
pub(crate) fn roles_beside(sessions: &[Active], tenant: Option<&TenantName>) -> BTreeSet<RoleName> {
    let is_beside = |other: &&Active| {
        let other = other.tenant.as_ref();
        other.is_none() || tenant.is_none() || other == tenant
    };
    let beside = sessions.iter().filter(is_beside);
    beside
        .flat_map(|other| other.roles.iter().cloned())
        .collect()
}

/// Returns the roles that each live session of a user would have after its next refresh, under `policy`.
pub(crate) async fn active_roles(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    policy: &Policy,
    user: &str,
) -> Result<Vec<Active>, StoreError> {
    let mut active = sessions_with_roles(app, conn, now, policy, user).await?;
    // one that would have too much already gets nothing until its owner chooses
    active.retain(|one| !one.must_choose);
    Ok(active)
}

async fn sessions_with_roles(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    policy: &Policy,
    user: &str,
) -> Result<Vec<Active>, StoreError> {
    let used_after = now.minus(app.settings().sessions.idle);
    let mut active = Vec::new();
    let mut subjects: BTreeMap<Option<TenantName>, Option<Subject>> = BTreeMap::new();
    let mut ceilings: BTreeMap<String, Option<RequestedScope>> = BTreeMap::new();
    for session in sessions::live(conn, user, now, used_after).await? {
        let tenant = session.tenant.as_ref();
        if !subjects.contains_key(&session.tenant) {
            let subject = subject::read(conn, user, tenant, now).await?;
            subjects.insert(session.tenant.clone(), subject);
        }
        if !ceilings.contains_key(&session.client_id) {
            let client = clients::find(conn, &session.client_id).await?;
            let scope = client.and_then(|client| client.scope);
            let ceiling = scope.as_deref().and_then(RequestedScope::parse_any);
            ceilings.insert(session.client_id.clone(), ceiling);
        }
        let Some(Some(subject)) = subjects.get(&session.tenant) else {
            continue;
        };
        let holder = TokenSubject {
            policy,
            assigned: &subject.assigned,
            lifetime: app.settings().access_ttl,
            tenant,
            own_audience: session.audience.as_deref() == Some(app.settings().issuer.as_str()),
            ceiling: ceilings.get(&session.client_id).and_then(Option::as_ref),
            now,
        };
        let Ok(granted) = regrant(&holder, &opened(&session), None) else {
            continue;
        };
        let must_choose = policy.dynamic_breach(&granted.active).is_some();
        let mut roles = granted.active;
        if must_choose && let Some(before) = opened(&session).granted {
            roles.retain(|role| before.roles.contains(role));
        }
        active.push(Active {
            session: session.id,
            roles,
            tenant: granted.tenant,
            must_choose,
        });
    }
    Ok(active)
}

/// Returns the scope that a session was opened with.
pub(crate) fn opened(session: &Session) -> SessionScope {
    SessionScope {
        asked: session.scope.as_deref().and_then(RequestedScope::parse_any),
        granted: session
            .granted
            .as_deref()
            .and_then(RequestedScope::parse_any),
    }
}
