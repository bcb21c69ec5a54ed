//! The reasons for which a client gets an error in place of its user, with receipts by which an administrator can have them
//! explained.

use rolecall_core::{Acr, TenantName, Timestamp};
use serde_json::{Value, json};

use super::{assurance::first_beyond, request::AuthorizationRequest, store::Flow};
use crate::{
    app::App,
    authority::subject::{self, Subject},
    boxed::Boxed,
    clients::store::{self as clients, Client},
    decisions::receipt::{self, Need, Note},
    error::ApiError,
};

/// Returns the reason for a user who may not sign in through the client.
pub(super) fn describe(
    app: &App,
    (client, request): (&Client, &AuthorizationRequest),
    (subject, acr): (&Subject, Acr),
    now: Timestamp,
) -> String {
    let roles = client.sign_in.who.iter().map(|role| format!("role:{role}"));
    let needs = json!({ "any": roles.collect::<Vec<_>>() });
    // what is held in a tenant counts for a client that is registered for one alone
    let tenant = client.sign_in.tenant.as_ref().and(request.tenant.as_ref());
    let why = "the user may not sign in to this application";
    with_receipt(app, why, (needs, tenant), (subject, acr), now)
}

/// Returns the reason for a user whose sign-in does not reach what a name in the request needs.
pub(super) fn describe_step_up(
    app: &App,
    (name, request): (&str, &AuthorizationRequest),
    (subject, acr): (&Subject, Acr),
    now: Timestamp,
) -> String {
    let why = format!("{name} needs a stronger sign-in");
    explain_name(app, &why, (name, request), (subject, acr), now)
}

/// Returns the reason for a user who cannot sign in with as much as is asked for. It has a receipt where that is for a role or
/// permission in the request, and not because the client itself asks for an assurance.
pub(super) fn describe_unmet<'a>(
    app: &'a App,
    flow: &'a Flow,
) -> Boxed<'a, Result<String, ApiError>> {
    Box::pin(async move {
        let why = "the user cannot sign in with as much as the request asks for";
        let (request, now) = (flow.choice.apply(&flow.request), app.now());
        let mut conn = app.store().read().await?;
        let client = clients::find(&mut conn, &request.client_id).await?;
        let subject = match &flow.subject_id {
            Some(id) => subject::read(&mut conn, id, request.tenant.as_ref(), now).await?,
            None => None,
        };
        let Some((client, subject)) = client.zip(subject) else {
            return Ok(why.to_owned());
        };
        let reached = (&subject, flow.proofs.acr());
        let beyond = first_beyond(app, &mut conn, (&client, &request), reached).await?;
        Ok(match beyond {
            Some(name) => explain_name(app, why, (&name, &request), reached, now),
            None => why.to_owned(),
        })
    })
}

/// Adds a receipt for a role or permission in the request. A tenant is neither.
fn explain_name(
    app: &App,
    why: &str,
    (name, request): (&str, &AuthorizationRequest),
    (subject, acr): (&Subject, Acr),
    now: Timestamp,
) -> String {
    if name.parse::<Need>().is_err() {
        return why.to_owned();
    }
    let needs = (json!(name), request.tenant.as_ref());
    with_receipt(app, why, needs, (subject, acr), now)
}

fn with_receipt(
    app: &App,
    why: &str,
    (needs, tenant): (Value, Option<&TenantName>),
    (subject, acr): (&Subject, Acr),
    now: Timestamp,
) -> String {
    let note = Note {
        subject: subject.id.clone(),
        needs,
        at: now,
        rev: subject.head.revision,
        tenant: tenant.cloned(),
        narrowed: false,
        acr: Some(acr),
        too_old: false,
    };
    match receipt::seal(app, &note) {
        Some(receipt) => format!("{why} (receipt {receipt})"),
        None => why.to_owned(),
    }
}
