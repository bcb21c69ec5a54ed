//! The document: a composite inherits what it is made of, a group its roles and the group that it is in.

use std::collections::HashMap;

use rolecall_core::{
    RoleName,
    document::{Document, MAX_DESCRIPTION, RoleEntry},
};

use super::{
    Notes,
    roles::{Declared, Found, Mapped, Placed, Roles, Who},
};
use crate::policy::import::{
    graph::{self, Cut, Edge},
    quoted,
};

/// That one role inherits another, and where that stands.
struct Inherits {
    senior: RoleName,
    junior: RoleName,
    path: String,
}

/// All roles, with whom they inherit; what would close a cycle is told.
pub(super) fn document<'r>(
    declared: &[Declared<'r>],
    placed: &[Placed<'r>],
    roles: &mut Roles<'r>,
    notes: &mut Notes,
) -> Document {
    let mut document = Document::default();
    let mut edges = Vec::new();
    for Declared { who, role, path } in declared {
        // a role that is Keycloak's own, or has no name, was told of
        if roles.is_builtin(who) {
            continue;
        }
        let Found::Role(senior) = roles.find(who.clone(), path) else {
            continue;
        };
        document
            .roles
            .insert(senior.clone(), entry(role.description.as_deref()));
        if let Some(composites) = &role.composites {
            let mapped = Mapped {
                realm: &composites.realm,
                clients: &composites.client,
                members: ["realm", "client"],
            };
            let found = roles.find_all(&format!("{path}.composites"), &mapped, notes);
            add(&mut edges, &senior, found);
        }
    }
    for Placed {
        group,
        name,
        parent,
        path,
    } in placed
    {
        let Found::Role(senior) = roles.find(Who::Group(name.clone()), path) else {
            continue;
        };
        document.roles.insert(senior.clone(), entry(None));
        let mapped = Mapped {
            realm: &group.realm_roles,
            clients: &group.client_roles,
            members: ["realmRoles", "clientRoles"],
        };
        let mut found = roles.find_all(path, &mapped, notes);
        if let Some(parent) = parent {
            match roles.find(Who::Group(parent.clone()), path) {
                Found::Role(junior) => found.push((junior, path.clone())),
                Found::Builtin => {}
                Found::Nothing(why) => {
                    notes.unmapped(path, format!("the group that it is in: {why}"));
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

/// With the description, unless it is one of Keycloak's own texts by name, or cannot stand here.
fn entry(description: Option<&str>) -> RoleEntry {
    let description = description.unwrap_or_default();
    let fits = !description.starts_with("${") && !description.chars().any(char::is_control);
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
