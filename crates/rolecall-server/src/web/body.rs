//! JSON bodies.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::faults::{invalid, path_of, without_position};
use crate::error::{ApiError, FieldError};

/// A JSON body; an absent one counts as `{}`, and so does `null`, which generated clients send where nothing is needed.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if is_compressed(request.headers()) {
            return Err(ApiError::Compressed);
        }
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
            Some(true) if body.trim_ascii() == b"null" => parse_json(b"{}").map(Body),
            Some(true) => parse_json(&body).map(Body),
            _ => Err(ApiError::UnsupportedMediaType(
                "the body must be application/json",
            )),
        }
    }
}

/// Returns true if a body has to be decompressed first, which nothing here does (RFC 9110 section 8.4).
pub(crate) fn is_compressed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
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
                    reason: None,
                }),
                Err(error) => malformed(body, &error),
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
                Err(error) => malformed(body, &error),
            }
        } else {
            malformed(body, &inner)
        }
    })?;
    json.end().map_err(|error| malformed(body, &error))?;
    Ok(parsed)
}

fn malformed(body: &[u8], error: &serde_json::Error) -> ApiError {
    ApiError::Malformed(if body.starts_with("\u{feff}".as_bytes()) {
        // RFC 8259 section 8.1
        "the body is not JSON: it begins with a byte order mark; send UTF-8 without one".to_owned()
    } else if std::str::from_utf8(body).is_err() {
        "the body is not JSON: it is not UTF-8".to_owned()
    } else {
        let (line, column) = (error.line(), error.column());
        format!("the body is not JSON: line {line}, column {column}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;
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
            assert_eq!(field.msg, format!("{quoted}: this member is not known"));
        }
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
