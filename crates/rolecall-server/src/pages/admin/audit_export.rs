//! The audit log as a file.

use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use rolecall::{Principal, Public};
use serde::Serialize;

use super::{
    super::render,
    audit::{EXPORT, filter, list},
    views::audit::Form,
    visit::Visit,
};
use crate::{
    app::App,
    audit::{
        filter::Filter,
        handlers::{EntryView, EventView},
        search,
    },
    authority::caller::Caller,
    error::ApiError,
    heavy::Purpose,
    http::NoCors,
};

/// The log as a file.
pub(crate) async fn get_export(_: Public, visit: Visit) -> Response {
    visit.answer(export(&visit).await).await
}

/// A file with a part of the log, in the form of the API.
#[derive(Serialize)]
struct File<T> {
    items: Vec<T>,
    /// The address of what follows; null if nothing does.
    next: Option<String>,
}

async fn export(visit: &Visit) -> Result<Response, ApiError> {
    let form = Form::read(&visit.query);
    let Ok(filter) = filter(visit, &form).await? else {
        // the list says what is wrong
        return list(visit).await;
    };
    let is_of_events = form.is_of_events();
    let file = written(visit, form, filter).await?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], file).into_response();
    response.extensions_mut().insert(NoCors);
    render::protect(response.headers_mut(), "default-src 'none'", "no-referrer");
    let name = if is_of_events {
        HeaderValue::from_static("attachment; filename=\"audit-events.json\"")
    } else {
        HeaderValue::from_static("attachment; filename=\"audit.json\"")
    };
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Returns the text of the file, which is read and written in a turn: entries can be as large as the policy.
async fn written(visit: &Visit, form: Form, filter: Filter) -> Result<Vec<u8>, ApiError> {
    let after = visit.query.get("after").to_owned();
    let work = async move |app: App, principal: Arc<Principal>| {
        let caller = Caller::Token(&principal);
        let address = |next: String| form.address(EXPORT, &form.kind, &next);
        let written = if form.is_of_events() {
            let found = search::events(&app, caller, &filter, &after, search::EXPORT).await?;
            serde_json::to_vec(&File {
                items: found.rows.into_iter().map(EventView::from).collect(),
                next: found.next.map(address),
            })
        } else {
            let before = after.parse().ok();
            let found = search::entries(&app, caller, &filter, before, search::EXPORT).await?;
            serde_json::to_vec(&File {
                items: found.rows.into_iter().map(EntryView::from).collect(),
                next: found.next.map(|next| address(next.to_string())),
            })
        };
        written.map_err(ApiError::internal)
    };
    visit.in_turn(Purpose::Audit, work).await
}
