use std::collections::BTreeSet;

use super::*;
use crate::{AssignmentStatus, PolicyBuilder};
use proptest::prelude::*;

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn policy(edges: &[(&str, &str)], need_approval: &[&str]) -> Policy {
    let mut rules = PolicyBuilder::default();
    for name in ["a", "b", "c", "d", "rolecall.x"] {
        rules.role(role(name));
    }
    for (senior, junior) in edges {
        rules.inherit(role(senior), role(junior));
    }
    for name in need_approval {
        rules.approval(role(name), true);
    }
    rules.build().unwrap()
}

fn assignment(
    name: &str,
    tenant: Option<&str>,
    from: Option<i64>,
    end: Option<i64>,
) -> RoleAssignment {
    RoleAssignment {
        role: role(name),
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        valid_from: from.map(Timestamp::from_seconds),
        expires_at: end.map(Timestamp::from_seconds),
        reason: None,
        assigned_by: "system".into(),
        assigned_at: Timestamp::from_seconds(0),
    }
}

const NOW: Timestamp = Timestamp::from_seconds(100);

#[test]
fn a_role_needs_approval_if_it_inherits_one_that_does() {
    let policy = policy(&[("a", "b"), ("b", "c")], &["c"]);
    let path = policy.approval_path(&role("a")).unwrap();
    assert_eq!(path, [role("a"), role("b"), role("c")]);
    assert_eq!(policy.approval_path(&role("c")).unwrap(), [role("c")]);
    assert_eq!(policy.approval_path(&role("d")), None);
    assert_eq!(policy.approval_path(&role("ghost")), None);
}

#[test]
fn unapproved_gains_are_found_in_every_tenant_and_at_every_time() {
    let before = policy(&[], &["c"]);
    let after = policy(&[("a", "b"), ("b", "c")], &["c"]);
    let found = |assignments: &[RoleAssignment]| after.unapproved_gain(&before, assignments, NOW);
    let one = found(&[assignment("a", None, None, None)]).unwrap();
    assert_eq!(one.path, [role("a"), role("b"), role("c")]);
    assert_eq!((one.role, one.tenant), (role("c"), None));
    assert!(found(&[assignment("d", None, None, None)]).is_none());
    let there = found(&[assignment("b", Some("acme"), None, None)]).unwrap();
    assert_eq!(there.tenant, Some("acme".parse().unwrap()));
    // a role that the subject has anyway is not gained: everywhere if global, otherwise in its tenant
    let held = |tenant| assignment("c", tenant, None, None);
    assert!(found(&[assignment("a", Some("acme"), None, None), held(None)]).is_none());
    assert!(
        found(&[
            assignment("a", Some("acme"), None, None),
            held(Some("acme"))
        ])
        .is_none()
    );
    assert!(
        found(&[
            assignment("a", Some("acme"), None, None),
            held(Some("umbra"))
        ])
        .is_some()
    );
    assert!(found(&[assignment("a", None, None, None), held(Some("acme"))]).is_some());
    // expired, or beginning later
    assert!(found(&[assignment("a", None, None, Some(100))]).is_none());
    assert!(found(&[assignment("a", None, Some(500), Some(600))]).is_some());
    let both = |from, end| {
        found(&[
            assignment("a", None, None, None),
            assignment("c", None, from, end),
        ])
    };
    assert!(both(None, Some(300)).is_some(), "from 300 on");
    assert!(both(Some(300), None).is_some(), "until 300");
}

#[test]
fn a_reserved_role_is_not_gained_within_a_tenant() {
    let before = policy(&[], &["rolecall.x"]);
    let after = policy(&[("a", "rolecall.x")], &["rolecall.x"]);
    let found =
        |tenant| after.unapproved_gain(&before, &[assignment("a", tenant, None, None)], NOW);
    assert!(found(Some("acme")).is_none());
    assert!(found(None).is_some());
}

#[test]
fn a_role_that_newly_needs_approval_is_not_a_gain_for_its_holders() {
    let before = policy(&[("a", "c")], &[]);
    let after = policy(&[("a", "c")], &["a", "c"]);
    let assignments = [assignment("a", None, None, None)];
    assert!(after.unapproved_gain(&before, &assignments, NOW).is_none());
}

/// Role, tenant (`t` or `u`), start and end of an assignment.
type Sketch = (usize, Option<bool>, Option<i64>, Option<i64>);

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let time = || prop::option::of(0i64..6);
    prop::collection::vec(
        (0usize..4, prop::option::of(any::<bool>()), time(), time()),
        0..4,
    )
}

proptest! {
    /// The model tries every second in every tenant.
    #[test]
    fn unapproved_gains_agree_with_a_search_of_every_moment_and_tenant(
        old in prop::collection::btree_set((0usize..4, 0usize..4), 0..4),
        new in prop::collection::btree_set((0usize..4, 0usize..4), 0..4),
        need_approval in prop::collection::btree_set(0usize..4, 0..3),
        sketches in sketches(),
    ) {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let edges = |set: &BTreeSet<(usize, usize)>| -> Vec<(&str, &str)> {
            set.iter().filter(|(x, y)| x < y).map(|(x, y)| (NAMES[*x], NAMES[*y])).collect()
        };
        let need_approval: Vec<&str> = need_approval.iter().map(|index| NAMES[*index]).collect();
        let (before, after) = (policy(&edges(&old), &need_approval), policy(&edges(&new), &need_approval));
        let assignments: Vec<RoleAssignment> = sketches.iter().map(|(index, tenant, from, end)| {
            assignment(NAMES[*index], tenant.map(|first| if first { "t" } else { "u" }), *from, *end)
        }).collect();
        let now = Timestamp::from_seconds(2);
        let mut gains = BTreeSet::new();
        for second in 2..8 {
            for tenant in [None, Some("t"), Some("u")] {
                let tenant: Option<TenantName> = tenant.map(|name| name.parse().unwrap());
                let at = Timestamp::from_seconds(second);
                let in_force = |one: &&RoleAssignment| one.status(tenant.as_ref(), at) == AssignmentStatus::InForce;
                let roles: Vec<&RoleName> = assignments.iter().filter(in_force).map(|one| &one.role).collect();
                let had = before.closure(roles.iter().copied());
                for name in after.closure(roles).difference(&had) {
                    if need_approval.contains(&name.as_str()) {
                        gains.insert((name.clone(), tenant.clone()));
                    }
                }
            }
        }
        match after.unapproved_gain(&before, &assignments, now) {
            None => prop_assert!(gains.is_empty(), "{gains:?} would be gained"),
            Some(found) => {
                prop_assert_eq!(found.path.last(), Some(&found.role));
                prop_assert!(assignments.iter().any(|one| Some(&one.role) == found.path.first()));
                prop_assert!(gains.contains(&(found.role, found.tenant)));
            }
        }
    }
}
