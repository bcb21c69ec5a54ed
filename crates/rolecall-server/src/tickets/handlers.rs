//! Tickets, over the API.

use axum::{Json, extract::State};
use http::{HeaderMap, HeaderName, header::CACHE_CONTROL};
use rolecall::{Authenticated, Guard, Require, SubjectKind};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;

use super::service;
use crate::{
    app::App,
    authority::may,
    error::ApiError,
    web::{body::Body, document::ProblemDocument},
};

const MAX_PATH: usize = 1024;

/// A ticket that a guard in another process got.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketRedemption)]
pub(crate) struct RedemptionRequest {
    /// The ticket of the request.
    ticket: String,
    /// The path of the request, without its query.
    #[schema(example = "/orders/stream")]
    path: String,
}

/// The access token for which a ticket was issued.
#[derive(Serialize, ToSchema)]
#[schema(as = RedeemedTicket)]
pub(crate) struct RedeemedView {
    /// False for a ticket that is unknown, used, expired, or for another path or audience, and for one whose token was
    /// revoked.
    active: bool,
    /// The token. Verify it like one from a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
}

/// A ticket to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketRequest)]
pub(crate) struct TicketRequest {
    /// The only path for which the ticket is valid, without a query; null or absent for every route that accepts tickets.
    #[serde(default, deserialize_with = "path")]
    #[schema(example = "/orders/stream")]
    path: Option<String>,
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let path = Option::<String>::deserialize(deserializer)?;
    let is_path = |path: &String| {
        path.starts_with('/')
            && path.len() <= MAX_PATH
            && path.bytes().all(|byte| byte.is_ascii_graphic())
            && !path.contains(['?', '#'])
    };
    if path.as_ref().is_none_or(is_path) {
        return Ok(path);
    }
    Err(D::Error::custom(
        "a path begins with `/`, is percent-encoded, and has no query and at most 1024 characters",
    ))
}

/// A ticket.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub(crate) struct TicketView {
    /// The value for `?ticket=`.
    ticket: String,
    /// The seconds in which it can be used.
    expires_in: u64,
}

/// Get a ticket for a connection that cannot send a header.
///
/// One request to a route that accepts tickets can use it as `?ticket=`, within `expires_in` seconds, and is made in the
/// name of the access token in the header of this one.
#[utoipa::path(post, path = "/api/tickets", tag = "account", request_body = TicketRequest, responses(
    (status = 200, description = "The ticket", body = TicketView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument),
    (status = 503, description = "Too busy", body = ProblemDocument)))]
pub(crate) async fn issue_ticket(
    caller: Authenticated,
    State(app): State<App>,
    headers: HeaderMap,
    Body(wanted): Body<TicketRequest>,
) -> Result<Json<TicketView>, ApiError> {
    let token = Guard::bearer_token(&headers).map_err(ApiError::Denied)?;
    let ticket = service::issue(&app, &caller, token, wanted.path).await?;
    Ok(Json(TicketView {
        ticket,
        expires_in: service::LIFETIME.as_secs(),
    }))
}

/// Redeem a ticket.
///
/// For guards in other processes: uses the ticket up, whatever the answer, and returns the access token for which it was
/// issued. The client must have the audience of that token.
#[utoipa::path(post, path = "/api/tickets/redeem", tag = "tokens", request_body = RedemptionRequest, responses(
    (status = 200, description = "The token, if the ticket is valid", body = RedeemedView),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument),
    (status = 503, description = "Too busy", body = ProblemDocument)))]
pub(crate) async fn redeem_ticket(
    caller: Require<may::IntrospectTokens>,
    State(app): State<App>,
    Body(wanted): Body<RedemptionRequest>,
) -> Result<([(HeaderName, &'static str); 1], Json<RedeemedView>), ApiError> {
    if caller.kind() != SubjectKind::Client {
        return Err(ApiError::Lacks(None));
    }
    let access_token =
        service::redeem_for(&app, caller.client_id(), &wanted.ticket, &wanted.path).await?;
    let view = RedeemedView {
        active: access_token.is_some(),
        access_token,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(view)))
}
