//! The administration of OAuth clients.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use rolecall_core::RoleName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    registration::ClientRegistration,
    service::{self, Brought, Changes},
    store::Listed,
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::{ApiError, FieldError},
    patch::Patch,
    times::rfc3339,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};

/// The longest that two secrets work side by side.
const LONGEST_OVERLAP: Duration = Duration::from_hours(30 * 24);

/// An OAuth client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientView {
    client_id: String,
    name: String,
    /// A public client has no secret.
    public: bool,
    /// `password`, `refresh_token`, `client_credentials`.
    grants: Vec<String>,
    /// Whom its tokens may be for; empty for the issuer.
    audiences: Vec<String>,
    /// The most that tokens through it carry; null for no such limit.
    #[schema(required)]
    scope: Option<String>,
    redirect_uris: Vec<String>,
    /// Roles assigned to the client itself, global and valid now.
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Listed> for ClientView {
    fn from(listed: Listed) -> Self {
        let Listed { client, roles } = listed;
        Self {
            client_id: client.id,
            name: client.name,
            public: client.public,
            grants: client.grants.iter().map(ToString::to_string).collect(),
            audiences: client.audiences,
            scope: client.scope,
            redirect_uris: client.redirect_uris,
            roles,
            created_at: rfc3339(client.created_at),
            updated_at: rfc3339(client.updated_at),
        }
    }
}

/// A new client; its secret is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedClient)]
pub(crate) struct CreatedClientView {
    #[serde(flatten)]
    client: ClientView,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl CreatedClientView {
    pub(crate) fn new(client: Listed, secret: Option<&SecretString>) -> Self {
        Self {
            client: client.into(),
            client_secret: secret.map(|secret| secret.expose_secret().to_owned()),
        }
    }
}

/// A client to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClientInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    name: String,
    /// The id that the client keeps from another system; without it, a new one is made. An id that was ever in use is
    /// refused.
    client_id: Option<String>,
    /// The secret that the client keeps from another system: 32 to 256 printable ASCII characters, and not guessable.
    /// Without it, a new one is made.
    client_secret: Option<String>,
    /// `password`, `refresh_token`, `client_credentials`.
    grants: Vec<String>,
    /// Without any its tokens are for the issuer.
    #[serde(default)]
    audiences: Vec<String>,
    /// The most that tokens through it carry.
    scope: Option<String>,
    /// Roles to assign to the client itself.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    #[serde(default)]
    public: bool,
    #[serde(default)]
    redirect_uris: Vec<String>,
}

/// Changes to a client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientChanges {
    name: Option<String>,
    grants: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
    /// null takes the limit away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    scope: Patch<String>,
    redirect_uris: Option<Vec<String>>,
}

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
    Body(wanted): Body<NewClient>,
) -> Result<Response, ApiError> {
    let roles = wanted.roles;
    let kept = wanted.client_secret.map(SecretString::from);
    let id = wanted.client_id;
    let brought = Brought {
        id: id.as_deref(),
        secret: kept.as_ref(),
    };
    let wanted = ClientRegistration {
        name: wanted.name,
        grants: wanted.grants,
        audiences: wanted.audiences,
        scope: wanted.scope,
        redirect_uris: wanted.redirect_uris,
        public: wanted.public,
    };
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
    let changes = Changes {
        name: wanted.name,
        grants: wanted.grants,
        audiences: wanted.audiences,
        scope: wanted.scope,
        redirect_uris: wanted.redirect_uris,
    };
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
