//! Refusals that a stronger or newer sign-in would lift (RFC 9470).

use std::collections::BTreeSet;

use rolecall_core::{Acr, Permission, Policy, RoleName, SubjectKind};

use super::principal::Principal;
use serde_json::{Value, json};

use crate::{Denial, Rule, rule::Holder};

/// What a sign-in has to be for the caller to be admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepUp {
    /// The least assurance, if the present one is not enough.
    pub(crate) acr: Option<Acr>,
    /// The most seconds since the sign-in, if the present one is too old.
    pub(crate) max_age: Option<u64>,
}

impl StepUp {
    /// Returns true if the sign-in is only too old.
    pub(crate) const fn is_by_age_alone(self) -> bool {
        self.acr.is_none()
    }

    pub(crate) fn denial(self, receipt: Option<String>) -> Denial {
        Denial::StepUp {
            acr: self.acr,
            max_age: self.max_age,
            receipt,
        }
    }
}

/// A caller as after another sign-in.
struct SignedInAgain<'a, H> {
    holder: &'a H,
    /// What another assurance gives beside what the caller has.
    roles: BTreeSet<RoleName>,
    policy: Option<&'a Policy>,
    is_fresh: bool,
}

impl<H> SignedInAgain<'_, H> {
    fn gives(&self, permission: &str) -> bool {
        let Some(permission) = permission.parse::<Permission>().ok() else {
            return false;
        };
        let rules = self
            .roles
            .iter()
            .filter_map(|role| self.policy?.role(role.as_str()));
        let mut held = rules.flat_map(|rules| &rules.permissions);
        held.any(|pattern| pattern.matches(&permission))
    }
}

impl<H: Holder> Holder for SignedInAgain<'_, H> {
    fn has_role(&self, role: &str) -> bool {
        self.roles.contains(role) || self.holder.has_role(role)
    }

    fn has_permission(&self, permission: &str) -> bool {
        self.gives(permission) || self.holder.has_permission(permission)
    }

    fn tenant(&self) -> Option<&str> {
        self.holder.tenant()
    }

    // the token does not say in which tenant a role is held that it does not carry
    fn has_global_role(&self, role: &str) -> bool {
        self.roles.contains(role) || self.holder.has_global_role(role)
    }

    fn has_global_permission(&self, permission: &str) -> bool {
        self.gives(permission) || self.holder.has_global_permission(permission)
    }

    fn is_fresh(&self, seconds: u64) -> bool {
        self.is_fresh || self.holder.is_fresh(seconds)
    }
}

/// Returns the sign-in with which `holder` would be admitted, if it lacks nothing else: the one that asks for least.
///
/// `missed` are the roles that only the assurance `present` keeps out of the token. Without a policy, nobody knows what they
/// need.
pub(crate) fn step_up<H: Holder>(
    max_age: Option<u64>,
    holder: &H,
    (present, missed): (Acr, &[RoleName]),
    policy: Option<&Policy>,
    admits: impl Fn(&dyn Holder) -> bool,
) -> Option<StepUp> {
    // a role that the present assurance reaches by now comes with the next token, and not with another sign-in
    let is_above = |role: &&RoleName| {
        let rules = policy.and_then(|policy| policy.role(role.as_str()));
        rules.is_some_and(|rules| rules.acr.max(Acr::Aal2) > present)
    };
    let missed: Vec<&RoleName> = missed.iter().filter(is_above).collect();
    let sign_in = |acr: Option<Acr>, is_fresh: bool| {
        let reached = policy.zip(acr);
        let roles = reached.map(|(policy, acr)| policy.closure_at(missed.iter().copied(), acr));
        SignedInAgain {
            holder,
            roles: roles.unwrap_or_default(),
            policy,
            is_fresh,
        }
    };
    if max_age.is_some() && admits(&sign_in(None, true)) {
        return Some(StepUp { acr: None, max_age });
    }
    let mut higher = Acr::ALL.into_iter().filter(|acr| *acr > present);
    let acr = higher.find(|acr| admits(&sign_in(Some(*acr), true)))?;
    let is_too_old = !admits(&sign_in(Some(acr), false));
    Some(StepUp {
        acr: Some(acr),
        max_age: max_age.filter(|_| is_too_old),
    })
}

impl Principal {
    /// Returns the sign-in with which the caller would satisfy `rule`, as `admits` decides, if it lacks nothing else.
    pub(super) fn step_up(
        &self,
        rule: &Rule,
        admits: impl Fn(&dyn Holder) -> bool,
    ) -> Option<StepUp> {
        self.step_up_to(rule.max_age(), admits)
    }

    /// Returns a receipt for the refusal of a caller who lacks `needs`, which says so if `step_up` asks only for a newer
    /// sign-in.
    pub(super) fn receipt_for(
        &self,
        needs: Option<Value>,
        step_up: Option<StepUp>,
    ) -> Option<String> {
        let needs = needs?;
        if step_up.is_some_and(StepUp::is_by_age_alone) {
            self.receipt(&json!({ "fresh": needs }))
        } else {
            self.receipt(&needs)
        }
    }

    fn step_up_to(
        &self,
        max_age: Option<u64>,
        admits: impl Fn(&dyn Holder) -> bool,
    ) -> Option<StepUp> {
        // a client has nobody who could sign in
        if self.kind() == SubjectKind::Client {
            return None;
        }
        let missed = self.claims().step_up.iter();
        let missed: Vec<RoleName> = missed.filter_map(|role| role.parse().ok()).collect();
        let policy = self.checks().policy();
        let session = (self.acr(), missed.as_slice());
        step_up(max_age, self, session, policy.as_deref(), admits)
    }

    /// Returns the denial for a caller who lacks some of `names`, which are written as in a scope, if a stronger sign-in is
    /// all that lacks. `needs` is for its receipt.
    ///
    /// For the authorization server, which has rules beyond those of routes.
    #[doc(hidden)]
    #[must_use]
    pub fn step_up_for(&self, names: &[String], in_tenant: bool, needs: &Value) -> Option<Denial> {
        let holds =
            |holder: &dyn Holder, name: &String| match (name.strip_prefix("role:"), in_tenant) {
                (Some(role), false) => holder.has_global_role(role),
                (Some(role), true) => holder.has_role(role),
                (None, false) => holder.has_global_permission(name),
                (None, true) => holder.has_permission(name),
            };
        let holds_all = |holder: &dyn Holder| names.iter().all(|name| holds(holder, name));
        let step_up = self.step_up_to(None, holds_all)?;
        Some(step_up.denial(self.receipt(needs)))
    }
}
