//! The header with which a client shows that it has logged in to an account before.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;

/// Carries a device token: in the answer to a login for the client to keep, and in its later requests.
pub(crate) const DEVICE_HEADER: HeaderName = HeaderName::from_static("rolecall-device");

/// Longer values are no tokens.
const MAX_LENGTH: usize = 128;

/// The device token of a request. As an extractor it never fails: without one valid header there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeviceToken(Option<String>);

impl DeviceToken {
    pub(crate) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Sync> FromRequestParts<S> for DeviceToken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut values = parts.headers.get_all(DEVICE_HEADER).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        };
        let value = value.filter(|value| value.len() <= MAX_LENGTH);
        Ok(Self(value.map(str::to_owned)))
    }
}
