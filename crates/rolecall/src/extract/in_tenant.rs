use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
    principal_extractor::{principal_extractor, tenant_extractor},
};
use crate::{Denial, Principal, Requirement, Rule};

/// A caller who satisfies `R` with a token for any tenant; dereferences to the [`Principal`].
///
/// Use it where the path does not name the tenant, and use [`tenant`](Self::tenant) to select the data: the caller may
/// have `R` in that tenant alone. A token without a tenant is refused. `R` is the same as for
/// [`ForTenant`](crate::ForTenant), which compares the tenant with the path and is safer where the path names it.
///
/// ```
/// use rolecall::{GuardedRouter, InTenant, routing::get};
/// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
///
/// rolecall::roles! { mod role { Editor = "editor" } }
///
/// async fn list_items(caller: InTenant<role::Editor>) -> String {
///     format!("the items of {}", caller.tenant())
/// }
///
/// let app: axum::Router = GuardedRouter::new(guard()).route("/items/", get(list_items)).into_axum();
/// ```
pub struct InTenant<R: Requirement> {
    principal: Arc<Principal>,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> InTenant<R> {
    /// Returns the tenant of the token, to which the handler must limit what it reads and changes.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.principal.tenant().unwrap_or_default()
    }
}

tenant_extractor!(InTenant);

impl<R: Requirement> AccessRule for InTenant<R> {
    const RULE: Rule = {
        assert!(
            !R::RULE.admits_anonymous(),
            "`InTenant<_>` cannot stand for a public route: take `Public` or `Optional`"
        );
        assert!(
            R::RULE.depth() <= 2,
            "`AnyOf` and `AllOf` nest at most 2 deep"
        );
        assert!(
            !R::RULE.needs_tenant(),
            "`InTenant<_>` does not look at the path's tenant: take `ForTenant<_>`"
        );
        Rule::InTenant(Self::INNER)
    };
}

impl<R: Requirement, S: Send + Sync> FromRequestParts<S> for InTenant<R> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        let principal = Admitted::principal(parts)?;
        let rule = <Self as AccessRule>::RULE;
        if rule.admits(&*principal) {
            Ok(Self {
                principal,
                requirement: PhantomData,
            })
        } else {
            Err(principal.refusal(&rule))
        }
    }
}
