//! Invitations, over the API.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use rolecall::Require;
use rolecall_core::{RoleName, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    service::{self, NewInvitation},
    store::Invitation,
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    pages::preferred_language,
    times::rfc3339,
    web::{
        body::Body,
        document::ProblemDocument,
        page::{List, ListQuery, Page, created},
        params::{Params, Segment},
    },
};

/// An invitation to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationRequest {
    /// The link goes there.
    email: String,
    /// Roles that the user gets by accepting.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    /// The tenant in which the roles are given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tenant: Option<TenantName>,
}

/// An invitation that was not accepted yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationView {
    id: String,
    email: String,
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    #[schema(required)]
    tenant: Option<String>,
    /// As the audit log names them.
    invited_by: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        Self {
            roles: invitation.role_names().unwrap_or_default(),
            id: invitation.id,
            email: invitation.address,
            tenant: Some(invitation.tenant).filter(|tenant| !tenant.is_empty()),
            invited_by: invitation.invited_by,
            created_at: rfc3339(invitation.created_at),
            expires_at: rfc3339(invitation.expires_at),
        }
    }
}

/// List the invitations that were not accepted yet.
#[utoipa::path(get, path = "/api/invitations", tag = "users", params(ListQuery), responses(
    (status = 200, description = "A page of invitations", body = Page<InvitationView>),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn list_invitations(
    caller: Require<may::ReadUsers>,
    State(app): State<App>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<InvitationView>>, ApiError> {
    let (limit, after) = (query.limit.0, query.cursor.after(List::Invitations)?);
    let caller = Caller::Token(&caller);
    let found = service::list(&app, caller, after, limit + 1).await?;
    let key = |invitation: &Invitation| invitation.id.clone();
    Ok(Json(Page::of(
        List::Invitations,
        found,
        limit,
        key,
        InvitationView::from,
    )))
}

/// Invite the owner of an address.
///
/// The link goes there by mail, in the language that `Accept-Language` prefers, and is in no answer. Giving roles needs
/// `rolecall.assignments:write` too, now and when the invitation is accepted.
#[utoipa::path(post, path = "/api/invitations", tag = "users", request_body = InvitationRequest, responses(
    (status = 201, description = "Invited", body = InvitationView, headers(("Location" = String, description = "The address of the invitation"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn create_invitation(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    headers: HeaderMap,
    Body(wanted): Body<InvitationRequest>,
) -> Result<Response, ApiError> {
    let wanted = NewInvitation {
        address: &wanted.email,
        roles: &wanted.roles,
        tenant: wanted.tenant.as_ref(),
        language: preferred_language(&app, &headers),
        shows_link: false,
    };
    let invited = service::create(&app, Caller::Token(&caller), &wanted).await?;
    let location = format!("/api/invitations/{}", invited.invitation.id);
    let view = InvitationView::from(invited.invitation);
    Ok(created(&location, Json(view)))
}

/// End an invitation.
#[utoipa::path(delete, path = "/api/invitations/{id}", tag = "users", params(("id" = String, Path)), responses(
    (status = 204, description = "Ended, or there was none"),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn delete_invitation(
    caller: Require<may::WriteUsers>,
    State(app): State<App>,
    Segment(id): Segment<String>,
) -> Result<StatusCode, ApiError> {
    // deleting it twice is no error
    service::end(&app, Caller::Token(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
