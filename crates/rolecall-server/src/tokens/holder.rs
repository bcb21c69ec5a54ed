//! The subject of a token with its assignments, and what a token carries of them.

use std::{collections::BTreeSet, time::Duration};

use rolecall_core::{Permission, Policy, RoleName, TenantName, Timestamp};

use super::requested::RequestedScope;
use crate::authority::{policy_cache::Reach, subject::Assigned};

/// A role with less left than this is left out of a token rather than making it end at once.
const SHORTEST_REST: Duration = Duration::from_secs(30);

/// The content of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) roles: BTreeSet<RoleName>,
    pub(crate) permissions: BTreeSet<Permission>,
    /// In a token for a tenant, what is held without the tenant.
    pub(crate) global: Option<GlobalGrant>,
    /// The roles that count as active together. They are `roles`, unless the ceiling of the client hides the names.
    pub(crate) active: BTreeSet<RoleName>,
    /// Roles that the token does not carry, but that a session with a higher assurance has.
    pub(crate) step_up: BTreeSet<RoleName>,
    pub(crate) narrowed: bool,
    /// The `scope` member of the answer.
    pub(crate) answer: String,
    /// The tenant that it is for; not where none of the assignments there counts any more.
    pub(crate) tenant: Option<TenantName>,
    /// The end of the shortest assignment that the token rests on.
    pub(crate) ends_at: Option<Timestamp>,
}

/// The global part of a token for a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GlobalGrant {
    pub(crate) roles: BTreeSet<RoleName>,
    pub(crate) permissions: BTreeSet<Permission>,
}

impl Grant {
    /// Returns all of it as scope values, the roles too: with it, a later refresh distinguishes what was lost from what
    /// never was.
    pub(crate) fn values(&self) -> String {
        let roles = self.roles.iter().map(|role| format!("role:{role}"));
        let values = roles.chain(self.permissions.iter().map(ToString::to_string));
        values.collect::<Vec<_>>().join(" ")
    }
}

/// The whole policy and all assignments, of a session that does not reach all of them.
#[derive(Clone, Copy)]
pub(crate) struct Beyond<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) assigned: &'a [Assigned],
}

impl<'a> Beyond<'a> {
    /// Returns it for a session, unless that reaches everything.
    pub(crate) fn of(reach: &'a Reach, assigned: &'a [Assigned]) -> Option<Self> {
        let policy = reach.beyond.as_deref()?;
        Some(Self { policy, assigned })
    }
}

/// The subject of a token, with its assignments and the limits of the request.
#[derive(Clone, Copy)]
pub(crate) struct TokenSubject<'a> {
    /// The policy as the session has it.
    pub(crate) policy: &'a Policy,
    /// What the session does not reach all of.
    pub(crate) beyond: Option<Beyond<'a>>,
    /// The roles assigned globally and in `tenant`.
    pub(crate) assigned: &'a [Assigned],
    /// The lifetime of a token that nothing shortens.
    pub(crate) lifetime: Duration,
    /// The tenant that the token is to be for.
    pub(crate) tenant: Option<&'a TenantName>,
    /// The token is for rolecall itself.
    pub(crate) own_audience: bool,
    /// The most that tokens through the client may carry. Without a role in it, they carry permissions alone.
    pub(crate) ceiling: Option<&'a RequestedScope>,
    /// The roles that other tokens of the subject have active, for the constraints that count them together, where they were
    /// read. What they leave no room for is left out, unless it is asked for.
    pub(crate) beside: Option<&'a BTreeSet<RoleName>>,
    pub(crate) now: Timestamp,
}

impl<'a> TokenSubject<'a> {
    /// The same with other assignments.
    pub(super) fn resting_on<'b>(&self, assigned: &'b [Assigned]) -> TokenSubject<'b>
    where
        'a: 'b,
    {
        TokenSubject { assigned, ..*self }
    }

    /// The assignments that a token may rest on. Their roles exist, so one that the policy does not have needs more than the
    /// session has.
    pub(super) fn lasting(&self) -> impl Iterator<Item = &'a Assigned> + use<'a> {
        let (policy, reaches_all) = (self.policy, self.beyond.is_none());
        self.lasting_of(self.assigned)
            .filter(move |one| reaches_all || policy.role(one.role.as_str()).is_some())
    }

    pub(super) fn lasting_of(
        &self,
        assigned: &'a [Assigned],
    ) -> impl Iterator<Item = &'a Assigned> + use<'a> {
        let (now, own_audience) = (self.now, self.own_audience);
        assigned
            .iter()
            .filter(move |one| one.ends.is_none_or(|ends| ends.since(now) >= SHORTEST_REST))
            .filter(move |one| own_audience || !one.role.is_reserved())
    }

    /// The same in a session of the highest assurance, if this one is not of it and that matters.
    pub(super) fn with_all_assurance(&self) -> Option<Self> {
        let Beyond { policy, assigned } = self.beyond?;
        Some(Self {
            policy,
            beyond: None,
            assigned,
            ..*self
        })
    }

    /// Returns `true` if an assignment in the tenant allows a token for it.
    pub(super) fn is_in_tenant(&self) -> bool {
        self.lasting().any(|one| one.in_tenant)
    }
}
