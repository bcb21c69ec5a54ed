//! The sessions that end when their user may not sign in to their client any more.

use std::collections::BTreeMap;

use rolecall_core::{Policy, TenantName};

use super::{service, unadmitted_store as store};
use crate::{
    authority::subject,
    clients::{
        sign_in::{SignIn, SignInTenant},
        store as clients,
    },
    error::ApiError,
    store::{Change, gate},
};

/// Ends the sessions of a user who has just lost an assignment, with clients that do not admit them any more. Their tokens
/// have ended with the assignment; this tells the clients, and keeps the sessions from going on when the user gets the role
/// again.
pub(crate) async fn end_unadmitted(
    change: &mut Change<'_>,
    policy: &Policy,
    user: &str,
) -> Result<(), ApiError> {
    gate::hold(change.conn(), user).await?;
    let mut clients = BTreeMap::new();
    for session in store::of_subject(change.conn(), user).await? {
        let client = session.client_id;
        if !clients.contains_key(&client) {
            let found = clients::find(change.conn(), &client).await?;
            let sign_in = found.map(|found| found.sign_in).unwrap_or_default();
            clients.insert(client.clone(), sign_in);
        }
        let Some(sign_in) = clients.get(&client) else {
            continue;
        };
        if sign_in.who.is_empty() && sign_in.tenant.is_none() {
            continue;
        }
        if !is_admitted(change, policy, user, sign_in, session.tenant.as_ref()).await? {
            service::end(change, "session.ended", &session.id, user).await?;
        }
    }
    Ok(())
}

/// Returns true if a user may sign in as they did in a session for `tenant`.
async fn is_admitted(
    change: &mut Change<'_>,
    policy: &Policy,
    user: &str,
    sign_in: &SignIn,
    tenant: Option<&TenantName>,
) -> Result<bool, ApiError> {
    let own = match &sign_in.tenant {
        Some(SignInTenant::Named(own)) => Some(own),
        _ => None,
    };
    let tenant = tenant.or(own);
    let now = change.now();
    let subject = subject::read(change.conn(), user, tenant, now).await?;
    let Some(subject) = subject else {
        return Ok(false);
    };
    let has_tenant =
        sign_in.tenant.is_none() || tenant.is_none() || subject.tenant_roles().next().is_some();
    let mut roles = sign_in.counted(&subject.assigned).map(|one| &one.role);
    Ok(has_tenant
        && (sign_in.who.is_empty() || roles.any(|role| sign_in.admits(&policy.closure([role])))))
}
