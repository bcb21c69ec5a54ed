//! What can be seen only with the whole document in hand: names that do not exist, and cycles.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    error::Faults,
    read::{Mention, Mentioned, Read, is_given},
};
use crate::{Permission, PermissionPattern, PolicyBuilder, PolicyError, RoleName, builtin};

/// More cycles than this are not told: each takes a walk through all roles.
const MAX_CYCLES: usize = 20;

/// Every name that is mentioned must exist.
pub(super) fn names(read: &Read, faults: &mut Faults) {
    let own: BTreeSet<&str> = builtin::PERMISSIONS.iter().map(|(name, _)| *name).collect();
    let objects: BTreeSet<&str> = read
        .document
        .permissions
        .keys()
        .map(Permission::object)
        .chain(own.iter().filter_map(|name| Some(name.split_once(':')?.0)))
        .collect();
    let is_permission = |name: &str| {
        read.document.permissions.contains_key(name)
            || own.contains(name)
            || read.faulty.contains(name)
    };
    for mention in &read.mentions {
        let message = match &mention.what {
            Mentioned::Role(role) | Mentioned::Junior(_, role) => {
                let known = read.document.roles.contains_key(role)
                    || is_given(role)
                    || read.faulty.contains(role.as_str());
                (!known).then(|| unknown("role", role, &format!("[roles.{role}]")))
            }
            Mentioned::Permission(permission) => (!is_permission(permission.as_str()))
                .then(|| unknown("permission", permission, "[permissions]")),
            Mentioned::Pattern(pattern) => fault_of(pattern, &is_permission, &objects),
        };
        if let Some(message) = message {
            faults.add(&mention.path(), "unknown", message);
        }
    }
}

fn fault_of(
    pattern: &PermissionPattern,
    is_permission: &dyn Fn(&str) -> bool,
    objects: &BTreeSet<&str>,
) -> Option<String> {
    match pattern.wildcard_object() {
        Some(object) => (!objects.contains(object)).then(|| {
            format!(
                "`{pattern}` covers nothing: there is no permission that begins with `{object}:`"
            )
        }),
        None => (!is_permission(pattern.as_str()))
            .then(|| unknown("permission", pattern, "[permissions]")),
    }
}

fn unknown(kind: &str, name: &dyn std::fmt::Display, home: &str) -> String {
    format!("there is no {kind} `{name}`: nothing of that name stands under {home}")
}

/// Roles may not inherit each other.
pub(super) fn cycles(read: &Read, faults: &mut Faults) {
    let mut edges: BTreeMap<(RoleName, RoleName), &Mention> = BTreeMap::new();
    for mention in &read.mentions {
        if let Mentioned::Junior(senior, junior) = &mention.what {
            edges.insert((senior.clone(), junior.clone()), mention);
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
        // without one of its edges the cycle is none: the others are looked for without it
        let (Some(end), Some(start)) = (path.last(), path.iter().rev().nth(1)) else {
            return;
        };
        let Some(place) = edges.remove(&(start.clone(), end.clone())) else {
            return;
        };
        let shown: Vec<&str> = path.iter().map(RoleName::as_str).collect();
        let message = format!("roles may not inherit each other: {}", shown.join(" -> "));
        faults.add(&place.path(), "cycle", message);
    }
}
