use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
    principal_extractor::principal_extractor,
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

principal_extractor!(Require);

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

/// As a later argument, `Option<Require<_>>` is `Some` for callers who satisfy the rule. The first argument decides who
/// gets in.
///
/// ```
/// use rolecall::{Authenticated, GuardedMethods, Require, routing::get};
///
/// rolecall::roles! { mod role { Admin = "admin" } }
///
/// async fn read_items(_: Authenticated, admin: Option<Require<role::Admin>>) -> &'static str {
///     if admin.is_some() { "all items" } else { "your items" }
/// }
///
/// let items: GuardedMethods = get(read_items);
/// ```
impl<R: Requirement, S: Send + Sync> OptionalFromRequestParts<S> for Require<R> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Denial> {
        match Admitted::principal(parts) {
            Ok(principal) if principal.has::<R>() => Ok(Some(Self {
                principal,
                requirement: PhantomData,
            })),
            Ok(_) | Err(Denial::NotAuthenticated) => Ok(None),
            Err(denial) => Err(denial),
        }
    }
}
