//! A response of the server, and the checks that tests make on it.

use axum::body::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// A response with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body, or null if it is not JSON.
    pub(crate) json: Value,
}

/// The challenge for a token that was never valid.
const INVALID_TOKEN: &str =
    r#"Bearer error="invalid_token", error_description="The access token is not valid""#;
/// The challenge for a token that was valid once.
const ENDED_TOKEN: &str =
    r#"Bearer error="invalid_token", error_description="The access token has ended; refresh it""#;

impl Response {
    /// The value of a header; fails if there is more than one.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap());
        assert_eq!(values.next(), None, "two `{name}` headers");
        first
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// A string member of the body.
    #[track_caller]
    pub(crate) fn text(&self, member: &str) -> String {
        let value = self.json.get(member).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("no string `{member}` in {self:?}"))
            .to_owned()
    }

    /// A member of the body that is a list of strings.
    #[track_caller]
    pub(crate) fn texts(&self, member: &str) -> Vec<String> {
        texts(&self.json[member])
    }

    /// A string member of each item of a page.
    #[track_caller]
    pub(crate) fn items(&self, member: &str) -> Vec<String> {
        self.is(200);
        let items = self.json["items"].as_array().unwrap();
        let text = |item: &Value| item[member].as_str().unwrap().to_owned();
        items.iter().map(text).collect()
    }

    /// Expects 204 without a body.
    #[track_caller]
    pub(crate) fn no_content(&self) -> &Self {
        self.is(204);
        assert!(self.body.is_empty(), "{self:?}");
        self
    }

    /// Expects a problem (RFC 9457) with this status and detail, and no challenge.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, detail: &str) -> &Self {
        self.expect_problem(status, detail);
        assert_eq!(self.header("www-authenticate"), None, "{self:?}");
        self
    }

    /// Expects a 422 whose first error is at `loc`.
    #[track_caller]
    pub(crate) fn invalid(&self, loc: &[&str]) -> &Self {
        self.is(422);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.json["status"], 422);
        let errors = self.json["errors"].as_array().unwrap();
        assert_eq!(texts(&errors[0]["loc"]), loc, "{self:?}");
        assert!(
            errors[0]["msg"].is_string() && errors[0]["type"].is_string(),
            "{self:?}"
        );
        assert_eq!(self.json["detail"], errors[0]["msg"], "{self:?}");
        self
    }

    /// Expects a 409 that names the violated rule.
    #[track_caller]
    pub(crate) fn violates(&self, rule: &str) -> &Self {
        self.is(409);
        assert_eq!(self.json["rule"], rule, "{self:?}");
        assert!(
            self.json["roles"].is_array() && self.json["path"].is_array(),
            "{self:?}"
        );
        assert_eq!(self.header("www-authenticate"), None);
        self
    }

    /// Expects a 403 that names the scope needed; empty if no scope would help.
    #[track_caller]
    pub(crate) fn forbidden(&self, scope: &str) -> &Self {
        self.expect_problem(403, "Operation not permitted");
        let expected = if scope.is_empty() {
            r#"Bearer error="insufficient_scope""#.to_owned()
        } else {
            format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
        };
        assert_eq!(self.header("www-authenticate"), Some(expected.as_str()));
        self
    }

    /// Expects the 401 for a request without a token.
    #[track_caller]
    pub(crate) fn not_authenticated(&self) -> &Self {
        self.expect_problem(401, "Not authenticated");
        assert_eq!(self.header("www-authenticate"), Some("Bearer"));
        self
    }

    /// Expects the 401 for a token that was never valid.
    #[track_caller]
    pub(crate) fn invalid_token(&self) -> &Self {
        self.expect_problem(401, "Could not validate credentials");
        assert_eq!(self.header("www-authenticate"), Some(INVALID_TOKEN));
        self
    }

    /// Expects the 401 for a token that was valid once.
    #[track_caller]
    pub(crate) fn ended_token(&self) -> &Self {
        self.expect_problem(401, "Could not validate credentials");
        assert_eq!(self.header("www-authenticate"), Some(ENDED_TOKEN));
        self
    }

    /// Expects an OAuth error (RFC 6749 section 5.2).
    #[track_caller]
    pub(crate) fn oauth_error(&self, status: u16, error: &str) -> &Self {
        self.is(status);
        assert_eq!(self.json["error"], error, "{self:?}");
        assert_eq!(self.json["error_description"], self.json["detail"]);
        let allowed =
            |c: char| matches!(c, '\u{20}'..='\u{21}' | '\u{23}'..='\u{5b}' | '\u{5d}'..='\u{7e}');
        assert!(
            self.text("error_description").chars().all(allowed),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("pragma"), Some("no-cache"));
        self
    }

    /// Expects the tutorial's response to a wrong username or password.
    #[track_caller]
    pub(crate) fn wrong_password(&self) -> &Self {
        self.oauth_error(401, "invalid_grant");
        assert_eq!(self.json["detail"], "Incorrect username or password");
        assert_eq!(self.header("www-authenticate"), Some("Bearer"));
        self
    }

    #[track_caller]
    fn expect_problem(&self, status: u16, detail: &str) {
        self.is(status);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        assert_eq!(self.json["detail"], detail, "{self:?}");
        assert_eq!(self.json["status"], status);
        assert!(self.json["title"].is_string() && self.json["type"].is_string());
    }
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap_or_else(|| panic!("{value}"));
    list.iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}
