//! Queries and the segments of paths.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::faults::{invalid, path_of};
use crate::error::{ApiError, FieldError, Place, excerpt};

/// Query parameters; unknown and doubled ones are refused.
pub(crate) struct Params<T>(pub(crate) T);

/// A segment of the path.
pub(crate) struct Segment<T>(pub(crate) T);

const NO_NUL: &str = "NUL characters are not allowed";

/// Refuses NUL characters: no name or id has one, PostgreSQL stores none, and SQLite's `LIKE` stops at one.
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
            msg: NO_NUL.to_owned(),
            kind: "value_error",
            reason: None,
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
                    reason: None,
                }))
            }
            Err(_) => Err(ApiError::Malformed("the path could not be read".to_owned())),
        }
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

/// Reads a member that is an id or another text to look up: without NUL characters, as in a path or query.
pub(crate) fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = <String as serde::Deserialize>::deserialize(deserializer)?;
    if text.contains('\0') {
        return Err(serde::de::Error::custom(NO_NUL));
    }
    Ok(text)
}
