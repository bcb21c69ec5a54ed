//! The HTTP endpoints for health checks.

use axum::{Extension, Json, extract::State};
use rolecall::Public;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, error::ApiError, http::Stopping, web::document::ProblemDocument};

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

/// Check that the server can do its work: that the database takes writes, that revocations and signing keys are up to date, and that there is memory to check passwords.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "The server can do its work", body = Health),
    (status = 503, description = "The database takes no writes, revocations or signing keys could not be read, there is too little memory, or the server is about to stop", body = ProblemDocument)))]
pub(crate) async fn get_readiness(
    _: Public,
    State(app): State<App>,
    stopping: Option<Extension<Stopping>>,
) -> Result<Json<Health>, ApiError> {
    if stopping.is_some_and(|Extension(stopping)| stopping.has_begun()) {
        return Err(ApiError::Stopping);
    }
    app.check_ready().await?;
    Ok(Json(Health { status: "ready" }))
}
