//! What happened in the own account, and the own data as a file.

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use minijinja::{Value, context};
use rolecall::Public;

use super::{
    super::{
        account::minute,
        answers::{failed, message},
        submitted::{Browser, Submitted},
    },
    page, signed_in,
};
use crate::{
    app::App,
    audit::store::Event,
    http::NoCors,
    own_data::{export, service, views::OwnDataView},
};

/// The events on a page.
const SHOWN: i64 = 50;

/// What happened in the account of the user who is signed in (`before` for older events).
#[utoipa::path(get, path = "/account/events", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in")))]
pub(crate) async fn get_events(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let current = match signed_in(&app, &browser).await {
        Ok(current) => current,
        Err(response) => return response,
    };
    let language = browser.language(&app, None);
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    let (subject, before) = (&current.subject_id, query.get("before"));
    let mut events = match service::list_events(&app, subject, before, SHOWN + 1).await {
        Ok(events) => events,
        Err(error) => return failed(&app, language, error),
    };
    let has_more = i64::try_from(events.len()).is_ok_and(|found| found > SHOWN);
    if has_more {
        events.pop();
    }
    let older = events.last().filter(|_| has_more);
    let older = older.map_or("", |event| event.id.as_str());
    let values = context! {
        events => events.iter().map(shown).collect::<Vec<Value>>(),
        older => older,
    };
    page(&app, language, "events.html", StatusCode::OK, values)
}

fn shown(event: &Event) -> Value {
    let key = match event.kind.as_str() {
        "log_in" => "event-log-in",
        "log_in_failed" => "event-log-in-failed",
        "mail_code_proven" => "event-mail-code-proven",
        "password_proven" => "event-password-proven",
        "password_changed" => "event-password-changed",
        "reset_refused" | "reset_by_creator" | "reset_unconfirmed" => "event-reset-refused",
        "refresh_replayed" | "code_replayed" => "event-replayed",
        "refresh_grace" => "event-refresh-grace",
        "code_refused" => "event-code-refused",
        "factor_added" => "event-factor-added",
        "factor_removed" => "event-factor-removed",
        "second_factor_failed" => "event-second-factor-failed",
        "passkey_went_back" => "event-passkey-copied",
        "recovery_codes_made" => "event-recovery-made",
        "recovery_code_used" => "event-recovery-used",
        _ => "",
    };
    context! {
        key => key,
        kind => event.kind.as_str(),
        address => event.address.as_str(),
        at => minute(event.at),
    }
}

/// The data of the user who is signed in, as a file.
#[utoipa::path(get, path = "/account/export", tag = "sign-in", responses(
    (status = 200, description = "The data", body = OwnDataView),
    (status = 303, description = "To the sign-in")))]
pub(crate) async fn get_export(_: Public, State(app): State<App>, browser: Browser) -> Response {
    let current = match signed_in(&app, &browser).await {
        Ok(current) => current,
        Err(response) => return response,
    };
    let language = browser.language(&app, None);
    let body = match export::write(&app, &current.subject_id, None).await {
        Ok(Some(body)) => body,
        Ok(None) => return message(&app, language, StatusCode::BAD_REQUEST, "ended", ""),
        Err(error) => return failed(&app, language, error),
    };
    let mut response = body.into_response();
    response.extensions_mut().insert(NoCors);
    let file = HeaderValue::from_static("attachment; filename=\"account.json\"");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, file);
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
