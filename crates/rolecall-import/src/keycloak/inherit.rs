//! The document: a composite inherits its parts, and a group its roles and its parent group.

use std::collections::HashMap;

use rolecall_core::{
    RoleName,
    document::{Document, MAX_DESCRIPTION, RoleEntry},
    is_unprintable,
};

use super::{
    notes::Notes,
    roles::{Declared, Found, Mapping, PlacedGroup, RoleKey, Roles},
};
use crate::{
    graph::{self, Cut, Edge},
    source::quoted,
};

/// An inheritance of one role from another, and its path.
struct Inherits {
    senior: RoleName,
    junior: RoleName,
    path: String,
}

/// Returns all roles with their juniors. An inheritance that closes a cycle is reported and left out.
pub(super) fn document<'r>(
    declared: &[Declared<'r>],
    groups: &[PlacedGroup<'r>],
    roles: &mut Roles<'r>,
    notes: &mut Notes,
) -> Document {
    let mut document = Document::default();
    let mut edges = Vec::new();
    for Declared { key, role, path } in declared {
        // built-in roles and those without a valid name were reported already
        if roles.is_builtin(key) {
            continue;
        }
        let Found::Role(senior) = roles.find(key.clone(), path) else {
            continue;
        };
        document
            .roles
            .insert(senior.clone(), entry(role.description.as_deref()));
        if let Some(composites) = &role.composites {
            let mapping = Mapping {
                realm: &composites.realm,
                clients: &composites.client,
                members: ["realm", "client"],
            };
            let found = roles.find_all(&format!("{path}.composites"), &mapping, notes);
            add(&mut edges, &senior, found);
        }
    }
    for PlacedGroup {
        group,
        name,
        parent,
        path,
    } in groups
    {
        let Found::Role(senior) = roles.find(RoleKey::Group(name.clone()), path) else {
            continue;
        };
        document.roles.insert(senior.clone(), entry(None));
        let mapping = Mapping {
            realm: &group.realm_roles,
            clients: &group.client_roles,
            members: ["realmRoles", "clientRoles"],
        };
        let mut found = roles.find_all(path, &mapping, notes);
        if let Some(parent) = parent {
            match roles.find(RoleKey::Group(parent.clone()), path) {
                Found::Role(junior) => found.push((junior, path.clone())),
                Found::Builtin => {}
                Found::Nothing(reason) => {
                    notes.unmapped(path, format!("its parent group: {reason}"));
                }
            }
        }
        add(&mut edges, &senior, found);
    }
    inherit(&mut document, edges, notes);
    document
}

fn add(edges: &mut Vec<Inherits>, senior: &RoleName, found: Vec<(RoleName, String)>) {
    edges.extend(found.into_iter().map(|(junior, path)| Inherits {
        senior: senior.clone(),
        junior,
        path,
    }));
}

/// Returns a role with its description, unless that is the key of a text of Keycloak or has control or format characters.
fn entry(description: Option<&str>) -> RoleEntry {
    let description = description.unwrap_or_default();
    let fits = !description.starts_with("${") && !description.contains(is_unprintable);
    let description = description.chars().take(MAX_DESCRIPTION).collect();
    RoleEntry {
        description: if fits { description } else { String::new() },
        ..RoleEntry::default()
    }
}

fn inherit(document: &mut Document, edges: Vec<Inherits>, notes: &mut Notes) {
    let alone: Vec<Edge<'_>> = edges
        .iter()
        .map(|edge| Edge {
            from: edge.senior.as_str(),
            to: edge.junior.as_str(),
        })
        .collect();
    let cuts: HashMap<usize, Cut> = graph::cuts(&alone, None);
    for (
        number,
        Inherits {
            senior,
            junior,
            path,
        },
    ) in edges.into_iter().enumerate()
    {
        if let Some(Cut::Cycle(way)) = cuts.get(&number) {
            let way: Vec<String> = way.iter().map(|name| quoted(name)).collect();
            notes.unmapped(&path, format!("it closes a cycle: {}", way.join(" -> ")));
            continue;
        }
        document
            .roles
            .entry(senior)
            .or_default()
            .juniors
            .insert(junior);
    }
}
