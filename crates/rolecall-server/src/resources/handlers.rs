//! The administration of resources.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use rolecall::Require;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    service::{self, NewResource, ResourceChanges},
    store::{Dynamic, Resource},
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    patch::Patch,
    times::rfc3339,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};

/// An API that tokens can be limited to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resource)]
pub(crate) struct ResourceView {
    id: String,
    /// The audience of its tokens.
    uri: String,
    name: String,
    /// The objects whose permissions its tokens carry.
    objects: Vec<String>,
    /// What its tokens are limited to if the request names no scope; null for all that concerns it.
    #[schema(required)]
    default_scope: Option<String>,
    /// `no`, or `ask`: clients that do not have it among their audiences may ask for it at `/authorize`, and each user is
    /// asked.
    dynamic: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Resource> for ResourceView {
    fn from(resource: Resource) -> Self {
        Self {
            id: resource.id,
            uri: resource.uri,
            name: resource.name,
            objects: resource.objects.0.into_iter().collect(),
            default_scope: resource.default_scope,
            dynamic: resource.dynamic.as_str(),
            created_at: rfc3339(resource.created_at),
            updated_at: rfc3339(resource.updated_at),
        }
    }
}

/// A resource to register.
#[derive(Deserialize, ToSchema)]
#[schema(as = ResourceInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceInput {
    /// An absolute URI without a fragment.
    uri: String,
    /// Shown to people who are asked for their consent.
    name: String,
    /// The objects whose permissions tokens for it carry, such as `items` for `items:read`.
    #[schema(min_items = 1, max_items = 100)]
    objects: Vec<String>,
    /// What tokens are limited to if the request names no scope.
    default_scope: Option<String>,
    /// `no` (default) or `ask`.
    #[serde(default, deserialize_with = "crate::web::params::parsed")]
    #[schema(value_type = Option<String>)]
    dynamic: Option<Dynamic>,
}

/// Changes to a resource.
#[derive(Deserialize, ToSchema)]
#[schema(as = ResourceChanges)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceChangesInput {
    name: Option<String>,
    #[schema(min_items = 1, max_items = 100)]
    objects: Option<Vec<String>>,
    /// null removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    default_scope: Patch<String>,
    /// `no` or `ask`.
    #[serde(default, deserialize_with = "crate::web::params::parsed")]
    #[schema(value_type = Option<String>)]
    dynamic: Option<Dynamic>,
}

/// List resources.
#[utoipa::path(get, path = "/api/resources", tag = "resources", params(ListQuery), responses(
    (status = 200, description = "A page of resources", body = Page<ResourceView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_resources(
    caller: Require<may::ReadResources>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ResourceView>>, ApiError> {
    let (limit, after) = (query.limit.0, query.cursor.after(List::Resources)?);
    let found = service::list(&app, Caller::Token(&caller), after, limit + 1).await?;
    let key = |resource: &Resource| resource.id.clone();
    Ok(Json(Page::of(
        List::Resources,
        found,
        limit,
        key,
        ResourceView::from,
    )))
}

/// Register a resource.
///
/// From then on, tokens for it carry only the permissions of its objects and the roles that give them. Tokens of clients
/// that may ask for it end.
#[utoipa::path(post, path = "/api/resources", tag = "resources", request_body = ResourceInput, responses(
    (status = 201, description = "Registered", body = ResourceView, headers(("Location" = String, description = "The address of the resource"))),
    (status = 409, description = "The URI is registered already", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_resource(
    caller: Require<may::WriteResources>,
    State(app): State<App>,
    Body(wanted): Body<ResourceInput>,
) -> Result<Response, ApiError> {
    let new = NewResource {
        uri: wanted.uri,
        name: wanted.name,
        objects: wanted.objects,
        default_scope: wanted.default_scope,
        dynamic: wanted.dynamic.unwrap_or_default(),
    };
    let resource = service::create(&app, Caller::Token(&caller), &new).await?;
    let location = format!("/api/resources/{}", resource.id);
    Ok(created(&location, Json(ResourceView::from(resource))))
}

/// Show a resource.
#[utoipa::path(get, path = "/api/resources/{id}", tag = "resources", params(("id" = String, Path)), responses(
    (status = 200, description = "The resource", body = ResourceView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_resource(
    caller: Require<may::ReadResources>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<Json<ResourceView>, ApiError> {
    let resource = service::get(&app, Caller::Token(&caller), &id).await?;
    Ok(Json(resource.into()))
}

/// Change a resource.
///
/// A change after which tokens for it carry less ends those of before.
#[utoipa::path(patch, path = "/api/resources/{id}", tag = "resources", params(("id" = String, Path)), request_body = ResourceChangesInput, responses(
    (status = 200, description = "The resource as changed", body = ResourceView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn update_resource(
    caller: Require<may::WriteResources>,
    State(app): State<App>,
    Segment(id): Segment<String>,
    Body(wanted): Body<ResourceChangesInput>,
) -> Result<Json<ResourceView>, ApiError> {
    let changes = ResourceChanges {
        name: wanted.name,
        objects: wanted.objects,
        default_scope: wanted.default_scope,
        dynamic: wanted.dynamic,
    };
    let resource = service::update(&app, Caller::Token(&caller), &id, &changes).await?;
    Ok(Json(resource.into()))
}

/// Delete a resource.
///
/// Refused while a client has it among its audiences: tokens for it would carry everything again.
#[utoipa::path(delete, path = "/api/resources/{id}", tag = "resources", params(("id" = String, Path)), responses(
    (status = 204, description = "Deleted, or it did not exist"),
    (status = 409, description = "A client may have tokens for it", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_resource(
    caller: Require<may::WriteResources>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    service::delete(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
