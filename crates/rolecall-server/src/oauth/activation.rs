//! Which roles are active at once: dynamic separation of duties (ANSI INCITS 359, DSD).

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{Breach, Policy, RoleName, TenantName, Timestamp};

use super::{
    error::OAuthError,
    scope::{Asked, Granted, Holder, Opened, regrant},
};
use crate::{
    accounts::subject::{self, Subject},
    app::App,
    clients::store as clients,
    sessions::store::{self as sessions, Session},
    store::{Conn, StoreError},
};

/// A token that would have too many roles of a constraint active is not made with some of them left out: whoever
/// asks for it chooses.
pub(super) fn demand_apart(holder: &Holder<'_>, granted: &Granted) -> Result<(), OAuthError> {
    match holder.policy.dynamic_breach(&granted.roles) {
        Some(breach) => Err(OAuthError::ChooseRoles(Box::new(breach))),
        None => Ok(()),
    }
}

/// What to tell whoever has to choose.
pub(super) fn choice(breach: &Breach) -> String {
    let roles = breach.roles.iter().map(|role| format!("role:{role}"));
    let roles = roles.collect::<Vec<_>>().join(", ");
    format!(
        "constraint {} allows at most {} of its roles to be active at once: choose among {roles} with scope",
        breach.constraint, breach.at_most
    )
}

/// Whether `active` leaves out of `whole` only what a constraint does not allow beside it: then a token has as
/// much as its holder can have at once.
pub(super) fn is_as_much_as_can_be(
    policy: &Policy,
    whole: &BTreeSet<RoleName>,
    active: &BTreeSet<RoleName>,
) -> bool {
    let mut left_out = whole.difference(active);
    left_out.all(|role| {
        let mut more = policy.closure([role]);
        // what no token of this kind carries is not in the way
        more.retain(|one| whole.contains(one));
        more.extend(active.iter().cloned());
        policy.dynamic_breach(&more).is_some()
    })
}

/// The roles that a session has active, and for which tenant.
pub(crate) struct Active {
    pub(crate) roles: BTreeSet<RoleName>,
    pub(crate) tenant: Option<TenantName>,
}

/// What each live session of a user would have at its next refresh by `policy`.
pub(crate) async fn active_roles(
    app: &App,
    conn: &mut Conn,
    now: Timestamp,
    policy: &Policy,
    user: &str,
) -> Result<Vec<Active>, StoreError> {
    let used_after = now.minus(app.settings().sessions.idle);
    let mut active = Vec::new();
    let mut subjects: BTreeMap<Option<TenantName>, Option<Subject>> = BTreeMap::new();
    let mut ceilings: BTreeMap<String, Option<Asked>> = BTreeMap::new();
    for session in sessions::live(conn, user, now, used_after).await? {
        let tenant = session.tenant.as_ref();
        if !subjects.contains_key(&session.tenant) {
            let subject = subject::read(conn, user, tenant, now).await?;
            subjects.insert(session.tenant.clone(), subject);
        }
        if !ceilings.contains_key(&session.client_id) {
            let client = clients::find(conn, &session.client_id).await?;
            let scope = client.and_then(|client| client.scope);
            let ceiling = scope.as_deref().and_then(Asked::parse_any);
            ceilings.insert(session.client_id.clone(), ceiling);
        }
        let Some(Some(subject)) = subjects.get(&session.tenant) else {
            continue;
        };
        let holder = Holder {
            policy,
            assigned: &subject.assigned,
            tenant,
            own_audience: session.audience.as_deref() == Some(app.settings().issuer.as_str()),
            ceiling: ceilings.get(&session.client_id).and_then(Option::as_ref),
            now,
        };
        let Ok(granted) = regrant(&holder, &opened(&session), None) else {
            continue;
        };
        // one that would have too much already gets nothing until its owner chooses
        if policy.dynamic_breach(&granted.roles).is_none() {
            active.push(Active {
                roles: granted.roles,
                tenant: granted.tenant,
            });
        }
    }
    Ok(active)
}

/// What a session was opened with.
pub(super) fn opened(session: &Session) -> Opened {
    Opened {
        asked: session.scope.as_deref().and_then(Asked::parse_any),
        granted: session.granted.as_deref().and_then(Asked::parse_any),
    }
}
