//! The audit log as a file.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use rolecall::Public;
use serde::Serialize;
use serde_json::json;

use super::{
    super::render,
    audit::{EXPORT, Part, filter, list},
    views::audit::Form,
    visit::Visit,
};
use crate::{
    audit::{
        handlers::{EntryView, EventView},
        search,
    },
    error::ApiError,
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
    let part = Part::read(visit, &form, &filter, search::EXPORT).await?;
    let next = part.next();
    let next = next.map(|next| form.address(EXPORT, &form.kind, &next));
    let file = match part {
        Part::Changes(found) => json!(File {
            items: found.rows.into_iter().map(EntryView::from).collect(),
            next,
        }),
        Part::Events(found) => json!(File {
            items: found.rows.into_iter().map(EventView::from).collect(),
            next,
        }),
    };
    let mut response = Json(file).into_response();
    response.extensions_mut().insert(NoCors);
    render::protect(response.headers_mut(), "default-src 'none'", "no-referrer");
    let name = if form.is_of_events() {
        HeaderValue::from_static("attachment; filename=\"audit-events.json\"")
    } else {
        HeaderValue::from_static("attachment; filename=\"audit.json\"")
    };
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
