//! The HTTP endpoints of the documentation: the page at `/docs`, its files and the OpenAPI document.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rolecall::Public;
#[cfg(feature = "cli")]
use rolecall::{Guard, GuardedRouter, routing};

use crate::{
    app::App,
    error::ApiError,
    web::{document::ProblemDocument, params::Segment},
};

/// Show this API in a browser.
#[utoipa::path(get, path = "/docs", tag = "documentation", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html")))]
pub(crate) async fn get_docs(_: Public, headers: HeaderMap) -> Response {
    super::page().answer(&headers)
}

/// Lead to the page.
#[utoipa::path(get, path = "/docs/", tag = "documentation", responses(
    (status = 308, description = "The page is at `/docs`",
        headers(("Location" = String, description = "The address of the page")))))]
pub(crate) async fn redirect_to_docs(_: Public) -> Response {
    // relative, so that it is right below any prefix
    (
        StatusCode::PERMANENT_REDIRECT,
        [(header::LOCATION, "../docs")],
    )
        .into_response()
}

/// Returns the route `/` of the program, which leads to the page.
#[cfg(feature = "cli")]
pub(crate) fn root(guard: Guard) -> GuardedRouter {
    GuardedRouter::new(guard).route("/", routing::get(lead_to_docs))
}

#[cfg(feature = "cli")]
async fn lead_to_docs(_: Public) -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "docs")]).into_response()
}

/// A file of the page.
#[utoipa::path(get, path = "/docs/{file}", tag = "documentation", params(("file" = String, Path)), responses(
    (status = 200, description = "The file", body = String, content_type = "text/javascript"),
    (status = "4XX", description = "The file does not exist", body = ProblemDocument)))]
pub(crate) async fn get_docs_file(
    _: Public,
    Segment(file): Segment<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asset = super::find_asset(&file).ok_or_else(|| ApiError::unknown("file", &file))?;
    Ok(asset.answer(&headers))
}

/// Describe this API (`OpenAPI` 3.1).
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", responses(
    (status = 200, description = "The document", body = Object)))]
pub(crate) async fn get_openapi(_: Public, State(app): State<App>) -> Result<Response, ApiError> {
    let kind = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    let document = app.parts().document.load().text()?;
    Ok((kind, document).into_response())
}
