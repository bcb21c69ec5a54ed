//! What is done to one client: a new secret beside the old one, the end of the old one, and deletion. All of it needs a
//! fresh proof.

use std::time::Duration;

use axum::response::Response;
use rolecall::{PermissionName as _, Public};
use secrecy::ExposeSecret as _;

use super::{
    super::submitted::Submitted,
    clients::{PATH, path_of},
    faults::Faults,
    presets::Endpoints,
    views::{
        Time,
        clients::{ClientSecret, SecretForm},
        confirm::{Confirm, Effect},
    },
    visit::Visit,
};
use crate::{
    authority::may,
    clients::{handlers::LONGEST_OVERLAP, service, store::Client},
    error::ApiError,
    roles::{assigning::Assignee, assignments},
    web::params::Segment,
};

/// The most assignments that are counted.
const COUNTED: i64 = 200;

/// The form for a new secret.
pub(crate) async fn get_secret(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    let made = show_secret(&visit, &id, &visit.query, &Faults::default()).await;
    visit.answer(made).await
}

async fn show_secret(
    visit: &Visit,
    id: &str,
    entered: &Submitted,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let client = service::get(&visit.app, visit.caller(), id).await?.client;
    let view = SecretForm {
        previous_until: previous_until(visit, &client),
        name: client.name,
        path: path_of(id),
        overlap: entered.get("overlap").to_owned(),
    };
    Ok(visit.show_with("admin_client_secret_form.html", &view, faults))
}

/// Returns the end of the secret before the present one, while it still works.
fn previous_until(visit: &Visit, client: &Client) -> Option<Time> {
    let (_, ends) = client.previous_secret.as_ref()?;
    (*ends > visit.now()).then(|| (*ends).into())
}

/// Puts a new secret in force, which is shown this once (`overlap` in hours), or ends the one before (`step=end`).
pub(crate) async fn post_secret(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    let done = if form.get("step") == "end" {
        end_previous(&visit, &id).await
    } else {
        rotate(&visit, &id, form.get("overlap")).await
    };
    match done.map_err(Faults::read) {
        Ok(response) => response,
        Err(Ok(faults)) => {
            visit
                .answer(show_secret(&visit, &id, &form, &faults).await)
                .await
        }
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn end_previous(visit: &Visit, id: &str) -> Result<Response, ApiError> {
    service::end_previous_secret(&visit.app, visit.caller(), id).await?;
    Ok(visit.done(&path_of(id), "client-secret-ended"))
}

async fn rotate(visit: &Visit, id: &str, overlap: &str) -> Result<Response, ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    // what can fail comes first: nobody sees the secret a second time
    let client = service::get(app, caller, id).await?.client;
    let (server, overlap) = (Endpoints::of(app).await?, overlap_of(overlap));
    let secret = service::rotate_secret(app, caller, id, overlap).await?;
    let view = ClientSecret {
        title: "admin-client-new-secret",
        secret: secret.expose_secret().to_owned(),
        previous_until: (!overlap.is_zero()).then(|| visit.now().plus(overlap).into()),
        settings: server.settings(&client),
        paste: None,
        next: path_of(id),
        name: client.name,
    };
    Ok(visit.show("admin_client_secret.html", &view))
}

/// Reads the hours for which the old secret keeps working: as long as the API does it by default if they are no number, and
/// never longer than it allows.
fn overlap_of(hours: &str) -> Duration {
    let hours = hours.trim().parse::<u32>().ok();
    let overlap = hours.map_or(service::OVERLAP, |hours| Duration::from_hours(hours.into()));
    overlap.min(LONGEST_OVERLAP)
}

/// Asks whether to delete a client.
pub(crate) async fn get_delete(_: Public, visit: Visit, Segment(id): Segment<String>) -> Response {
    let made = ask(&visit, &id, &Faults::default()).await;
    visit.answer(made).await
}

/// Deletes a client.
pub(crate) async fn post_delete(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    _: Submitted,
) -> Response {
    let deleted = service::delete(&visit.app, visit.caller(), &id).await;
    match deleted.map_err(Faults::read) {
        Ok(()) => visit.done(PATH, "client-deleted"),
        Err(Ok(faults)) => visit.answer(ask(&visit, &id, &faults).await).await,
        Err(Err(error)) => visit.refuse(error).await,
    }
}

async fn ask(visit: &Visit, id: &str, faults: &Faults) -> Result<Response, ApiError> {
    let (app, caller, path) = (&visit.app, visit.caller(), path_of(id));
    let client = service::get(app, caller, id).await?.client;
    let mut effects = vec![Effect::of("admin-effect-client-tokens", "")];
    if client.application.is_some() {
        effects.push(Effect::of("admin-effect-client-consents", ""));
    }
    if !client.public {
        effects.push(Effect::of("admin-effect-client-secret", ""));
    }
    if visit.may_globally(may::ReadAssignments::NAME) {
        let own = Assignee::Client(id);
        let held = assignments::list(app, caller, own, ("", ""), None, COUNTED).await?;
        effects.push(Effect::on("admin-effect-client-roles", held.len()));
    }
    effects.push(Effect::of("admin-effect-client-id", ""));
    effects.push(Effect::of("admin-effect-client-audit", ""));
    let view = Confirm {
        title: "admin-delete-client",
        name: client.name,
        effects,
        is_final: true,
        action: format!("{path}/delete"),
        fields: Vec::new(),
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlap_is_read_in_hours_and_has_an_end() {
        for (text, hours) in [
            ("0", 0),
            ("1", 1),
            (" 24 ", 24),
            ("", 24),
            ("-1", 24),
            ("long", 24),
            ("720", 720),
            ("721", 720),
            ("4294967295", 720),
        ] {
            assert_eq!(overlap_of(text), Duration::from_hours(hours), "{text:?}");
        }
    }
}
