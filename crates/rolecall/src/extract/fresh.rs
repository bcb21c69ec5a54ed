use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{
    access::{Access, AccessRule, sealed::Sealed},
    admitted::Admitted,
};
use crate::{Denial, Principal, Requirement, Rule};

/// A caller who satisfies `R` and signed in at most `SECONDS` seconds ago; dereferences to the [`Principal`].
///
/// Use it for what a forgotten browser must not do: to pay, to change a bank account, to delete. A caller whose sign-in is
/// older gets 401 with `error="insufficient_user_authentication"` and `max_age` (RFC 9470), and comes back after another
/// sign-in with that `max_age`. The time is `auth_time` of the token: a refresh does not renew it. A client that acts for
/// itself has nobody who signed in and gets 403.
///
/// `R` is the same as for [`Require`](crate::Require), or [`Authenticated`](crate::Authenticated). In place of `R`, other
/// extractors take it too: `ForTenant<Fresh<R, 300>>`.
///
/// ```
/// use rolecall::{Fresh, GuardedRouter, routing::post, testing::TestIssuer};
/// use std::time::Duration;
///
/// rolecall::permissions! { mod may { PayInvoices = "invoices:pay" } }
///
/// async fn pay(caller: Fresh<may::PayInvoices, 300>) -> String {
///     format!("paid by {}", caller.username())
/// }
///
/// let issuer = TestIssuer::new();
/// let app: GuardedRouter = GuardedRouter::new(issuer.guard()).route("/invoices/{id}/pay", post(pay));
///
/// let token = issuer.token("alice").permission::<may::PayInvoices>().sign();
/// let caller = issuer.guard().verify(&token)?;
/// assert!(caller.has::<Fresh<may::PayInvoices, 300>>());
/// issuer.clock().advance(Duration::from_secs(301));
/// assert!(!caller.has::<Fresh<may::PayInvoices, 300>>());
/// # Ok::<(), rolecall::Denial>(())
/// ```
///
/// It cannot stand for a public route, and no sign-in is 0 seconds old:
///
/// ```compile_fail,E0080
/// rolecall::roles! { mod role { Admin = "admin" } }
/// const _: rolecall::Rule = <rolecall::Fresh<role::Admin, 0> as rolecall::AccessRule>::RULE;
/// ```
///
/// ```compile_fail,E0080
/// struct Open;
/// impl rolecall::Requirement for Open {
///     const RULE: rolecall::Rule = rolecall::Rule::Public;
/// }
/// const _: rolecall::Rule = <rolecall::Fresh<Open, 300> as rolecall::AccessRule>::RULE;
/// ```
pub struct Fresh<R: Requirement, const SECONDS: u64> {
    principal: Arc<Principal>,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement, const SECONDS: u64> Fresh<R, SECONDS> {
    const INNER: &'static Rule = &R::RULE;

    /// Returns the caller, for use after the request.
    #[must_use]
    pub fn into_principal(self) -> Arc<Principal> {
        self.principal
    }
}

impl<R: Requirement, const SECONDS: u64> Deref for Fresh<R, SECONDS> {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl<R: Requirement, const SECONDS: u64> Clone for Fresh<R, SECONDS> {
    fn clone(&self) -> Self {
        Self {
            principal: Arc::clone(&self.principal),
            requirement: PhantomData,
        }
    }
}

impl<R: Requirement, const SECONDS: u64> fmt::Debug for Fresh<R, SECONDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fresh").field(&self.principal).finish()
    }
}

impl<R: Requirement, const SECONDS: u64> Sealed for Fresh<R, SECONDS> {}
impl<R: Requirement, const SECONDS: u64> Access for Fresh<R, SECONDS> {
    type Rule = Self;
}

/// Makes `ForTenant<Fresh<_, 300>>`, `RequireOr<Fresh<_, 300>, _>` and `Guard::layer::<Fresh<_, 300>>()` possible.
impl<R: Requirement, const SECONDS: u64> Requirement for Fresh<R, SECONDS> {
    const RULE: Rule = {
        assert!(
            !R::RULE.admits_anonymous(),
            "`Fresh<_, _>` cannot stand for a public route: take `Public` or `Optional`"
        );
        assert!(
            R::RULE.depth() <= 2,
            "`AnyOf` and `AllOf` nest at most 2 deep"
        );
        assert!(
            !R::RULE.needs_tenant(),
            "`Fresh<_, _>` does not look at the path's tenant: take `ForTenant<Fresh<_, _>>`"
        );
        assert!(
            SECONDS > 0,
            "no sign-in is 0 seconds old: allow `Fresh<_, _>` some seconds"
        );
        Rule::Fresh(Self::INNER, SECONDS)
    };
}

impl<R: Requirement, const SECONDS: u64> AccessRule for Fresh<R, SECONDS> {
    const RULE: Rule = <Self as Requirement>::RULE;
}

impl<R: Requirement, const SECONDS: u64, S: Send + Sync> FromRequestParts<S> for Fresh<R, SECONDS> {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denial> {
        let principal = Admitted::principal(parts)?;
        principal.require::<Self>()?;
        Ok(Self {
            principal,
            requirement: PhantomData,
        })
    }
}
