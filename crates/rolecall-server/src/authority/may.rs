//! rolecall's own permissions, as types: the only place that names them.

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
