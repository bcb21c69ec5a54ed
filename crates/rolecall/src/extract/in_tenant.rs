use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
    tenant::require_in_own_tenant,
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

    /// Returns true if the caller satisfies `Q` in the tenant, for rules that depend on data. Global roles count too.
    #[must_use]
    pub fn has<Q: Requirement>(&self) -> bool {
        Q::RULE.admits_in_own_tenant(&*self.principal)
    }

    /// Returns an error unless the caller satisfies `Q` in the tenant; use it with `?` in a handler.
    ///
    /// # Errors
    ///
    /// [`Denial::Forbidden`], with the scope that the caller needs.
    pub fn require<Q: Requirement>(&self) -> Result<(), Denial> {
        require_in_own_tenant::<Q>(&self.principal)
    }

    /// Returns the caller, for use after the request.
    #[must_use]
    pub fn into_principal(self) -> Arc<Principal> {
        self.principal
    }

    const INNER: &'static Rule = &R::RULE;
}

impl<R: Requirement> Deref for InTenant<R> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<R: Requirement> Clone for InTenant<R> {
    fn clone(&self) -> Self {
        Self {
            principal: Arc::clone(&self.principal),
            requirement: PhantomData,
        }
    }
}

impl<R: Requirement> fmt::Debug for InTenant<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InTenant").field(&self.principal).finish()
    }
}

impl<R: Requirement> Sealed for InTenant<R> {}
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
impl<R: Requirement> Access for InTenant<R> {
    type Rule = Self;
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
