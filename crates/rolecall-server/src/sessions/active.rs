//! Which roles are active at once: dynamic separation of duties (ANSI INCITS 359, DSD).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rolecall_core::{
    Acr, Constraint, ConstraintName, ConstraintScope, Policy, RoleName, TenantName, Timestamp,
    first_breach,
};

use super::{active_store, store as sessions, store::Session};
use crate::{
    app::App,
    authority::{
        assurance::{BY_PASSWORD, acr_of},
        subject::{self, Subject},
    },
    clients::store::{self as clients, Client},
    resources::limit,
    store::{Conn, StoreError},
    tokens::{
        error::TokenError,
        grant::{SessionScope, check_active, regrant},
        holder::{Beyond, Grant, TokenSubject},
        requested::RequestedScope,
    },
};

/// Roles that a session has active, and for which tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Active {
    pub(crate) roles: BTreeSet<RoleName>,
    pub(crate) tenant: Option<TenantName>,
}

/// Returns the roles that living tokens of the user have active, as far as constraints count them together with a token for
/// `tenant`. Nothing is read where no constraint does.
pub(crate) async fn beside(
    conn: &mut Conn,
    policy: &Policy,
    (user, tenant): (&str, Option<&TenantName>),
    now: Timestamp,
) -> Result<BTreeSet<RoleName>, StoreError> {
    let mut constraints = policy.constraints();
    if !constraints.any(|(_, one)| one.per == ConstraintScope::Subject) {
        return Ok(BTreeSet::new());
    }
    let others = active_store::find(conn, user, tenant, now).await?;
    Ok(others.into_iter().collect())
}

/// Refuses roles that were asked for and may not be active together, in this token or beside others: see [`check_active`] and
/// [`check_beside_others`].
pub(crate) async fn check(
    conn: &mut Conn,
    holder: &TokenSubject<'_>,
    user: &str,
    granted: &Grant,
) -> Result<(), TokenError> {
    check_active(holder, granted)?;
    check_beside_others(conn, holder, user, granted).await
}

/// Refuses what the living tokens of the user do not leave room for, under the constraints that count them together;
/// earlier tokens of the same session are among them. Where a token is issued, [`count`] must follow in the same transaction.
///
/// INVARIANT: the transaction holds the user (`gate`): of two tokens that are issued at once, the second has waited for the
/// first.
pub(crate) async fn check_beside_others(
    conn: &mut Conn,
    holder: &TokenSubject<'_>,
    user: &str,
    granted: &Grant,
) -> Result<(), TokenError> {
    let constraints = counting(holder.policy, granted);
    if constraints.is_empty() {
        return Ok(());
    }
    let tenant = granted.tenant.as_ref();
    let read: BTreeSet<RoleName>;
    let others = match holder.beside {
        Some(beside) if tenant == holder.tenant => beside,
        _ => {
            let found = active_store::find(conn, user, tenant, holder.now).await?;
            read = found.into_iter().collect();
            &read
        }
    };
    let is_active = |role: &RoleName| granted.active.contains(role) || others.contains(role);
    match first_breach(constraints, is_active) {
        Some(breach) => Err(TokenError::ChooseRoles(Box::new(breach))),
        None => Ok(()),
    }
}

/// Counts the active roles of a token that is issued to a session now, until it expires after `lifetime`.
pub(crate) async fn count(
    conn: &mut Conn,
    holder: &TokenSubject<'_>,
    (user, session): (&str, &str),
    granted: &Grant,
    lifetime: Duration,
) -> Result<(), StoreError> {
    let constraints = counting(holder.policy, granted);
    let listed = constraints.iter().flat_map(|(_, one)| &one.roles);
    let counted: BTreeSet<&RoleName> = listed
        .filter(|role| granted.active.contains(*role))
        .collect();
    let ends_at = holder.now.plus(lifetime);
    for role in counted {
        let tenant = granted.tenant.as_ref();
        active_store::put(conn, (user, session), role, tenant, ends_at).await?;
    }
    Ok(())
}

/// Returns the constraints that count the tokens of a subject together and list an active role of this one.
fn counting<'p>(policy: &'p Policy, granted: &Grant) -> Vec<(&'p ConstraintName, &'p Constraint)> {
    let constraints = policy.constraints();
    let counting = constraints.filter(|(_, one)| {
        one.per == ConstraintScope::Subject && !one.roles.is_disjoint(&granted.active)
    });
    counting.collect()
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

/// What the next token of a session depends on, beside its user. Sessions that agree in it would get the same.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    client: String,
    tenant: Option<TenantName>,
    audience: String,
    /// The user signed in with a browser.
    by_browser: bool,
    acr: Acr,
    asked: Option<String>,
    granted: Option<String>,
}

/// Returns what the live sessions of a user would have active after their next refresh, under `policy`; sessions that
/// would have the same stand for one another.
pub(crate) async fn active_roles(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    policy: &Policy,
    user: &str,
) -> Result<Vec<Active>, StoreError> {
    let used_after = now.minus(app.settings().sessions.idle);
    let mut kinds: BTreeMap<Kind, Session> = BTreeMap::new();
    for session in sessions::live(conn, user, now, used_after).await? {
        let kind = Kind {
            client: session.client_id.clone(),
            tenant: session.tenant.clone(),
            audience: session.audience.clone().unwrap_or_default(),
            by_browser: session.identity.is_some(),
            acr: acr_of(session.amr.as_deref().unwrap_or(BY_PASSWORD)),
            asked: session.scope.clone(),
            granted: session.granted.clone(),
        };
        kinds.entry(kind).or_insert(session);
    }
    let reached = BTreeMap::from(Acr::ALL.map(|acr| (acr, policy.reached_by(acr))));
    let mut active = BTreeSet::new();
    let mut subjects: BTreeMap<Option<TenantName>, Option<Subject>> = BTreeMap::new();
    let mut ceilings: BTreeMap<(String, String), (Option<RequestedScope>, bool)> = BTreeMap::new();
    for (kind, session) in kinds {
        let tenant = kind.tenant.as_ref();
        if !subjects.contains_key(&kind.tenant) {
            let subject = subject::read(conn, user, tenant, now).await?;
            subjects.insert(kind.tenant.clone(), subject);
        }
        let through = (kind.client.clone(), kind.audience.clone());
        if !ceilings.contains_key(&through) {
            let client = clients::find(conn, &kind.client).await?;
            let is_first_party = client.as_ref().is_none_or(Client::is_first_party);
            let scope = client.and_then(|client| client.scope);
            let ceiling = RequestedScope::stored(scope.as_deref())?;
            let ceiling = limit::limited(conn, &kind.audience, ceiling).await?;
            ceilings.insert(through.clone(), (ceiling, is_first_party));
        }
        let Some(Some(subject)) = subjects.get(&kind.tenant) else {
            continue;
        };
        let Some((ceiling, is_first_party)) = ceilings.get(&through) else {
            continue;
        };
        let Some(reached) = reached.get(&kind.acr) else {
            continue;
        };
        let holder = TokenSubject {
            policy: reached,
            beyond: Some(Beyond {
                policy,
                assigned: &subject.assigned,
            }),
            assigned: &subject.assigned,
            lifetime: app.settings().access_ttl,
            tenant,
            own_audience: kind.audience == app.settings().issuer
                && (*is_first_party || !kind.by_browser),
            ceiling: ceiling.as_ref(),
            beside: None,
            now,
        };
        let Ok(granted) = regrant(&holder, &opened(&session)?, None) else {
            continue;
        };
        // one that would have too much already gets nothing until its owner chooses
        if policy.dynamic_breach(&granted.active).is_none() {
            active.insert(Active {
                roles: granted.active,
                tenant: granted.tenant,
            });
        }
    }
    Ok(active.into_iter().collect())
}

/// Returns the scope that a session was opened with.
pub(crate) fn opened(session: &Session) -> Result<SessionScope, StoreError> {
    Ok(SessionScope {
        asked: RequestedScope::stored_of_session(session.scope.as_deref())?,
        // what was granted narrows nothing; it is empty where nothing was
        granted: session
            .granted
            .as_deref()
            .and_then(RequestedScope::parse_any),
    })
}
