//! A document as the body of a request: TOML or JSON.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, Method, StatusCode, header};
use rolecall_core::document::{Document, ParseLimit, ParsedDocument, Positions, UncheckedDocument};

use crate::{
    app::App,
    error::ApiError,
    heavy::{self, Purpose, Room},
    settings::PolicyLimits,
    web::body::{is_compressed, is_json, parse_json},
};

/// The media type of TOML (RFC 9618 registers none other).
pub(super) const TOML: &str = "application/toml";

/// The size limit of a document, in bytes.
pub(crate) const MAX_BYTES: usize = heavy::MAX_BYTES;

/// The paths that take a document as the body.
pub(crate) const PATHS: &[&str] = &["/api/policy", "/api/policy/plan"];

/// A valid document, read from the body of a request.
pub(crate) struct PolicyBody {
    pub(crate) parsed: ParsedDocument,
    /// Held for as long as the document is in memory.
    _room: Room,
}

impl FromRequest<App> for PolicyBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        if is_compressed(request.headers()) {
            return Err(ApiError::Compressed);
        }
        let purpose = match *request.method() {
            Method::PUT => Purpose::Change,
            _ => Purpose::Plan,
        };
        let room = app.heavy().room(purpose, length_of(&request)).await?;
        let media_type = request.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        let body = Bytes::from_request(request, app).await;
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
            _ => ApiError::Malformed("the body could not be read".to_owned()),
        })?;
        let limit = limit_of(&app.settings().policy);
        // the room goes along: what has begun is finished even if nobody waits for it any more
        let work = move || {
            let parsed = parse(&media_type, &body, limit)?;
            Ok(PolicyBody {
                parsed,
                _room: room,
            })
        };
        app.heavy().run(purpose, work).await
    }
}

/// Reads a document that was not sent as the body of a request of its own, such as in a form.
///
/// # Errors
///
/// The faults of the document.
pub(crate) async fn read_toml(
    app: &App,
    purpose: Purpose,
    text: String,
) -> Result<ParsedDocument, ApiError> {
    let room = app.heavy().room(purpose, text.len()).await?;
    let limit = limit_of(&app.settings().policy);
    let work = move || {
        let parsed = Document::parse_within(&text, limit).map_err(ApiError::Document);
        drop(room);
        parsed
    };
    app.heavy().run(purpose, work).await
}

/// Returns the length that the request announces, or the largest allowed one.
fn length_of(request: &Request) -> usize {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
    announced.unwrap_or(MAX_BYTES)
}

fn limit_of(limits: &PolicyLimits) -> ParseLimit {
    ParseLimit::for_policy(
        limits.roles,
        limits.permissions,
        limits.grants,
        limits.edges,
    )
}

fn parse(media_type: &str, body: &[u8], limit: ParseLimit) -> Result<ParsedDocument, ApiError> {
    let text = || {
        std::str::from_utf8(body)
            .map_err(|_| ApiError::Malformed("the body is not UTF-8".to_owned()))
    };
    let parsed = if is_toml(media_type) {
        Document::parse_within(text()?, limit)
    } else if is_json(media_type) {
        limit.check_json(text()?).map_err(ApiError::Document)?;
        Document::check(&parse_json::<UncheckedDocument>(body)?)
    } else {
        return Err(ApiError::UnsupportedMediaType(
            "the body must be application/toml or application/json",
        ));
    };
    let mut parsed = parsed.map_err(ApiError::Document)?;
    // only faults have them, and they are as large as the document
    parsed.positions = Positions::default();
    Ok(parsed)
}

fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn is_toml(media_type: &str) -> bool {
    essence(media_type) == TOML
}

/// Returns true if the client prefers TOML to JSON; clients that name both alike get JSON.
pub(super) fn wants_toml(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let ranges = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let (mut toml, mut json) = (0.0, 0.0);
    for range in ranges {
        let quality = quality(range);
        match essence(range).as_str() {
            TOML => toml = quality,
            "application/json" => json = quality,
            _ => {}
        }
    }
    toml > json
}

fn quality(range: &str) -> f32 {
    let mut parameters = range.split(';').skip(1);
    let quality = parameters.find_map(|one| one.trim().strip_prefix("q="));
    quality.map_or(1.0, |text| text.parse().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_toml_if_it_accepts_toml_and_does_not_prefer_json() {
        for (accept, expected) in [
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/toml", true),
            ("Application/TOML; q=0.5", true),
            ("application/json, application/toml", false),
            ("application/toml, application/json", false),
            ("application/toml, application/json;q=0.9", true),
            ("application/json, application/toml;q=0.9", false),
            ("application/toml;q=0", false),
            ("application/toml;q=x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_toml(&headers), expected, "{accept}");
        }
    }
}
