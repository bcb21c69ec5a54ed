//! Checks that need the whole document: that referenced names exist, and that the hierarchy has no cycles.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::{
    error::Faults,
    read::{ReadDocument, Reference, Target},
};
use crate::{
    Permission, PermissionPattern, PolicyBuilder, PolicyError, RESERVED_PREFIX, RoleName, builtin,
};

/// The largest number of cycles that are reported; finding one takes a walk through all roles.
const MAX_CYCLES: usize = 20;

/// The names that a document defines or rolecall provides.
struct KnownNames<'d> {
    read: &'d ReadDocument,
    builtin_permissions: BTreeSet<&'static str>,
    /// The objects of all permissions.
    objects: BTreeSet<&'d str>,
}

impl<'d> KnownNames<'d> {
    fn new(read: &'d ReadDocument) -> Self {
        let builtin_permissions: BTreeSet<&'static str> =
            builtin::PERMISSIONS.iter().map(|(name, _)| *name).collect();
        let builtin_objects = builtin_permissions
            .iter()
            .filter_map(|name| Some(name.split_once(':')?.0));
        let own_objects = read.document.permissions.keys().map(Permission::object);
        Self {
            read,
            objects: own_objects.chain(builtin_objects).collect(),
            builtin_permissions,
        }
    }

    fn has_role(&self, role: &RoleName) -> bool {
        self.read.document.roles.contains_key(role)
            || builtin::is_builtin(role)
            || self.read.faulty.contains(role.as_str())
    }

    fn has_permission(&self, name: &str) -> bool {
        self.read.document.permissions.contains_key(name)
            || self.builtin_permissions.contains(name)
            || self.read.faulty.contains(name)
    }

    /// Returns the message for a target that does not exist, or `None` if it exists.
    fn fault(&self, target: &Target) -> Option<String> {
        match target {
            Target::Role(role) | Target::Junior { junior: role, .. } => (!self.has_role(role))
                .then(|| does_not_exist("role", role, &format!("[roles.{role}]"))),
            Target::Permission(permission) => self.permission_fault(permission.as_str()),
            Target::Pattern(pattern) => self.pattern_fault(pattern),
        }
    }

    fn permission_fault(&self, permission: &str) -> Option<String> {
        (!self.has_permission(permission))
            .then(|| does_not_exist("permission", permission, "[permissions]"))
    }

    fn pattern_fault(&self, pattern: &PermissionPattern) -> Option<String> {
        match pattern.wildcard_object() {
            Some(object) => (!self.objects.contains(object))
                .then(|| format!("`{pattern}` covers no permission: none begins with `{object}:`")),
            None => self.permission_fault(pattern.as_str()),
        }
    }
}

/// Reports every referenced name that does not exist.
pub(super) fn check_references(read: &ReadDocument, faults: &mut Faults) {
    let known = KnownNames::new(read);
    for reference in &read.references {
        if let Some(message) = known.fault(&reference.target) {
            faults.add(&reference.path(), "unknown", message);
        }
    }
}

/// Returns a message with the table in which to define the name, unless the name is reserved.
fn does_not_exist(kind: &str, name: impl Display, table: &str) -> String {
    let name = name.to_string();
    if name.starts_with(RESERVED_PREFIX) {
        format!("{kind} `{name}` does not exist")
    } else {
        format!("{kind} `{name}` does not exist; define it under {table}")
    }
}

/// Reports roles that inherit each other, one fault for each of up to [`MAX_CYCLES`] cycles.
pub(super) fn check_cycles(read: &ReadDocument, faults: &mut Faults) {
    let mut edges: BTreeMap<(RoleName, RoleName), &Reference> = BTreeMap::new();
    for reference in &read.references {
        if let Target::Junior { senior, junior } = &reference.target {
            edges.insert((senior.clone(), junior.clone()), reference);
        }
    }
    for _ in 0..MAX_CYCLES {
        let mut rules = PolicyBuilder::default();
        for (senior, junior) in edges.keys() {
            rules.role(junior.clone());
            rules.inherit(senior.clone(), junior.clone());
        }
        let Err(PolicyError::Cycle(path)) = rules.build() else {
            return;
        };
        // removing the edge that closes this cycle makes the next round find another one
        let (Some(end), Some(start)) = (path.last(), path.iter().rev().nth(1)) else {
            return;
        };
        let Some(reference) = edges.remove(&(start.clone(), end.clone())) else {
            return;
        };
        let shown: Vec<&str> = path.iter().map(RoleName::as_str).collect();
        let message = format!("roles may not inherit each other: {}", shown.join(" -> "));
        faults.add(&reference.path(), "cycle", message);
    }
}
