//! The HTTP endpoint of the audit log.

use axum::{
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use rolecall::Require;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{service, store::Event};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::{ApiError, FieldError},
    heavy::Purpose,
    store::Entry,
    times::rfc3339,
    web::{
        document::ProblemDocument,
        page::{Cursor, INVALID_CURSOR, Limit, List, Page},
        params::Params,
    },
};

/// An entry of the audit log: the changes of one revision.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    revision: i64,
    at: String,
    actor: String,
    changes: Value,
    mark: String,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            revision: entry.revision,
            at: rfc3339(entry.at),
            actor: entry.actor,
            changes: serde_json::from_str(&entry.changes).unwrap_or(Value::Null),
            mark: entry.mark,
        }
    }
}

/// An event: something that happened without a change of the data.
#[derive(Debug, Serialize)]
pub(crate) struct EventView {
    id: String,
    at: String,
    kind: String,
    subject: Option<String>,
    address: String,
    detail: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let Event {
            id,
            at,
            kind,
            subject_id,
            address,
            detail,
        } = event;
        Self {
            id,
            at: rfc3339(at),
            kind,
            subject: subject_id,
            address,
            detail,
        }
    }
}

/// A page of changes or of events.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum AuditPage {
    Changes(Page<EntryView>),
    Events(Page<EventView>),
}

/// A page of the audit log, as the document describes it: entries and events share a schema, so that generated clients
/// need not find out which one they got.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub(crate) struct AuditPageDocument {
    items: Vec<AuditItem>,
    /// Where the next page begins; null on the last.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A change, which has `revision`, `actor`, `changes` and `mark`, or an event, which has the other members.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditItem {
    #[schema(format = DateTime)]
    at: String,
    revision: Option<i64>,
    /// `user:ID`, `client:ID`, `cli:NAME`, `app:NAME` or `system`.
    actor: Option<String>,
    #[schema(value_type = Option<Vec<Object>>)]
    changes: Option<Value>,
    /// A MAC of this entry and of the mark before it.
    mark: Option<String>,
    id: Option<String>,
    /// `log_in`, `log_in_failed`, `refresh_grace` for a refresh token that was used again just after its replacement,
    /// `address_slowed` for an address that failed on many accounts, or `reset_refused` for a reset code that its maker
    /// tried to use.
    kind: Option<String>,
    subject: Option<String>,
    address: Option<String>,
    detail: Option<String>,
}

/// The query of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// The number of entries, 1 to 200.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the previous page.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    cursor: Cursor,
    /// Whether to list changes or events.
    #[serde(default)]
    #[param(inline)]
    kind: AuditKind,
}

/// The part of the log to list.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuditKind {
    /// Changes, which are chained by their marks.
    #[default]
    Change,
    /// Log-ins and failed log-ins.
    Event,
}

/// List the audit log, newest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditQuery), responses(
    (status = 200, description = "A page of entries or of events", body = AuditPageDocument),
    (status = "4XX", description = "The request is invalid", body = ProblemDocument)))]
pub(crate) async fn list_audit_entries(
    caller: Require<may::ReadAudit>,
    State(app): State<App>,
    Params(query): Params<AuditQuery>,
) -> Result<Response, ApiError> {
    let own = app.clone();
    // read and written in a turn, with as few of them in memory at once
    let work = move || async move {
        let page = page_of(&own, Caller::Token(&caller), &query).await?;
        serde_json::to_vec(&page).map_err(ApiError::internal)
    };
    let body = app.heavy().run_reading(Purpose::Audit, work).await?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

async fn page_of(app: &App, caller: Caller<'_>, query: &AuditQuery) -> Result<AuditPage, ApiError> {
    let limit = query.limit.0;
    Ok(match query.kind {
        AuditKind::Event => {
            let before = query.cursor.after(List::Events)?;
            let events = service::list_events(app, caller, before, limit + 1).await?;
            let key = |event: &Event| event.id.clone();
            AuditPage::Events(Page::of(List::Events, events, limit, key, EventView::from))
        }
        AuditKind::Change => {
            let before = revision_of(&query.cursor)?;
            let entries = service::list(app, caller, before, limit + 1).await?;
            let key = |entry: &Entry| entry.revision.to_string();
            AuditPage::Changes(Page::of(
                List::Changes,
                entries,
                limit,
                key,
                EntryView::from,
            ))
        }
    })
}

/// Returns the revision before which the page begins; `None` for the first page.
fn revision_of(cursor: &Cursor) -> Result<Option<i64>, ApiError> {
    let key = Some(cursor.after(List::Changes)?).filter(|key| !key.is_empty());
    key.map(str::parse)
        .transpose()
        .map_err(|_| ApiError::Invalid(FieldError::query("cursor", "value_error", INVALID_CURSOR)))
}

#[cfg(test)]
mod tests;
