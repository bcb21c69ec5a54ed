//! Which roles are active at once: dynamic separation of duties (ANSI INCITS 359, DSD).

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{Policy, RoleName, TenantName, Timestamp};

use super::{store as sessions, store::Session};
use crate::{
    app::App,
    authority::subject::{self, Subject},
    clients::store as clients,
    store::{Conn, StoreError},
    tokens::{
        effective::TokenSubject,
        grant::{SessionScope, regrant},
        requested::RequestedScope,
    },
};

/// The roles that a session has active, and for which tenant.
pub(crate) struct Active {
    pub(crate) roles: BTreeSet<RoleName>,
    pub(crate) tenant: Option<TenantName>,
}

/// Returns the roles that each live session of a user would have after its next refresh, under `policy`.
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
        // one that would have too much already gets nothing until its owner chooses
        if policy.dynamic_breach(&granted.active).is_none() {
            active.push(Active {
                roles: granted.active,
                tenant: granted.tenant,
            });
        }
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
