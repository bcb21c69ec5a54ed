//! What the server answered, and what a test may expect of it.

use axum::body::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body, null if it is not JSON.
    pub(crate) json: Value,
}

/// The challenge for a token that was never valid.
pub(crate) const NOT_VALID: &str =
    r#"Bearer error="invalid_token", error_description="The access token is not valid""#;
/// The challenge for a token that was valid.
pub(crate) const ENDED: &str =
    r#"Bearer error="invalid_token", error_description="The access token has ended; refresh it""#;

impl Answer {
    /// The value of a header, if it stands there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap());
        assert_eq!(values.next(), None, "`{name}` stands there twice");
        first
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// A text member of the body.
    #[track_caller]
    pub(crate) fn text(&self, member: &str) -> String {
        let value = self.json.get(member).and_then(Value::as_str);
        value
            .unwrap_or_else(|| panic!("no text `{member}` in {self:?}"))
            .to_owned()
    }

    /// The texts of a list in the body.
    #[track_caller]
    pub(crate) fn texts(&self, member: &str) -> Vec<String> {
        texts(&self.json[member])
    }

    /// The `member` of each item of a page.
    #[track_caller]
    pub(crate) fn items(&self, member: &str) -> Vec<String> {
        self.is(200);
        let items = self.json["items"].as_array().unwrap();
        let text = |item: &Value| item[member].as_str().unwrap().to_owned();
        items.iter().map(text).collect()
    }

    /// 204 without a body.
    #[track_caller]
    pub(crate) fn done(&self) -> &Self {
        self.is(204);
        assert!(self.body.is_empty(), "{self:?}");
        self
    }

    /// A problem (RFC 9457) with this status and detail, and no challenge.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, detail: &str) -> &Self {
        self.refusal(status, detail);
        assert_eq!(self.header("www-authenticate"), None, "{self:?}");
        self
    }

    /// A problem whose member `loc` is wrong.
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

    /// A refusal by a rule of the model: 409 that names it.
    #[track_caller]
    pub(crate) fn breaks(&self, rule: &str) -> &Self {
        self.is(409);
        assert_eq!(self.json["rule"], rule, "{self:?}");
        assert!(
            self.json["roles"].is_array() && self.json["path"].is_array(),
            "{self:?}"
        );
        assert_eq!(self.header("www-authenticate"), None);
        self
    }

    /// 403 for a caller who is known; `scope` is what would be needed, empty if nothing would do.
    #[track_caller]
    pub(crate) fn forbidden(&self, scope: &str) -> &Self {
        self.refusal(403, "Operation not permitted");
        let expected = if scope.is_empty() {
            r#"Bearer error="insufficient_scope""#.to_owned()
        } else {
            format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
        };
        assert_eq!(self.header("www-authenticate"), Some(expected.as_str()));
        self
    }

    /// 401 without a token.
    #[track_caller]
    pub(crate) fn not_authenticated(&self) -> &Self {
        self.refusal(401, "Not authenticated");
        assert_eq!(self.header("www-authenticate"), Some("Bearer"));
        self
    }

    /// 401 for a token that never was valid.
    #[track_caller]
    pub(crate) fn not_valid(&self) -> &Self {
        self.refusal(401, "Could not validate credentials");
        assert_eq!(self.header("www-authenticate"), Some(NOT_VALID));
        self
    }

    /// 401 for a token that was valid.
    #[track_caller]
    pub(crate) fn ended(&self) -> &Self {
        self.refusal(401, "Could not validate credentials");
        assert_eq!(self.header("www-authenticate"), Some(ENDED));
        self
    }

    /// An error of an OAuth endpoint (RFC 6749 section 5.2).
    #[track_caller]
    pub(crate) fn oauth(&self, status: u16, error: &str) -> &Self {
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

    /// The tutorial's answer to a wrong user name or password.
    #[track_caller]
    pub(crate) fn wrong_password(&self) -> &Self {
        self.oauth(401, "invalid_grant");
        assert_eq!(self.json["detail"], "Incorrect username or password");
        assert_eq!(self.header("www-authenticate"), Some("Bearer"));
        self
    }

    #[track_caller]
    fn refusal(&self, status: u16, detail: &str) {
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
