//! Extractors that answer as the API does: each error names the member that is wrong.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
};
use http::{StatusCode, header, request::Parts};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, FieldError, Place, excerpt};

/// A JSON body; an absent one counts as `{}`.
pub(crate) struct Body<T>(pub(crate) T);

/// Query parameters; unknown and doubled ones are refused.
pub(crate) struct Params<T>(pub(crate) T);

/// What the path names.
pub(crate) struct Segment<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .map(|value| value.to_str().is_ok_and(is_json));
        let body =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
                    _ => ApiError::Malformed("the body could not be read".to_owned()),
                })?;
        if body.is_empty() {
            return parse_json(b"{}").map(Body);
        }
        match is_json {
            Some(true) => parse_json(&body).map(Body),
            _ => Err(ApiError::UnsupportedMediaType(
                "the body must be application/json",
            )),
        }
    }
}

pub(crate) fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a whole body; a member that is wrong is named.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // serde would take a list of the values for an object as well
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(
            match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
                Ok(_) => ApiError::Invalid(FieldError {
                    loc: vec!["body".into()],
                    msg: "expected a JSON object".to_owned(),
                    kind: "type_error",
                }),
                Err(error) => malformed(&error),
            },
        );
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = path_of(error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            // a value of the wrong type leaves the rest unread; whether that is JSON comes first
            match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
                Ok(_) => invalid("body", path, &without_position(&inner.to_string())),
                Err(error) => malformed(&error),
            }
        } else {
            malformed(&inner)
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(parsed)
}

fn malformed(error: &serde_json::Error) -> ApiError {
    ApiError::Malformed(format!(
        "the body is not JSON: line {}, column {}",
        error.line(),
        error.column()
    ))
}

/// The members and places that lead to the fault; places in a list are numbers. Names that no member has are
/// the client's own: as much is quoted of them as of any hostile text.
fn path_of(path: &serde_path_to_error::Path) -> Vec<Place> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Place::Index(*index)),
            Segment::Map { key } => Some(Place::Member(excerpt(key))),
            Segment::Enum { variant } => Some(Place::Member(excerpt(variant))),
            Segment::Unknown => None,
        })
        .collect()
}

/// serde says where in the text; a client wants to know which member.
fn without_position(message: &str) -> String {
    message
        .split(" at line ")
        .next()
        .unwrap_or(message)
        .to_owned()
}

/// An error of a member. serde names a missing or unknown one only in its message.
fn invalid(place: &str, mut path: Vec<Place>, message: &str) -> ApiError {
    let named = named_in(message).map(|name| Place::Member(excerpt(name)));
    let kind = if message.starts_with("missing field") {
        path.extend(named);
        "missing"
    } else if message.starts_with("unknown field") {
        if path.last() != named.as_ref() {
            path.extend(named);
        }
        "extra_forbidden"
    } else if message.starts_with("duplicate field") {
        if path.last() != named.as_ref() {
            path.extend(named);
        }
        "duplicate"
    } else if message.starts_with("invalid type") || message.starts_with("invalid length") {
        "type_error"
    } else {
        "value_error"
    };
    let msg = match kind {
        "missing" => "this member is required".to_owned(),
        "extra_forbidden" => "there is no such member".to_owned(),
        "duplicate" => "this member stands here twice".to_owned(),
        // serde quotes what it found, which may be a password in the wrong place
        "type_error" => expected(message),
        _ => message
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect(),
    };
    let shown: Vec<String> = path.iter().map(ToString::to_string).collect();
    let at = if shown.is_empty() {
        place.to_owned()
    } else {
        shown.join(".")
    };
    let detail = format!("{at}: {msg}");
    let loc = std::iter::once(Place::from(place)).chain(path).collect();
    ApiError::Invalid(FieldError {
        loc,
        msg: detail,
        kind,
    })
}

/// What serde says it expected, without what it found and without the names of our types.
fn expected(message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if expected.starts_with("struct ") => "expected an object".to_owned(),
        Some((_, expected)) => format!("expected {expected}"),
        None => "a value of another type is expected".to_owned(),
    }
}

/// The member that serde names first: in backticks, which its name may hold as well.
fn named_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('`')?;
    // after an unknown member come those that are known
    let end = ["`, expected ", "`, there are no fields", "`"]
        .iter()
        .find_map(|end| rest.rfind(end))?;
    rest.get(..end)
}

/// NUL stands in no name or id, PostgreSQL keeps it in no text, and to SQLite's `LIKE` it ends one.
fn refuse_nul<K: AsRef<str>, V: AsRef<str>>(
    place: &'static str,
    named: impl IntoIterator<Item = (K, V)>,
) -> Result<(), ApiError> {
    match named
        .into_iter()
        .find(|(_, value)| value.as_ref().contains('\0'))
    {
        Some((name, _)) => Err(ApiError::Invalid(FieldError {
            loc: vec![place.into(), Place::Member(excerpt(name.as_ref()))],
            msg: "a NUL character stands in no value".to_owned(),
            kind: "value_error",
        })),
        None => Ok(()),
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parse_query(parts.uri.query().unwrap_or_default()).map(Params)
    }
}

/// Reads a whole query; a parameter that is wrong is named.
pub(crate) fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    refuse_nul("query", form_urlencoded::parse(query.as_bytes()))?;
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = path_of(error.path());
        invalid("query", path, &error.inner().to_string())
    })
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        use axum::extract::{RawPathParams, path::ErrorKind};
        if let Ok(named) = RawPathParams::from_request_parts(parts, state).await {
            refuse_nul("path", &named)?;
        }
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(axum::extract::rejection::PathRejection::FailedToDeserializePathParams(failed)) => {
                let (member, msg) = match failed.kind() {
                    ErrorKind::DeserializeError { key, message, .. } => {
                        (key.clone(), message.clone())
                    }
                    ErrorKind::InvalidUtf8InPathParam { key } => {
                        (key.clone(), "not UTF-8".to_owned())
                    }
                    other => ("path".to_owned(), other.to_string()),
                };
                Err(ApiError::Invalid(FieldError {
                    loc: vec![Place::from("path"), Place::Member(member)],
                    msg,
                    kind: "value_error",
                }))
            }
            Err(_) => Err(ApiError::Malformed("the path could not be read".to_owned())),
        }
    }
}

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) i64);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> serde::Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse::<i64>() {
            Ok(limit @ 1..=200) => Ok(Self(limit)),
            _ => Err(serde::de::Error::custom(
                "limit is a whole number from 1 to 200",
            )),
        }
    }
}

/// The lists that are paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Users,
    Roles,
    Permissions,
    Assignments,
    Changes,
    Events,
    Sessions,
    Clients,
    Feed,
    Holders,
    Keys,
    Constraints,
    Requests,
}

impl List {
    /// What begins the cursors of this list and of no other.
    const fn mark(self) -> &'static str {
        match self {
            Self::Users => "users:",
            Self::Roles => "roles:",
            Self::Permissions => "permissions:",
            Self::Assignments => "assignments:",
            Self::Changes => "changes:",
            Self::Events => "events:",
            Self::Sessions => "sessions:",
            Self::Clients => "clients:",
            Self::Feed => "feed:",
            Self::Holders => "holders:",
            Self::Constraints => "constraints:",
            Self::Keys => "keys:",
            Self::Requests => "requests:",
        }
    }
}

/// A place in a list: the key of the last item of the page before, so that it stays right while rows come
/// and go. Opaque to clients; that of one list is none of another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor(String);

impl Cursor {
    /// The cursor behind the item `key` of `list`, as clients get it.
    pub(crate) fn encode(list: List, key: &str) -> String {
        use base64::Engine as _;
        let marked = format!("{}{key}", list.mark());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(marked)
    }

    /// The key after which the page of `list` begins; empty for the first page.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] for the cursor of another list.
    pub(crate) fn after(&self, list: List) -> Result<&str, ApiError> {
        if self.0.is_empty() {
            return Ok("");
        }
        let key = self.0.strip_prefix(list.mark());
        key.ok_or_else(|| {
            ApiError::Invalid(FieldError::query("cursor", "value_error", INVALID_CURSOR))
        })
    }
}

/// What is said of a cursor that is none.
pub(crate) const INVALID_CURSOR: &str = "cursor is not one that was given out";

impl<'de> serde::Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = String::deserialize(deserializer)?;
        let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(&text)
            .ok();
        let key = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let key =
            key.filter(|key| key.len() <= 200 && !key.chars().any(|c| c.is_control() && c != '\n'));
        key.map(Self)
            .ok_or_else(|| serde::de::Error::custom(INVALID_CURSOR))
    }
}

/// A member of a change: absent, taken away by null, or a new value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Change<T> {
    /// The member is absent: what is there stays.
    #[default]
    Keep,
    /// The member is null.
    Clear,
    /// The member has a value.
    Set(T),
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for Change<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<T>::deserialize(deserializer)?;
        Ok(value.map_or(Self::Clear, Self::Set))
    }
}

/// Reads a member through its `FromStr`.
pub(crate) fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = <String as serde::Deserialize>::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its parsing matters")]
        name: rolecall_core::RoleName,
        #[expect(dead_code, reason = "only its parsing matters")]
        count: Option<u8>,
        #[serde(default)]
        #[expect(dead_code, reason = "only its parsing matters")]
        more: Vec<rolecall_core::RoleName>,
    }

    fn refusal(body: &str) -> (Vec<Place>, &'static str) {
        match parse_json::<Sample>(body.as_bytes()) {
            Err(ApiError::Invalid(field)) => (field.loc, field.kind),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_error_names_its_member() {
        assert_eq!(
            refusal("{}"),
            (vec!["body".into(), "name".into()], "missing")
        );
        assert_eq!(
            refusal(r#"{"name":"a","x":1}"#),
            (vec!["body".into(), "x".into()], "extra_forbidden")
        );
        assert_eq!(
            refusal(r#"{"name":1}"#),
            (vec!["body".into(), "name".into()], "type_error")
        );
        assert_eq!(
            refusal(r#"{"name":"A"}"#),
            (vec!["body".into(), "name".into()], "value_error")
        );
        assert_eq!(
            refusal(r#"{"name":"a","name":"b"}"#),
            (vec!["body".into(), "name".into()], "duplicate")
        );
        assert_eq!(
            refusal(r#"{"name":"a","count":300}"#).0,
            ["body".into(), "count".into()]
        );
        for other in ["[]", r#"["a",1,[]]"#, " null", "\"a\"", "1"] {
            assert_eq!(refusal(other), (vec!["body".into()], "type_error"));
        }
        assert_eq!(
            refusal(r#"{"name":"a","more":["b","C"]}"#).0,
            ["body".into(), "more".into(), Place::Index(1)]
        );
    }

    #[test]
    fn a_value_of_a_wrong_type_is_not_repeated() {
        for body in [
            r#"{"name":123456}"#,
            r#"{"name":["123456"]}"#,
            r#"{"name":"a","count":"123456, expected 123456"}"#,
            r#""123456""#,
            "123456",
        ] {
            let Err(ApiError::Invalid(field)) = parse_json::<Sample>(body.as_bytes()) else {
                panic!("{body}");
            };
            assert!(
                field.msg.contains("expected") && !field.msg.contains("123456"),
                "{}",
                field.msg
            );
            assert!(!field.msg.contains("Sample"), "{}", field.msg);
        }
    }

    #[test]
    fn what_a_client_made_up_is_quoted_in_part_and_without_control_characters() {
        let long = "x".repeat(10_000);
        for (member, quoted) in [
            ("a`b", "a`b"),
            ("a`, expected `b", "a`, expected `b"),
            ("\u{7}\u{1b}[0m\n", "\\u{7}\\u{1b}[0m\\n"),
            (long.as_str(), &long[..80]),
        ] {
            let body = serde_json::json!({ "name": "a", (member): 1 }).to_string();
            let Err(ApiError::Invalid(field)) = parse_json::<Sample>(body.as_bytes()) else {
                panic!("{body} was taken")
            };
            assert_eq!(field.loc, ["body".into(), quoted.into()]);
            assert_eq!(field.msg, format!("{quoted}: there is no such member"));
        }
    }

    #[test]
    fn a_cursor_is_of_no_other_list_than_it_was_given_out_for() {
        let text = Cursor::encode(List::Roles, "editor");
        let cursor: Cursor = serde_json::from_value(text.into()).unwrap();
        assert_eq!(cursor.after(List::Roles).unwrap(), "editor");
        for other in [List::Users, List::Permissions, List::Changes, List::Events] {
            assert!(cursor.after(other).is_err(), "{other:?}");
        }
        assert_eq!(Cursor::default().after(List::Users).unwrap(), "");
    }

    #[test]
    fn what_is_not_json_is_malformed_even_after_a_wrong_type() {
        for body in [
            "{",
            "",
            "nope",
            r#"{"name":1"#,
            r#"{"name":"a"} x"#,
            "\u{feff}{}",
            r#"{"name": 1e}"#,
        ] {
            assert!(
                matches!(
                    parse_json::<Sample>(body.as_bytes()),
                    Err(ApiError::Malformed(_))
                ),
                "{body}"
            );
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(
            parse_json::<Sample>(deep.as_bytes()),
            Err(ApiError::Malformed(_))
        ));
    }

    #[test]
    fn content_types_by_table() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "",
            "json",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
