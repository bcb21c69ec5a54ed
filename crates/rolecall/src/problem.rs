//! Error responses as `application/problem+json` (RFC 9457).

#[cfg(feature = "axum")]
use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::{Map, Value, json};

/// An error response as defined by RFC 9457.
///
/// ```
/// use http::StatusCode;
/// use rolecall::Problem;
///
/// let problem = Problem::new(StatusCode::CONFLICT, "role_in_use", "the role `editor` is in use").with("role", "editor");
/// assert_eq!(problem.to_json()["type"], "urn:rolecall:problem:role_in_use");
/// assert_eq!(problem.to_json()["detail"], "the role `editor` is in use");
/// ```
///
/// axum answers a body that it cannot read with plain text. An extractor around [`axum::Json`] makes it a problem:
///
/// ```
/// use axum::{Json, extract::{FromRequest, Request}};
/// use rolecall::Problem;
/// use serde::de::DeserializeOwned;
///
/// struct Body<T>(T);
///
/// impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
///     type Rejection = Problem;
///     async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
///         match Json::from_request(request, state).await {
///             Ok(Json(body)) => Ok(Self(body)),
///             Err(fault) => Err(Problem::new(fault.status(), "invalid_body", fault.body_text())),
///         }
///     }
/// }
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
    /// The media type of the response body.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// Creates a problem of type `urn:rolecall:problem:{code}`; `detail` explains this occurrence to a person.
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

    /// Adds an extension member (RFC 9457 section 3.2). `type`, `title`, `status` and `detail` cannot be replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Returns the status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the code at the end of `type`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the explanation for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns the headers of the response: type and caching, and those of [`with_header`](Self::with_header).
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(Self::MEDIA_TYPE));
        // a cache must not give the answer for one caller's credentials to another caller
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers.iter().cloned());
        headers
    }

    /// Returns the response body.
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

#[cfg(feature = "axum")]
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let headers = self.headers();
        let mut response = (self.status, body).into_response();
        // one with two values, such as `Set-Cookie`, keeps both
        for name in headers.keys() {
            response.headers_mut().remove(name);
        }
        response.headers_mut().extend(headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_members_do_not_replace_standard_members() {
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
    fn the_response_is_problem_json_and_must_not_be_cached() {
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
