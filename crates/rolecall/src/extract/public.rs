use axum::extract::FromRequestParts;
use http::request::Parts;

use super::access::{Access, AccessRule, sealed::Sealed};
use crate::Rule;

/// Makes a route public on purpose; credentials are ignored.
#[derive(Clone, Copy, Debug)]
pub struct Public;

impl Sealed for Public {}
impl AccessRule for Public {
    const RULE: Rule = Rule::Public;
}
impl Access for Public {
    type Rule = Self;
}

impl<S: Send + Sync> FromRequestParts<S> for Public {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}
