//! The caller's own sessions.

use axum::{Json, extract::State, http::StatusCode};
use rolecall::{Authenticated, Principal};
use serde::Serialize;
use utoipa::ToSchema;

use super::{service, store::Shown};
use crate::{
    accounts::me_handlers::require_user,
    app::App,
    error::ApiError,
    times::rfc3339,
    web::{
        document::ProblemDocument,
        page::{List, ListQuery, Page},
        params::{Params, Segment},
    },
};

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    /// The client that was logged in through; `rolecall` where there was none.
    client_id: String,
    /// Where it was used from last.
    address: String,
    /// The program and the system with which the user signed in, such as `Firefox on Linux`; left out if they are unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    expires_at: String,
    /// The request itself belongs to this session.
    current: bool,
}

impl SessionView {
    pub(crate) fn new(session: Shown, current: Option<&str>) -> Self {
        Self {
            current: current == Some(session.id.as_str()),
            id: session.id,
            client_id: session.client_id,
            address: session.address,
            agent: session.agent,
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.last_used_at),
            expires_at: rfc3339(session.expires_at),
        }
    }
}

/// List the own sessions.
#[utoipa::path(get, path = "/api/me/sessions", tag = "account", params(ListQuery), responses(
    (status = 200, description = "A page of sessions", body = Page<SessionView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_my_sessions(
    caller: Authenticated,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<SessionView>>, ApiError> {
    require_user(&caller)?;
    let limit = query.limit.0;
    let after = query.cursor.after(List::Sessions)?;
    let sessions = service::list_own(&app, &caller, after, limit + 1).await?;
    let current = caller.session();
    Ok(Json(Page::of(
        List::Sessions,
        sessions,
        limit,
        |session| session.id.clone(),
        |session| SessionView::new(session, current),
    )))
}

/// End one of the own sessions.
#[utoipa::path(delete, path = "/api/me/sessions/{sid}", tag = "account", params(("sid" = String, Path)), responses(
    (status = 204, description = "Ended, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn end_my_session(
    caller: Authenticated,
    State(app): State<App>,
    Segment(sid): Segment<String>,
) -> Result<StatusCode, ApiError> {
    require_user(&caller)?;
    service::end_own(&app, &caller, &sid).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out: the session of the token ends, and its tokens stop working at once.
#[utoipa::path(post, path = "/api/me/logout", tag = "account", responses(
    (status = 204, description = "Logged out"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn log_out(
    caller: Authenticated,
    State(app): State<App>,
) -> Result<StatusCode, ApiError> {
    require_user(&caller)?;
    service::end_own(&app, &caller, own_session(&caller)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own_session(caller: &Principal) -> Result<&str, ApiError> {
    // every token of a user that this server issues has one
    caller.session().ok_or(ApiError::Lacks(None))
}
