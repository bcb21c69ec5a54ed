//! Whether the server lives, and whether it can work.

use axum::{Json, extract::State};
use rolecall::Public;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, error::ApiError, web::document::ProblemDocument};

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It does", body = Health)))]
pub(crate) async fn get_liveness(_: Public) -> Json<Health> {
    Json(Health { status: "live" })
}

/// Whether the database answers.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "It does", body = Health),
    (status = 503, description = "It does not", body = ProblemDocument)))]
pub(crate) async fn get_readiness(
    _: Public,
    State(app): State<App>,
) -> Result<Json<Health>, ApiError> {
    app.ping().await?;
    Ok(Json(Health { status: "ready" }))
}
