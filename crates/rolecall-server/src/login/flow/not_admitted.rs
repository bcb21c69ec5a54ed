//! The answer for a user who may not sign in through a client.

use rolecall_core::{Acr, Timestamp};
use serde_json::json;

use super::request::AuthorizationRequest;
use crate::{
    app::App,
    authority::subject::Subject,
    clients::store::Client,
    decisions::receipt::{self, Note},
};

/// Returns the reason for the client, with a receipt by which an administrator can have the refusal explained.
pub(super) fn describe(
    app: &App,
    (client, request): (&Client, &AuthorizationRequest),
    (subject, acr): (&Subject, Acr),
    now: Timestamp,
) -> String {
    let roles = client.sign_in.who.iter().map(|role| format!("role:{role}"));
    // what is held in a tenant counts for a client that is registered for one alone
    let tenant = client.sign_in.tenant.as_ref().and(request.tenant.as_ref());
    let note = Note {
        subject: subject.id.clone(),
        needs: json!({ "any": roles.collect::<Vec<_>>() }),
        at: now,
        rev: subject.head.revision,
        tenant: tenant.cloned(),
        narrowed: false,
        acr: Some(acr),
    };
    let why = "the user may not sign in to this application";
    match receipt::seal(app, &note) {
        Some(receipt) => format!("{why} (receipt {receipt})"),
        None => why.to_owned(),
    }
}
