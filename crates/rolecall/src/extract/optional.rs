use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
};
use crate::{Denial, Principal, Rule};

/// A caller with or without an access token. A token that is not valid is refused.
#[derive(Clone, Debug)]
pub struct Optional(Option<Arc<Principal>>);

impl Optional {
    /// Returns the caller if the request has an access token.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.0.as_deref()
    }

    /// Returns the caller, for use after the request.
    #[must_use]
    pub fn into_principal(self) -> Option<Arc<Principal>> {
        self.0
    }
}

impl Sealed for Optional {}
impl AccessRule for Optional {
    const RULE: Rule = Rule::Optional;
}
impl Access for Optional {
    type Rule = Self;
}

impl<S: Send + Sync> FromRequestParts<S> for Optional {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        match Admitted::principal(parts) {
            Ok(principal) => Ok(Self(Some(principal))),
            Err(Denial::NotAuthenticated) => Ok(Self(None)),
            Err(denial) => Err(denial),
        }
    }
}
