//! Errors as `application/problem+json` (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

/// An error answer as RFC 9457 writes it.
///
/// ```
/// use http::StatusCode;
/// use rolecall::Problem;
///
/// let problem = Problem::new(StatusCode::CONFLICT, "role_in_use", "the role `editor` is in use").with("role", "editor");
/// assert_eq!(problem.to_json()["type"], "urn:rolecall:problem:role_in_use");
/// assert_eq!(problem.to_json()["detail"], "the role `editor` is in use");
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// The media type of the body.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A problem of the kind `code`, which ends its `type`; `detail` says what happened this time.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }
    }

    /// Adds an extension member (RFC 9457 section 3.2); `type`, `title`, `status` and `detail` stay as they are.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The code that ends the `type`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What happened, for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = self.members.clone();
        let own = [
            ("type", json!(format!("urn:rolecall:problem:{}", self.code))),
            (
                "title",
                json!(self.status.canonical_reason().unwrap_or("Error")),
            ),
            ("status", json!(self.status.as_u16())),
            ("detail", json!(self.detail)),
        ];
        body.extend(own.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(body)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(Self::MEDIA_TYPE));
        // an answer about one caller's credentials must not be given to the next by a cache
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_member_does_not_replace_what_the_rfc_defines() {
        let problem = Problem::new(StatusCode::NOT_FOUND, "unknown_role", "no role `x`")
            .with("status", 200)
            .with("type", "about:blank")
            .with("role", "x");
        assert_eq!(problem.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            (problem.code(), problem.detail()),
            ("unknown_role", "no role `x`")
        );
        assert_eq!(
            problem.to_json(),
            json!({
                "type": "urn:rolecall:problem:unknown_role", "title": "Not Found",
                "status": 404, "detail": "no role `x`", "role": "x",
            })
        );
    }

    #[test]
    fn the_answer_is_problem_json_and_not_stored() {
        let response = Problem::new(StatusCode::CONFLICT, "x", "y")
            .with_header(http::header::RETRY_AFTER, HeaderValue::from_static("1"))
            .into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
