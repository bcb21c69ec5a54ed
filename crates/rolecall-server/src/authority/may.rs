//! rolecall's own permissions, as types: the only place that names them.

use std::marker::PhantomData;

use rolecall::{PermissionName, Requirement, Rule};

rolecall::permissions! {
    /// rolecall's own permissions, as the guards of its endpoints and its services name them.
    pub(crate) mod names {
        ReadUsers = "rolecall.users:read",
        WriteUsers = "rolecall.users:write",
        RevokeSessions = "rolecall.sessions:revoke",
        ReadAssignments = "rolecall.assignments:read",
        WriteAssignments = "rolecall.assignments:write",
        AssignAny = "rolecall.assignments:any",
        ReadRoles = "rolecall.roles:read",
        WriteRoles = "rolecall.roles:write",
        ReadAudit = "rolecall.audit:read",
        ReadClients = "rolecall.clients:read",
        WriteClients = "rolecall.clients:write",
        ReadResources = "rolecall.resources:read",
        WriteResources = "rolecall.resources:write",
        ReadKeys = "rolecall.keys:read",
        RotateKeys = "rolecall.keys:rotate",
        ReadFeed = "rolecall.feed:read",
        ReadDecisions = "rolecall.decisions:read",
        ReadPolicy = "rolecall.policy:read",
        WritePolicy = "rolecall.policy:write",
        IntrospectTokens = "rolecall.tokens:introspect",
    }
}

pub(crate) use names::*;

/// Needs the permission `P` globally or in the tenant of the token; the service compares that tenant with the request's.
pub(crate) struct Anywhere<P>(PhantomData<fn() -> P>);

impl<P: PermissionName> Anywhere<P> {
    const INNER: &'static Rule = &P::RULE;
    const EITHER: &'static [Rule] = &[P::RULE, Rule::InTenant(Self::INNER)];
}

impl<P: PermissionName> Requirement for Anywhere<P> {
    const RULE: Rule = Rule::AnyOf(Self::EITHER);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rolecall_core::builtin::PERMISSIONS;

    use super::ALL;

    #[test]
    fn the_types_name_every_permission_of_the_core_and_no_other() {
        let core: BTreeSet<&str> = PERMISSIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(ALL.iter().copied().collect::<BTreeSet<_>>(), core);
    }
}
