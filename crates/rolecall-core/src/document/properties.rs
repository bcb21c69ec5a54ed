use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{Acr, Constraint, ConstraintKind, Permission, RoleName, Timestamp};
use proptest::{prelude::*, sample::Index};

fn names(prefix: &'static str) -> impl Strategy<Value = String> {
    (0usize..6, prop::bool::ANY).prop_map(move |(number, dotted)| {
        format!("{prefix}{}{number}", if dotted { "." } else { "" })
    })
}

/// A role: description, grants (true for the wildcard of the permission's object), juniors, approval, by name, and acr.
/// Indices stand for permissions and roles that are generated beside it.
type RoleSketch = (String, Vec<(Index, bool)>, Vec<Index>, bool, bool, Acr);
/// A test: role, user (instead of the role), time, assurance and expected permissions.
type TestSketch = (Index, Option<String>, Option<i64>, Option<Acr>, Vec<Index>);

fn sketches() -> impl Strategy<Value = (BTreeMap<String, RoleSketch>, Vec<TestSketch>)> {
    let index = any::<Index>;
    let held = prop::collection::vec((index(), any::<bool>()), 0..4);
    let juniors = prop::collection::vec(index(), 0..3);
    let flag = any::<bool>;
    let acr = prop::sample::select(&Acr::ALL);
    let role = ("[ -~]{0,12}", held, juniors, flag(), flag(), acr);
    let user = prop::option::of("[ -~]{1,8}");
    let at = prop::option::of(0i64..4_000_000_000);
    let acr = prop::option::of(prop::sample::select(&Acr::ALL));
    let test = (index(), user, at, acr, prop::collection::vec(index(), 0..3));
    let roles = prop::collection::btree_map(names("r"), role, 0..7);
    (roles, prop::collection::vec(test, 0..4))
}

/// Valid documents; roles inherit only roles with higher names, so there are no cycles.
fn documents() -> impl Strategy<Value = Document> {
    let permission = (names("o"), 0usize..3);
    let permission = permission.prop_map(|(object, operation)| format!("{object}:p{operation}"));
    let permissions = prop::collection::btree_map(permission, "[ -~äöü\"\\\\]{0,20}", 0..8);
    let constraint = (names("c"), any::<Index>(), 2usize..4, any::<bool>());
    let constraints = prop::collection::vec(constraint, 0..3);
    (permissions, constraints, sketches()).prop_map(|(permissions, constraints, (roles, tests))| {
        let permissions = permissions.into_iter();
        let mut document = Document {
            permissions: permissions
                .map(|(name, text)| (name.parse().unwrap(), text))
                .collect(),
            ..Document::default()
        };
        let names: Vec<RoleName> = roles.keys().map(|name| name.parse().unwrap()).collect();
        for (at, sketch) in roles.into_values().enumerate() {
            let entry = role_of(&document, sketch, &names[at + 1..]);
            document.roles.insert(names[at].clone(), entry);
        }
        for (name, index, size, is_static) in constraints {
            let start = index.index(names.len().max(1));
            let roles: BTreeSet<RoleName> = names.iter().skip(start).take(size).cloned().collect();
            let kind = if is_static {
                ConstraintKind::Static
            } else {
                ConstraintKind::Dynamic
            };
            if let Ok(constraint) = Constraint::new(kind, roles, 1) {
                document
                    .constraints
                    .insert(name.parse().unwrap(), constraint);
            }
        }
        let tests = tests
            .into_iter()
            .filter_map(|sketch| test_of(&document, sketch, &names));
        document.tests = tests.collect();
        document
    })
}

fn role_of(document: &Document, sketch: RoleSketch, below: &[RoleName]) -> RoleEntry {
    let known: Vec<&Permission> = document.permissions.keys().collect();
    let (description, held, juniors, approval, by_name, acr) = sketch;
    let mut entry = RoleEntry {
        description,
        approval,
        by_name,
        acr,
        ..RoleEntry::default()
    };
    for (index, wild) in held.into_iter().filter(|_| !known.is_empty()) {
        let permission = *index.get(&known);
        let wildcard = format!("{}:*", permission.object());
        let text = if wild {
            wildcard
        } else {
            permission.to_string()
        };
        entry.permissions.insert(text.parse().unwrap());
    }
    let juniors = juniors.iter().filter(|_| !below.is_empty());
    entry.juniors = juniors.map(|index| index.get(below).clone()).collect();
    entry
}

fn test_of(document: &Document, sketch: TestSketch, names: &[RoleName]) -> Option<Expectation> {
    let known: Vec<&Permission> = document.permissions.keys().collect();
    let (index, user, at, acr, can) = sketch;
    let subject = match user {
        Some(user) => TestSubject::User(user),
        None if names.is_empty() => return None,
        None => TestSubject::Role(index.get(names).clone()),
    };
    let can = can.iter().filter(|_| !known.is_empty());
    let can: BTreeSet<Permission> = can.map(|index| (*index.get(&known)).clone()).collect();
    let at = at.filter(|_| matches!(subject, TestSubject::User(_)));
    Some(Expectation {
        subject,
        tenant: None,
        at: at.map(Timestamp::from_seconds),
        acr,
        can: can.into_iter().collect(),
        cannot: Vec::new(),
    })
}

/// Applies one change to a document, and asserts that it can be applied at this point.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of change")]
fn apply(document: &mut Document, change: &PolicyChange) {
    match change {
        PolicyChange::PermissionCreated {
            permission,
            description,
        } => {
            assert!(
                document
                    .permissions
                    .insert(permission.clone(), description.clone())
                    .is_none()
            );
        }
        PolicyChange::PermissionDescribed {
            permission,
            description,
        } => {
            assert!(
                document
                    .permissions
                    .insert(permission.clone(), description.clone())
                    .is_some()
            );
        }
        PolicyChange::PermissionDeleted { permission } => {
            assert!(document.permissions.remove(permission).is_some());
        }
        PolicyChange::RoleCreated { role, description } => {
            let entry = RoleEntry {
                description: description.clone(),
                ..RoleEntry::default()
            };
            assert!(document.roles.insert(role.clone(), entry).is_none());
        }
        PolicyChange::RoleDescribed { role, description } => {
            document
                .roles
                .get_mut(role)
                .unwrap()
                .description
                .clone_from(description);
        }
        PolicyChange::RoleApproval { role, approval } => {
            let entry = document.roles.get_mut(role).unwrap();
            assert_ne!(std::mem::replace(&mut entry.approval, *approval), *approval);
        }
        PolicyChange::RoleByName { role, by_name } => {
            let entry = document.roles.get_mut(role).unwrap();
            assert_ne!(std::mem::replace(&mut entry.by_name, *by_name), *by_name);
        }
        PolicyChange::RoleAcr { role, acr } => {
            let entry = document.roles.get_mut(role).unwrap();
            assert_ne!(std::mem::replace(&mut entry.acr, *acr), *acr);
        }
        PolicyChange::RoleDeleted { role } => {
            assert!(document.roles.remove(role).is_some());
            for entry in document.roles.values() {
                assert!(
                    !entry.juniors.contains(role),
                    "it must first be removed from its seniors"
                );
            }
        }
        PolicyChange::PermissionGranted { role, permission } => {
            assert!(
                document
                    .roles
                    .get_mut(role)
                    .unwrap()
                    .permissions
                    .insert(permission.clone())
            );
        }
        PolicyChange::PermissionRevoked { role, permission } => {
            assert!(
                document
                    .roles
                    .get_mut(role)
                    .unwrap()
                    .permissions
                    .remove(permission)
            );
        }
        PolicyChange::JuniorAdded { role, junior } => {
            assert!(document.roles.contains_key(junior));
            assert!(
                document
                    .roles
                    .get_mut(role)
                    .unwrap()
                    .juniors
                    .insert(junior.clone())
            );
        }
        PolicyChange::JuniorRemoved { role, junior } => {
            assert!(document.roles.get_mut(role).unwrap().juniors.remove(junior));
        }
        PolicyChange::ConstraintCreated { constraint, rule } => {
            let constraints = &mut document.constraints;
            assert!(
                constraints
                    .insert(constraint.clone(), rule.clone())
                    .is_none()
            );
        }
        PolicyChange::ConstraintReplaced { constraint, rule } => {
            let constraints = &mut document.constraints;
            assert!(
                constraints
                    .insert(constraint.clone(), rule.clone())
                    .is_some()
            );
        }
        PolicyChange::ConstraintDeleted { constraint } => {
            assert!(document.constraints.remove(constraint).is_some());
        }
    }
}

proptest! {
    #[test]
    fn a_written_document_is_parsed_to_the_same_document(document in documents()) {
        let text = document.to_toml();
        let read = Document::parse(&text).map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?;
        prop_assert_eq!(&read.document, &document);
        prop_assert_eq!(read.document.to_toml(), text);
        let json = serde_json::to_string(&document).unwrap();
        let unchecked: UncheckedDocument = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(Document::check(&unchecked).unwrap().document, document);
    }

    #[test]
    fn applying_a_diff_gives_the_new_document_with_a_valid_policy_at_every_step(old in documents(), new in documents()) {
        prop_assert_eq!(diff(&old, &old), []);
        let mut document = old.clone();
        let changes = diff(&old, &new);
        for change in &changes {
            apply(&mut document, change);
            prop_assert!(document.policy().is_ok(), "the policy is not valid after {}", change);
        }
        document.tests.clone_from(&new.tests);
        prop_assert_eq!(&document, &new);
        // the effects are those found by comparing every role
        let (before, after) = (old.policy().unwrap(), new.policy().unwrap());
        let mut all: BTreeSet<RoleName> = old.roles.keys().chain(new.roles.keys()).cloned().collect();
        all.extend(before.roles().map(|(role, _)| role.clone()));
        let expected: Vec<_> = all.into_iter()
            .map(|role| (role.clone(), RoleEffect::between(&before, &after, [&role])))
            .filter(|(_, effect)| !effect.is_empty())
            .collect();
        prop_assert_eq!(role_effects(&before, &after, &changes), expected);
    }

    #[test]
    fn no_text_makes_parsing_panic(text in "[\\[\\]\"=.a-z{}\n 0-9:*]{0,200}") {
        let _ = Document::parse(&text);
    }
}
