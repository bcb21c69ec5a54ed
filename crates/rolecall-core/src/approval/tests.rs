use std::collections::BTreeSet;

use super::*;
use crate::PolicyBuilder;
use crate::Standing;
use proptest::prelude::*;

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn policy(edges: &[(&str, &str)], approved: &[&str]) -> Policy {
    let mut rules = PolicyBuilder::default();
    for name in ["a", "b", "c", "d", "rolecall.x"] {
        rules.role(role(name));
    }
    for (senior, junior) in edges {
        rules.inherit(role(senior), role(junior));
    }
    for name in approved {
        rules.approval(role(name), true);
    }
    rules.build().unwrap()
}

fn given(name: &str, tenant: Option<&str>, from: Option<i64>, end: Option<i64>) -> RoleAssignment {
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
fn a_role_needs_a_second_person_for_whatever_it_inherits_and_the_way_is_named() {
    let policy = policy(&[("a", "b"), ("b", "c")], &["c"]);
    let path = policy.needs_approval(&role("a")).unwrap();
    assert_eq!(path, [role("a"), role("b"), role("c")]);
    assert_eq!(policy.needs_approval(&role("c")).unwrap(), [role("c")]);
    assert_eq!(policy.needs_approval(&role("d")), None);
    assert_eq!(policy.needs_approval(&role("ghost")), None);
}

#[test]
fn who_would_come_to_hold_a_role_without_a_second_person_is_found_in_each_tenant_and_at_each_time()
{
    let before = policy(&[], &["c"]);
    let after = policy(&[("a", "b"), ("b", "c")], &["c"]);
    let found = |assignments: &[RoleAssignment]| after.unapproved(&before, assignments, NOW);
    let one = found(&[given("a", None, None, None)]).unwrap();
    assert_eq!(one.path, [role("a"), role("b"), role("c")]);
    assert_eq!((one.role, one.tenant), (role("c"), None));
    assert!(found(&[given("d", None, None, None)]).is_none());
    let there = found(&[given("b", Some("acme"), None, None)]).unwrap();
    assert_eq!(there.tenant, Some("acme".parse().unwrap()));
    // what is held anyway is not gained: everywhere by a global one, and in its tenant by one of a tenant
    let held = |tenant| given("c", tenant, None, None);
    assert!(found(&[given("a", Some("acme"), None, None), held(None)]).is_none());
    assert!(found(&[given("a", Some("acme"), None, None), held(Some("acme"))]).is_none());
    assert!(found(&[given("a", Some("acme"), None, None), held(Some("umbra"))]).is_some());
    assert!(found(&[given("a", None, None, None), held(Some("acme"))]).is_some());
    // over, or only yet to begin
    assert!(found(&[given("a", None, None, Some(100))]).is_none());
    assert!(found(&[given("a", None, Some(500), Some(600))]).is_some());
    let both = |from, end| found(&[given("a", None, None, None), given("c", None, from, end)]);
    assert!(both(None, Some(300)).is_some(), "from 300 on");
    assert!(both(Some(300), None).is_some(), "until 300");
}

#[test]
fn what_does_not_count_in_a_tenant_is_not_gained_there() {
    let before = policy(&[], &["rolecall.x"]);
    let after = policy(&[("a", "rolecall.x")], &["rolecall.x"]);
    let found = |tenant| after.unapproved(&before, &[given("a", tenant, None, None)], NOW);
    assert!(found(Some("acme")).is_none());
    assert!(found(None).is_some());
}

#[test]
fn what_is_marked_now_is_nobody_s_gain() {
    let before = policy(&[("a", "c")], &[]);
    let after = policy(&[("a", "c")], &["a", "c"]);
    let assignments = [given("a", None, None, None)];
    assert!(after.unapproved(&before, &assignments, NOW).is_none());
}

type Given = (usize, Option<bool>, Option<i64>, Option<i64>);

fn assignments() -> impl Strategy<Value = Vec<Given>> {
    let time = || prop::option::of(0i64..6);
    prop::collection::vec(
        (0usize..4, prop::option::of(any::<bool>()), time(), time()),
        0..4,
    )
}

proptest! {
    /// The model: every second and every tenant, one after the other.
    #[test]
    fn whoever_gains_is_found_whenever_and_wherever(
        old in prop::collection::btree_set((0usize..4, 0usize..4), 0..4),
        new in prop::collection::btree_set((0usize..4, 0usize..4), 0..4),
        approved in prop::collection::btree_set(0usize..4, 0..3),
        given_ in assignments(),
    ) {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let edges = |set: &BTreeSet<(usize, usize)>| -> Vec<(&str, &str)> {
            set.iter().filter(|(x, y)| x < y).map(|(x, y)| (NAMES[*x], NAMES[*y])).collect()
        };
        let approved: Vec<&str> = approved.iter().map(|at| NAMES[*at]).collect();
        let (before, after) = (policy(&edges(&old), &approved), policy(&edges(&new), &approved));
        let assignments: Vec<RoleAssignment> = given_.iter().map(|(at, tenant, from, end)| {
            given(NAMES[*at], tenant.map(|first| if first { "t" } else { "u" }), *from, *end)
        }).collect();
        let now = Timestamp::from_seconds(2);
        let mut gains = BTreeSet::new();
        for second in 2..8 {
            for tenant in [None, Some("t"), Some("u")] {
                let tenant: Option<TenantName> = tenant.map(|name| name.parse().unwrap());
                let at = Timestamp::from_seconds(second);
                let counts = |one: &&RoleAssignment| one.standing(tenant.as_ref(), at) == Standing::InForce;
                let roles: Vec<&RoleName> = assignments.iter().filter(counts).map(|one| &one.role).collect();
                let had = before.closure(roles.iter().copied());
                for name in after.closure(roles).difference(&had) {
                    if approved.contains(&name.as_str()) {
                        gains.insert((name.clone(), tenant.clone()));
                    }
                }
            }
        }
        match after.unapproved(&before, &assignments, now) {
            None => prop_assert!(gains.is_empty(), "{gains:?} would be gained"),
            Some(found) => {
                prop_assert_eq!(found.path.last(), Some(&found.role));
                prop_assert!(assignments.iter().any(|one| Some(&one.role) == found.path.first()));
                prop_assert!(gains.contains(&(found.role, found.tenant)));
            }
        }
    }
}
