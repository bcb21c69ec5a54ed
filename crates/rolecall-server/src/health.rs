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

/// Check that the server can do its work: that the database takes writes, and that there is memory to check passwords.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, description = "The database takes writes, and there is memory to check passwords", body = Health),
    (status = 503, description = "The database takes no writes, there is too little memory, or the server is about to stop", body = ProblemDocument)))]
pub(crate) async fn get_readiness(
    _: Public,
    State(app): State<App>,
    stopping: Option<Extension<Stopping>>,
) -> Result<Json<Health>, ApiError> {
    if stopping.is_some_and(|Extension(stopping)| stopping.has_begun()) {
        return Err(ApiError::Stopping);
    }
    app.ping().await?;
    if !app.parts().hasher.has_memory() {
        return Err(ApiError::Busy);
    }
    Ok(Json(Health { status: "ready" }))
}
