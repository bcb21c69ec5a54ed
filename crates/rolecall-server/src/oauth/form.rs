//! Form bodies as RFC 6749 has them: UTF-8, each known parameter at most once, empty means absent.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, header};
use percent_encoding::percent_decode;

use super::error::OAuthError;
use crate::web::body::is_compressed;

const FORM: &str = "application/x-www-form-urlencoded";

/// The parameters that some OAuth endpoint knows; others are ignored, twice too.
pub(crate) const KNOWN: &[&str] = &[
    "grant_type",
    "username",
    "password",
    "scope",
    "client_id",
    "client_secret",
    "audience",
    "resource",
    "tenant",
    "refresh_token",
    "access_type",
    "token",
    "token_type_hint",
    "code",
    "redirect_uri",
    "code_verifier",
];

/// A form body, checked.
pub(crate) struct Form {
    values: BTreeMap<&'static str, String>,
}

impl Form {
    /// The value of a known parameter, if it was sent and is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(crate) fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let mut values = BTreeMap::new();
        for pair in body
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let at = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let name = decode(name)?;
            let Some(known) = KNOWN.iter().find(|known| **known == name) else {
                continue;
            };
            let value = decode(value.strip_prefix(b"=").unwrap_or(value))?;
            if values.insert(*known, value).is_some() {
                // RFC 8707 section 2 allows several, each of which may be refused
                if *known == "resource" {
                    return Err(OAuthError::InvalidTarget("a token is for one resource"));
                }
                return Err(OAuthError::InvalidRequest("a parameter was sent twice"));
            }
        }
        values.retain(|_, value| !value.is_empty());
        Ok(Self { values })
    }
}

fn decode(text: &[u8]) -> Result<String, OAuthError> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded = percent_decode(&spaced).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| OAuthError::InvalidRequest("the form is not UTF-8"))
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    kind.split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM))
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        // URLs are written to logs, and a parameter that has no effect there would be missed
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(OAuthError::InvalidRequest(
                "parameters belong in the body, not in the URL",
            ));
        }
        if !is_form(request.headers()) {
            return Err(OAuthError::InvalidRequest(
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        if is_compressed(request.headers()) {
            return Err(OAuthError::InvalidRequest(
                "compressed bodies are not supported: send it without `Content-Encoding`",
            ));
        }
        match Bytes::from_request(request, state).await {
            Ok(body) => Self::parse(&body),
            Err(rejection) if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
                Err(OAuthError::Failed(crate::error::ApiError::TooLarge))
            }
            Err(_) => Err(OAuthError::InvalidRequest("the body could not be read")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Result<Form, OAuthError> {
        Form::parse(body.as_bytes())
    }

    #[test]
    fn plus_is_a_space_and_percent_2b_a_plus() {
        let form = parsed("username=a+b%2Bc%C3%A4").unwrap();
        assert_eq!(form.get("username"), Some("a b+cä"));
    }

    #[test]
    fn invalid_utf_8_is_refused() {
        assert!(parsed("username=%ff").is_err());
    }

    #[test]
    fn a_known_parameter_twice_is_refused_and_an_unknown_one_ignored() {
        assert!(parsed("scope=a&scope=a").is_err());
        assert!(parsed("scope=&scope=").is_err());
        assert!(parsed("foo=1&foo=2&scope=a").is_ok());
    }

    #[test]
    fn an_empty_value_means_absent() {
        assert_eq!(parsed("scope=&username").unwrap().get("scope"), None);
    }

    #[test]
    fn x074_ten_thousand_fields_are_read_without_keeping_them() {
        let body = "field=x&".repeat(10_000);
        assert!(parsed(&body).unwrap().values.is_empty());
    }
}
