//! Consents, over the API.

use axum::{Json, extract::State, http::StatusCode};
use rolecall::{Authenticated, Principal, Require};
use serde::Serialize;
use utoipa::ToSchema;

use super::service::{self, AllowedClient, AllowedScopes};
use crate::{
    accounts::me_handlers::require_user,
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    times::rfc3339,
    web::{
        document::ProblemDocument,
        page::{List, ListQuery, Page},
        params::{Params, Segment},
    },
};

/// The consents of a user to one client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
pub(crate) struct ConsentView {
    client_id: String,
    client_name: String,
    allowed: Vec<AllowedScopesView>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_used_at: String,
}

/// The scopes that a user has allowed a client for one resource, and for one tenant or none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AllowedScopes)]
pub(crate) struct AllowedScopesView {
    /// The audience of the tokens; null for this server itself.
    #[schema(required)]
    resource: Option<String>,
    /// The tenant of the tokens.
    #[schema(required)]
    tenant: Option<String>,
    /// `*` stands for all permissions and roles of the user that the client could have when it was allowed them.
    scopes: Vec<String>,
}

impl From<AllowedClient> for ConsentView {
    fn from(client: AllowedClient) -> Self {
        let view = |allowed: AllowedScopes| AllowedScopesView {
            resource: allowed.resource,
            tenant: allowed.tenant,
            scopes: allowed.scopes,
        };
        Self {
            client_id: client.client_id,
            client_name: client.client_name,
            allowed: client.scopes.into_iter().map(view).collect(),
            created_at: rfc3339(client.created_at),
            last_used_at: rfc3339(client.last_used_at),
        }
    }
}

fn page(clients: Vec<AllowedClient>, limit: i64) -> Json<Page<ConsentView>> {
    let key = |client: &AllowedClient| client.client_id.clone();
    Json(Page::of(
        List::Consents,
        clients,
        limit,
        key,
        ConsentView::from,
    ))
}

/// Refuses a narrowed token: its owner handed it on for less than the whole account.
fn require_whole(caller: &Principal) -> Result<(), ApiError> {
    require_user(caller)?;
    if caller.narrowed() {
        return Err(ApiError::Lacks(None));
    }
    Ok(())
}

/// List what you have allowed applications.
#[utoipa::path(get, path = "/api/consents", tag = "account", params(ListQuery), responses(
    (status = 200, description = "A page of consents", body = Page<ConsentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_my_consents(
    caller: Authenticated,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ConsentView>>, ApiError> {
    require_whole(&caller)?;
    let (limit, after) = (query.limit.0, query.cursor.after(List::Consents)?);
    let found = service::list(&app, caller.subject(), after, limit + 1).await?;
    Ok(page(found, limit))
}

/// Withdraw what you have allowed an application.
///
/// Its sessions of you end, and it asks again.
#[utoipa::path(delete, path = "/api/consents/{client_id}", tag = "account", params(("client_id" = String, Path)), responses(
    (status = 204, description = "Withdrawn, or there was none"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn withdraw_my_consent(
    caller: Authenticated,
    State(app): State<App>,
    Segment(client): Segment<String>,
) -> Result<StatusCode, ApiError> {
    require_whole(&caller)?;
    let subject = caller.subject();
    service::withdraw(&app, Caller::Token(&caller), subject, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List what a user has allowed applications.
#[utoipa::path(get, path = "/api/users/{id}/consents", tag = "users", params(("id" = String, Path), ListQuery), responses(
    (status = 200, description = "A page of consents", body = Page<ConsentView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_user_consents(
    caller: Require<may::ReadUsers>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ConsentView>>, ApiError> {
    let (limit, after) = (query.limit.0, query.cursor.after(List::Consents)?);
    let caller = Caller::Token(&caller);
    let found = service::list_of(&app, caller, &id, after, limit + 1).await?;
    Ok(page(found, limit))
}

/// Withdraw what a user has allowed an application.
///
/// Its sessions of the user end, and it asks again.
#[utoipa::path(delete, path = "/api/users/{id}/consents/{client_id}", tag = "users",
    params(("id" = String, Path), ("client_id" = String, Path)), responses(
    (status = 204, description = "Withdrawn, or there was none"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn withdraw_user_consent(
    caller: Require<may::RevokeSessions>,
    State(app): State<App>,
    Segment((id, client)): Segment<(String, String)>,
) -> Result<StatusCode, ApiError> {
    service::withdraw_of(&app, Caller::Token(&caller), &id, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
