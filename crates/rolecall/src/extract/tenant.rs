use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
    principal_extractor::{principal_extractor, tenant_extractor},
};
use crate::{Denial, Principal, Requirement, Rule};

/// A caller who satisfies `R` with a token for the tenant that the path names; dereferences to the [`Principal`].
///
/// The path must have the parameter `{tenant}`, or a [`GuardedRouter`](crate::GuardedRouter) refuses to mount the
/// handler. The tenants are compared byte for byte after the path was percent-decoded once, as
/// [`Path`](axum::extract::Path) does. `R` is the same as for [`Require`](crate::Require), or
/// [`Authenticated`](crate::Authenticated) for any token of the tenant.
///
/// ```
/// use axum::extract::Path;
/// use rolecall::{ForTenant, GuardedRouter, routing::get};
/// # fn guard() -> rolecall::Guard { rolecall::testing::TestIssuer::new().guard() }
///
/// rolecall::roles! { mod role { Editor = "editor" } }
///
/// async fn read_item(caller: ForTenant<role::Editor>, Path((tenant, id)): Path<(String, u32)>) -> String {
///     assert_eq!(caller.tenant(), tenant);
///     format!("item {id} of {tenant}")
/// }
///
/// let app: axum::Router = GuardedRouter::new(guard())
///     .route("/{tenant}/items/{id}", get(read_item))
///     .into_axum();
/// ```
pub struct ForTenant<R: Requirement> {
    principal: Arc<Principal>,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> ForTenant<R> {
    /// Returns the tenant of the path and the token.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.principal.tenant().unwrap_or_default()
    }
}

tenant_extractor!(ForTenant);

impl<R: Requirement> AccessRule for ForTenant<R> {
    const RULE: Rule = {
        assert!(
            !R::RULE.admits_anonymous(),
            "`ForTenant<_>` cannot stand for a public route: take `Public` or `Optional`"
        );
        assert!(
            R::RULE.depth() <= 2,
            "`AnyOf` and `AllOf` nest at most 2 deep"
        );
        assert!(
            !R::RULE.needs_tenant(),
            "`ForTenant<_>` cannot be nested in itself"
        );
        Rule::ForTenant(Self::INNER)
    };
}

impl<R: Requirement, S: Send + Sync> FromRequestParts<S> for ForTenant<R> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denial> {
        let principal = Admitted::principal(parts)?;
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        let tenant = params.as_ref().and_then(tenant_of);
        let rule = <Self as AccessRule>::RULE;
        if rule.admits_in(tenant, &*principal) {
            Ok(Self {
                principal,
                requirement: PhantomData,
            })
        } else {
            Err(principal.refusal(&rule))
        }
    }
}

/// The path parameter with the tenant.
pub(crate) const TENANT: &str = "tenant";

/// Returns the tenant that a path names, or `None` if it is empty or the path names two different ones.
pub(crate) fn tenant_of(params: &RawPathParams) -> Option<&str> {
    let mut tenants = params.iter().filter(|(name, _)| *name == TENANT);
    let (_, tenant) = tenants.next()?;
    let is_unambiguous = !tenant.is_empty() && tenants.all(|(_, other)| other == tenant);
    is_unambiguous.then_some(tenant)
}
