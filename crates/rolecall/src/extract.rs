//! The first argument of a handler: who may call it, and who did.

use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::{FromRequestParts, RawPathParams};
use http::{Extensions, request::Parts};

use crate::{Denial, Guard, Principal, Requirement, Rule};

/// What the router leaves in the request for the extractors: who came through, and who let them.
#[derive(Clone)]
pub(crate) struct Passed {
    pub(crate) guard: Guard,
    pub(crate) principal: Option<Arc<Principal>>,
}

impl Passed {
    /// Leaves itself in the request, and the principal for middleware; what stood there before is gone.
    pub(crate) fn mark(self, extensions: &mut Extensions) {
        match &self.principal {
            Some(principal) => extensions.insert(Arc::clone(principal)),
            None => extensions.remove::<Arc<Principal>>(),
        };
        extensions.insert(self);
    }

    fn principal(parts: &Parts) -> Result<Arc<Principal>, Denial> {
        let Some(passed) = parts.extensions.get::<Self>() else {
            tracing::error!(
                method = %parts.method,
                "a guarded handler was mounted without a guard: mount it on a `GuardedRouter` or add `Guard::layer`"
            );
            return Err(Denial::Unguarded);
        };
        match &passed.principal {
            Some(principal) => Ok(Arc::clone(principal)),
            // the route is public, and yet a later argument asks who is there
            None => passed.guard.authenticate(&parts.headers),
        }
    }
}

/// An argument that says who may call a handler.
///
/// [`Require`], [`Authenticated`], [`Optional`] and [`Public`] do. An extractor of your own joins by
/// naming one of them; the router enforces that rule before the extractor runs.
///
/// ```
/// use axum::extract::FromRequestParts;
/// use http::request::Parts;
/// use rolecall::{Access, Denial, Require};
///
/// rolecall::roles! { mod role { User = "user" } }
///
/// struct CurrentCustomer { name: String }
///
/// impl Access for CurrentCustomer {
///     type Rule = Require<role::User>;
/// }
///
/// impl<S: Send + Sync> FromRequestParts<S> for CurrentCustomer {
///     type Rejection = Denial;
///     async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denial> {
///         let caller = Require::<role::User>::from_request_parts(parts, state).await?;
///         Ok(Self { name: caller.username().to_owned() })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler does not say who may call it: take `Public`, `Authenticated` or `Require<_>`",
    label = "this says nothing about who may call the handler"
)]
pub trait Access {
    /// The rule: one of rolecall's own extractors.
    type Rule: AccessRule;
}

/// The rule that an extractor stands for.
pub trait AccessRule: sealed::Sealed {
    /// The same as a value.
    const RULE: Rule;
}

mod sealed {
    pub trait Sealed {}
}

/// The arguments of a handler whose first one is [`Access`]; up to 16 of them.
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler does not say who may call it: take `Public`, `Authenticated` or `Require<_>`",
    label = "a handler without arguments says nothing about who may call it"
)]
pub trait GuardedArgs {
    /// The rule of the first argument.
    const RULE: Rule;
}

macro_rules! guarded_args {
    ($($rest:ident),*) => {
        impl<M, First: Access, $($rest),*> GuardedArgs for (M, First, $($rest,)*) {
            const RULE: Rule = <First::Rule as AccessRule>::RULE;
        }
    };
}

guarded_args!();
guarded_args!(A2);
guarded_args!(A2, A3);
guarded_args!(A2, A3, A4);
guarded_args!(A2, A3, A4, A5);
guarded_args!(A2, A3, A4, A5, A6);
guarded_args!(A2, A3, A4, A5, A6, A7);
guarded_args!(A2, A3, A4, A5, A6, A7, A8);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14);
guarded_args!(A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15);
guarded_args!(
    A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16
);

/// Proof that the caller satisfies `R`; it dereferences to the [`Principal`].
///
/// `R` is a role, a permission, [`AnyOf`](crate::AnyOf) or [`AllOf`](crate::AllOf).
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
    /// The caller, to be kept longer than the request.
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

impl<R: Requirement> sealed::Sealed for Require<R> {}
impl<R: Requirement> AccessRule for Require<R> {
    const RULE: Rule = {
        // a requirement written by hand must not open a route that reads as closed
        assert!(
            !R::RULE.admits_anonymous(),
            "`Require<_>` cannot stand for a public route: take `Public` or `Optional`"
        );
        assert!(
            R::RULE.depth() <= 2,
            "`AnyOf` and `AllOf` nest at most 2 deep"
        );
        assert!(
            !R::RULE.asks_for_tenant(),
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
        let principal = Passed::principal(parts)?;
        principal.require::<R>()?;
        Ok(Self {
            principal,
            requirement: PhantomData,
        })
    }
}

/// Proof that the caller satisfies `R` and that the token is for the tenant that the path names.
///
/// The path has the parameter `{tenant}`: a [`GuardedRouter`](crate::GuardedRouter) refuses to mount the handler
/// on any other. The two are compared byte for byte, after the path was percent-decoded once, as
/// [`Path`](axum::extract::Path) does. `R` is what [`Require`] takes, or [`Authenticated`] for any token of the
/// tenant.
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
    /// The tenant that the path names and that the token is for.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.principal.tenant().unwrap_or_default()
    }

    /// The caller, to be kept longer than the request.
    #[must_use]
    pub fn into_principal(self) -> Arc<Principal> {
        self.principal
    }

    const INNER: &'static Rule = &R::RULE;
}

impl<R: Requirement> Deref for ForTenant<R> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<R: Requirement> Clone for ForTenant<R> {
    fn clone(&self) -> Self {
        Self {
            principal: Arc::clone(&self.principal),
            requirement: PhantomData,
        }
    }
}

impl<R: Requirement> fmt::Debug for ForTenant<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForTenant").field(&self.principal).finish()
    }
}

impl<R: Requirement> sealed::Sealed for ForTenant<R> {}
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
            !R::RULE.asks_for_tenant(),
            "`ForTenant<_>` looks at the path's tenant once"
        );
        Rule::ForTenant(Self::INNER)
    };
}
impl<R: Requirement> Access for ForTenant<R> {
    type Rule = Self;
}

impl<R: Requirement, S: Send + Sync> FromRequestParts<S> for ForTenant<R> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denial> {
        let principal = Passed::principal(parts)?;
        let params = RawPathParams::from_request_parts(parts, state).await.ok();
        let tenant = params.as_ref().and_then(tenant_of);
        let rule = <Self as AccessRule>::RULE;
        if rule.admits_at(tenant, &*principal) {
            Ok(Self {
                principal,
                requirement: PhantomData,
            })
        } else {
            Err(principal.refusal(&rule))
        }
    }
}

/// The path parameter that [`ForTenant`] compares.
pub(crate) const TENANT: &str = "tenant";

/// The tenant that a path names; none if the name is empty, or if it names two.
pub(crate) fn tenant_of(params: &RawPathParams) -> Option<&str> {
    let mut named = params.iter().filter(|(name, _)| *name == TENANT);
    let (_, tenant) = named.next()?;
    let one = !tenant.is_empty() && named.all(|(_, other)| other == tenant);
    one.then_some(tenant)
}

/// A caller with any valid access token; it dereferences to the [`Principal`].
#[derive(Clone, Debug)]
pub struct Authenticated(Arc<Principal>);

impl Authenticated {
    /// The caller, to be kept longer than the request.
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

impl sealed::Sealed for Authenticated {}
impl AccessRule for Authenticated {
    const RULE: Rule = Rule::Authenticated;
}
impl Access for Authenticated {
    type Rule = Self;
}
/// So that `Guard::layer::<Authenticated>()` asks for any valid access token.
impl Requirement for Authenticated {
    const RULE: Rule = Rule::Authenticated;
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        Passed::principal(parts).map(Self)
    }
}

/// A caller with an access token, or none; a token that is not valid is refused.
#[derive(Clone, Debug)]
pub struct Optional(Option<Arc<Principal>>);

impl Optional {
    /// The caller, if there is an access token.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.0.as_deref()
    }

    /// The caller, to be kept longer than the request.
    #[must_use]
    pub fn into_principal(self) -> Option<Arc<Principal>> {
        self.0
    }
}

impl sealed::Sealed for Optional {}
impl AccessRule for Optional {
    const RULE: Rule = Rule::Optional;
}
impl Access for Optional {
    type Rule = Self;
}

impl<S: Send + Sync> FromRequestParts<S> for Optional {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        match Passed::principal(parts) {
            Ok(principal) => Ok(Self(Some(principal))),
            Err(Denial::NotAuthenticated) => Ok(Self(None)),
            Err(denial) => Err(denial),
        }
    }
}

/// Says that a route is open on purpose; no credential is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Public;

impl sealed::Sealed for Public {}
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
