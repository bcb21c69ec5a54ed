use std::{ops::Deref, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
};
use crate::{Denial, Principal, Requirement, Rule};

/// A caller with any valid access token; dereferences to the [`Principal`].
#[derive(Clone, Debug)]
pub struct Authenticated(Arc<Principal>);

impl Authenticated {
    /// Returns the caller, for use after the request.
    #[must_use]
    pub fn into_principal(self) -> Arc<Principal> {
        self.0
    }
}

impl Deref for Authenticated {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl Sealed for Authenticated {}
impl AccessRule for Authenticated {
    const RULE: Rule = Rule::Authenticated;
}
impl Access for Authenticated {
    type Rule = Self;
}
/// Makes `Guard::layer::<Authenticated>()` and `ForTenant<Authenticated>` possible.
impl Requirement for Authenticated {
    const RULE: Rule = Rule::Authenticated;
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        Admitted::principal(parts).map(Self)
    }
}
