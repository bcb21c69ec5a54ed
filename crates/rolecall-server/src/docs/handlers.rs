//! The HTTP endpoints of the documentation: the page at `/docs`, its files and the OpenAPI document.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use rolecall::Public;

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
pub(crate) async fn get_openapi(_: Public, State(app): State<App>) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    (
        kind,
        app.parts().document.get().cloned().unwrap_or_default(),
    )
        .into_response()
}
