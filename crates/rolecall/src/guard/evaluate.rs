//! Access rules without a router: for other frameworks, other languages and other protocols.

use std::sync::Arc;

use http::{HeaderMap, Method};

use super::{admission::Refusal, principal::Principal, verify::Guard};
use crate::Rule;

impl Guard {
    /// Applies an access rule to a request, as the routes of a [`GuardedRouter`](crate::GuardedRouter) do.
    ///
    /// Returns the caller, or `None` if there is none and the rule needs none. `tenant` is the tenant that the path names,
    /// for [`Rule::ForTenant`]. Call it before the body of the request is read.
    ///
    /// This function cannot wait for news, as [`verify`](Self::verify) explains: when [`news`](Self::news) returns a
    /// future for the caller, await it and evaluate again, or call [`evaluate_current`](Self::evaluate_current).
    ///
    /// ```
    /// use http::{HeaderMap, Method};
    /// use rolecall::{Rule, RuleSpec, testing::TestIssuer};
    ///
    /// let rule: Rule = RuleSpec::Role("admin".to_owned()).rule()?;
    /// let issuer = TestIssuer::new();
    /// let guard = issuer.guard();
    ///
    /// let mut headers = HeaderMap::new();
    /// let refusal = guard.evaluate(&rule, None, &Method::GET, &headers).unwrap_err();
    /// assert_eq!(refusal.problem(&rule).status(), 401);
    ///
    /// headers.insert("authorization", issuer.token("alice").role_named("admin").bearer());
    /// let caller = guard.evaluate(&rule, None, &Method::GET, &headers).unwrap().unwrap();
    /// assert_eq!(caller.username(), "alice");
    /// # Ok::<(), rolecall::RuleSpecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Refusal`], which has the response.
    pub fn evaluate(
        &self,
        rule: &Rule,
        tenant: Option<&str>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        self.admit(rule, tenant, method, headers)
    }

    #[cfg(all(feature = "remote", feature = "testing"))]
    pub(crate) fn script(&self) -> Option<crate::remote::Script> {
        self.inner
            .remote
            .as_ref()
            .map(crate::remote::Remote::script)
    }

    /// As [`evaluate`](Self::evaluate), and waits for news, at most a second, where routers do.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], which has the response.
    pub async fn evaluate_current(
        &self,
        rule: &Rule,
        tenant: Option<&str>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        let caller = self.admit(rule, tenant, method, headers)?;
        match caller.as_ref().and_then(|caller| self.answer(caller)) {
            None => Ok(caller),
            Some(news) => {
                news.await;
                self.admit(rule, tenant, method, headers)
            }
        }
    }

    /// Returns a future that waits, at most a second, until the guard has heard what it needs to know about this caller,
    /// or `None` if it knows. Verify or evaluate again afterwards.
    ///
    /// The future needs a tokio runtime with time enabled.
    #[must_use]
    pub fn news(&self, caller: &Principal) -> Option<impl Future<Output = ()> + Send + use<>> {
        self.answer(caller)
    }
}
