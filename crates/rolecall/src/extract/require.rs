use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
};
use crate::{Denial, Principal, Requirement, Rule};

/// A caller who satisfies `R`; dereferences to the [`Principal`].
///
/// `R` is a role, a permission, [`AnyOf`](crate::AnyOf) or [`AllOf`](crate::AllOf). A value of this type proves that
/// the guard has checked the rule.
///
/// ```
/// use rolecall::{AnyOf, Require};
///
/// rolecall::roles! { mod role { Admin = "admin" } }
/// rolecall::permissions! { mod may { ReadItems = "items:read" } }
///
/// async fn read_items(caller: Require<AnyOf<(role::Admin, may::ReadItems)>>) -> String {
///     format!("{} may read the items", caller.username())
/// }
/// ```
pub struct Require<R: Requirement> {
    principal: Arc<Principal>,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> Require<R> {
    /// Returns the caller, for use after the request.
    #[must_use]
    pub fn into_principal(self) -> Arc<Principal> {
        self.principal
    }
}

impl<R: Requirement> Deref for Require<R> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<R: Requirement> Clone for Require<R> {
    fn clone(&self) -> Self {
        Self {
            principal: Arc::clone(&self.principal),
            requirement: PhantomData,
        }
    }
}

impl<R: Requirement> fmt::Debug for Require<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Require").field(&self.principal).finish()
    }
}

impl<R: Requirement> Sealed for Require<R> {}
impl<R: Requirement> AccessRule for Require<R> {
    const RULE: Rule = {
        // an implementation of `Requirement` by the application must not make a route public that looks guarded
        assert!(
            !R::RULE.admits_anonymous(),
            "`Require<_>` cannot stand for a public route: take `Public` or `Optional`"
        );
        assert!(
            R::RULE.depth() <= 2,
            "`AnyOf` and `AllOf` nest at most 2 deep"
        );
        assert!(
            !R::RULE.needs_tenant(),
            "`Require<_>` does not look at the path's tenant: take `ForTenant<_>`"
        );
        R::RULE
    };
}
impl<R: Requirement> Access for Require<R> {
    type Rule = Self;
}

impl<R: Requirement, S: Send + Sync> FromRequestParts<S> for Require<R> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        let principal = Admitted::principal(parts)?;
        principal.require::<R>()?;
        Ok(Self {
            principal,
            requirement: PhantomData,
        })
    }
}
