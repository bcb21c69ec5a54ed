//! Tokens of another form, which the guard itself never takes: something else may hand out one of ours for it.

use std::{pin::Pin, sync::Arc};

use http::HeaderMap;

use super::{Guard, Refusal, credential};
use crate::{Denial, Principal, Rule};

/// An access token that stands in for another, when it is there.
pub type Exchanged = Pin<Box<dyn Future<Output = Result<Arc<str>, Denial>> + Send>>;

/// Hands out access tokens for tokens of another form: the authorization server in the same process, for
/// those of an application that was there before.
pub trait Exchange: Send + Sync + 'static {
    /// What stands in for `token`; `None` if it is of no form that is known here.
    ///
    /// Asked only for what the guard found to be no token of its own. What it gives is verified as every
    /// other.
    fn exchange(&self, token: &str) -> Option<Exchanged>;
}

impl Guard {
    /// Begins an exchange for the token of a request that the guard does not take itself.
    pub(crate) fn exchange(&self, rule: &Rule, headers: &HeaderMap) -> Option<Exchanged> {
        let exchange = self.0.exchange.as_ref()?;
        if matches!(rule, Rule::Public) {
            return None;
        }
        let token = credential::bearer(headers).ok()?;
        match self.verify(token) {
            Err(Denial::InvalidToken) => exchange.exchange(token),
            _ => None,
        }
    }

    /// What the router does with a request for whose token another stands in.
    pub(crate) fn admit_exchanged(
        &self,
        rule: &Rule,
        tenant: Option<&str>,
        exchanged: Result<Arc<str>, Denial>,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        let principal = exchanged.and_then(|token| self.verify(&token))?;
        admitted(rule, tenant, principal)
    }
}

/// Lets a caller on whom the rule admits, where the path names `tenant`.
pub(super) fn admitted(
    rule: &Rule,
    tenant: Option<&str>,
    principal: Arc<Principal>,
) -> Result<Option<Arc<Principal>>, Refusal> {
    if rule.admits_at(tenant, &*principal) {
        return Ok(Some(principal));
    }
    Err(Refusal {
        denial: principal.refusal(rule),
        principal: Some(principal),
    })
}
