//! Admission: applies the access rule of a route to a request.

use std::sync::Arc;

use http::{HeaderMap, Method};

use super::{principal::Principal, verify::Guard};
use crate::{Denial, Problem, Rule};

/// A refusal by an access rule: the reason, and the caller if it was identified.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) denial: Denial,
    pub(crate) principal: Option<Arc<Principal>>,
}

impl Refusal {
    /// Returns the reason.
    #[must_use]
    pub fn denial(&self) -> &Denial {
        &self.denial
    }

    /// Returns the caller, if it was identified.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// Returns the response: status, headers and body. An identified caller also learns `rule` and its own roles.
    #[must_use]
    pub fn problem(&self, rule: &Rule) -> Problem {
        let problem = self.denial.clone().into_problem();
        match &self.principal {
            Some(principal) => explain(problem, rule, principal),
            None => problem,
        }
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            principal: None,
        }
    }
}

/// Adds the rule and the roles of the caller, so that a client can show what lacks.
pub(crate) fn explain(problem: Problem, rule: &Rule, principal: &Principal) -> Problem {
    problem
        .with("rule", rule.to_string())
        .with("roles", principal.roles().collect::<Vec<_>>())
}

impl Guard {
    /// Identifies the caller and applies `rule`; returns `None` if the rule needs no caller.
    ///
    /// `tenant` is the tenant that the path names.
    pub(crate) fn admit(
        &self,
        rule: &Rule,
        tenant: Option<&str>,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        if matches!(rule, Rule::Public) {
            return Ok(None);
        }
        let principal = match self.authenticate_request(method, headers) {
            Err(Denial::NotAuthenticated) if rule.admits_anonymous() => return Ok(None),
            other => other?,
        };
        apply_rule(rule, tenant, principal)
    }
}

/// Tokens that stand in place of an access token.
#[cfg(feature = "axum")]
impl Guard {
    /// Starts to exchange what a request has in place of an access token: a ticket, or a token that the guard does not
    /// accept itself.
    pub(crate) fn exchange(
        &self,
        rule: &Rule,
        request: &axum::extract::Request,
    ) -> Option<super::exchange::Exchanged> {
        if matches!(rule, Rule::Public) {
            return None;
        }
        if let Some(redeemed) = self.redeem(request) {
            return Some(redeemed);
        }
        let exchange = self.inner.exchange.as_ref()?;
        let token = super::credential::bearer(request.headers()).ok()?;
        match self.verify(token) {
            Err(Denial::InvalidToken) => exchange.exchange(token),
            _ => None,
        }
    }

    /// Does the same as [`admit`](Self::admit) with the token that replaces that of the request.
    pub(crate) fn admit_exchanged(
        &self,
        rule: &Rule,
        tenant: Option<&str>,
        exchanged: Result<Arc<str>, Denial>,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        let principal = exchanged.and_then(|token| self.verify(&token))?;
        apply_rule(rule, tenant, principal)
    }
}

fn apply_rule(
    rule: &Rule,
    tenant: Option<&str>,
    principal: Arc<Principal>,
) -> Result<Option<Arc<Principal>>, Refusal> {
    if rule.admits_in(tenant, &*principal) {
        return Ok(Some(principal));
    }
    Err(Refusal {
        denial: principal.refusal_in(rule, tenant),
        principal: Some(principal),
    })
}
