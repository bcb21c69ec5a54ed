//! The HTTP endpoints for health checks.

use axum::{Json, extract::State};
use rolecall::Public;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, error::ApiError, web::document::ProblemDocument};

/// The result of a health check.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// Check that the process runs.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "The process runs", body = Health)))]
pub(crate) async fn get_liveness(_: Public) -> Json<Health> {
    Json(Health { status: "live" })
}

/// Check that the database answers.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "The database answers", body = Health),
    (status = 503, description = "The database does not answer", body = ProblemDocument)))]
pub(crate) async fn get_readiness(
    _: Public,
    State(app): State<App>,
) -> Result<Json<Health>, ApiError> {
    app.ping().await?;
    Ok(Json(Health { status: "ready" }))
}
