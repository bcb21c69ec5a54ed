//! The administration of OAuth clients.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    changes::Changes,
    service::{self, Brought},
    store::Listed,
    views::{ClientChanges, ClientView, CreatedClientView, NewClient},
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::{ApiError, FieldError},
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};

/// The longest that two secrets work side by side.
pub(crate) const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// The replacement of a client secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretRotation {
    /// The time in seconds for which the old secret keeps working: a day by default, 0 to end it at once, at most 30 days.
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_seconds: Option<u64>,
}

/// A new client secret, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = ClientSecret)]
pub(crate) struct ClientSecretView {
    client_id: String,
    client_secret: String,
}

/// List OAuth clients.
#[utoipa::path(get, path = "/api/clients", tag = "clients", params(ListQuery), responses(
    (status = 200, description = "A page of clients", body = Page<ClientView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_clients(
    caller: Require<may::ReadClients>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ClientView>>, ApiError> {
    let limit = query.limit.0;
    let clients = service::list(
        &app,
        Caller::Token(&caller),
        query.cursor.after(List::Clients)?,
        limit + 1,
    )
    .await?;
    let key = |listed: &Listed| listed.client.id.clone();
    Ok(Json(Page::of(
        List::Clients,
        clients,
        limit,
        key,
        ClientView::from,
    )))
}

/// Make an OAuth client.
///
/// A confidential one gets a secret, which is shown this once; one that it keeps from another system is not shown.
#[utoipa::path(post, path = "/api/clients", tag = "clients", request_body = NewClient, responses(
    (status = 201, description = "Made", body = CreatedClientView, headers(("Location" = String, description = "The client's address"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_client(
    caller: Require<may::WriteClients>,
    State(app): State<App>,
    Body(mut wanted): Body<NewClient>,
) -> Result<Response, ApiError> {
    let id = wanted.client_id.take();
    let kept = wanted.client_secret.take().map(SecretString::from);
    let brought = Brought {
        id: id.as_deref(),
        secret: kept.as_ref(),
    };
    let roles = std::mem::take(&mut wanted.roles);
    let wanted = wanted.registration();
    let caller = Caller::Token(&caller);
    let (client, secret) = service::create(&app, caller, &wanted, brought, &roles).await?;
    let location = format!("/api/clients/{}", client.client.id);
    let view = CreatedClientView::new(client, secret.as_ref());
    Ok(created(&location, Json(view)))
}

/// Show an OAuth client.
#[utoipa::path(get, path = "/api/clients/{id}", tag = "clients", params(("id" = String, Path)), responses(
    (status = 200, description = "The client", body = ClientView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_client(
    caller: Require<may::ReadClients>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<Json<ClientView>, ApiError> {
    Ok(Json(
        service::get(&app, Caller::Token(&caller), &id)
            .await?
            .into(),
    ))
}

/// Change an OAuth client.
///
/// A change that narrows the client takes effect at once on tokens issued through it.
#[utoipa::path(patch, path = "/api/clients/{id}", tag = "clients", params(("id" = String, Path)), request_body = ClientChanges, responses(
    (status = 200, description = "The client as changed", body = ClientView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_client(
    caller: Require<may::WriteClients>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Body(wanted): Body<ClientChanges>,
) -> Result<Json<ClientView>, ApiError> {
    let changes = Changes::from(wanted);
    let caller = Caller::Token(&caller);
    Ok(Json(
        service::update(&app, caller, &id, &changes).await?.into(),
    ))
}

/// Delete an OAuth client.
///
/// Log-ins through it end, and so do its tokens.
#[utoipa::path(delete, path = "/api/clients/{id}", tag = "clients", params(("id" = String, Path)), responses(
    (status = 204, description = "Deleted, or not there"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_client(
    caller: Require<may::WriteClients>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    service::delete(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace a client's secret.
///
/// The new one is shown this once; the old one works a while yet.
#[utoipa::path(post, path = "/api/clients/{id}/secret", tag = "clients", params(("id" = String, Path)), request_body = SecretRotation, responses(
    (status = 200, description = "The new secret", body = ClientSecretView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn rotate_client_secret(
    caller: Require<may::WriteClients>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Body(wanted): Body<SecretRotation>,
) -> Result<Json<ClientSecretView>, ApiError> {
    let overlap = wanted
        .overlap_seconds
        .map_or(service::OVERLAP, Duration::from_secs);
    if overlap > LONGEST_OVERLAP {
        let msg = "overlap_seconds is at most 30 days";
        let error = FieldError::body("overlap_seconds", "value_error", msg);
        return Err(ApiError::Invalid(error));
    }
    let secret = service::rotate_secret(&app, Caller::Token(&caller), &id, overlap).await?;
    Ok(Json(ClientSecretView {
        client_id: id,
        client_secret: secret.expose_secret().to_owned(),
    }))
}

/// End the secret before the present one.
///
/// It stops working at once, where it would have worked a while yet.
#[utoipa::path(delete, path = "/api/clients/{id}/secret/previous", tag = "clients", params(("id" = String, Path)), responses(
    (status = 204, description = "Ended, or there is none"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn end_previous_client_secret(
    caller: Require<may::WriteClients>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    service::end_previous_secret(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
