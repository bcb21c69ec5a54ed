use super::*;
use crate::PolicyBuilder;
use proptest::prelude::*;

const ROLES: [&str; 6] = ["a", "b", "c", "d", "e", "rolecall.f"];
const TENANTS: [&str; 2] = ["acme", "other"];

fn role(number: usize) -> RoleName {
    ROLES[number].parse().unwrap()
}

fn set(numbers: &BTreeSet<usize>) -> BTreeSet<RoleName> {
    numbers.iter().copied().map(role).collect()
}

fn assignment(
    number: usize,
    tenant: Option<usize>,
    from: Option<i64>,
    end: Option<i64>,
) -> RoleAssignment {
    RoleAssignment {
        role: role(number),
        tenant: tenant.map(|tenant| TENANTS[tenant].parse().unwrap()),
        valid_from: from.map(Timestamp::from_seconds),
        expires_at: end.map(Timestamp::from_seconds),
        reason: None,
        assigned_by: "system".into(),
        assigned_at: Timestamp::from_seconds(0),
    }
}

fn policy(
    edges: &BTreeSet<(usize, usize)>,
    constraints: &[(ConstraintKind, &[usize], u32)],
) -> Policy {
    let mut rules = PolicyBuilder::default();
    for number in 0..ROLES.len() {
        rules.role(role(number));
    }
    for (senior, junior) in edges {
        rules.inherit(role(*senior), role(*junior));
    }
    for (at, (kind, roles, at_most)) in constraints.iter().enumerate() {
        let members = set(&roles.iter().copied().collect());
        let constraint = Constraint::new(*kind, members, *at_most).unwrap();
        rules.constraint(format!("c{at}").parse().unwrap(), constraint);
    }
    rules.build().unwrap()
}

#[test]
fn a_policy_refuses_invalid_constraints() {
    let known = policy(&BTreeSet::new(), &[(ConstraintKind::Static, &[0, 1], 1)]);
    let mut rules = PolicyBuilder::from(&known);
    rules.remove_role(&role(1));
    let refused = rules.clone().build().unwrap_err().to_string();
    assert_eq!(refused, "constraint `c0`: there is no role `b`");
    rules.remove_constraint(&"c0".parse().unwrap());
    let without = rules.build().unwrap();
    assert_eq!(without.constraints().count(), 0);
    assert_ne!(without, known);
    assert_eq!(known.constraint("c0").unwrap().at_most, 1);
    let mut rules = PolicyBuilder::from(&known);
    let all = Constraint {
        at_most: 2,
        ..known.constraint("c0").unwrap().clone()
    };
    rules.constraint("c0".parse().unwrap(), all);
    let refused = rules.build().unwrap_err().to_string();
    assert!(
        refused.contains("less than the number of roles, which is 2"),
        "{refused}"
    );
}

#[test]
fn a_breach_has_the_roles_the_tenant_and_the_path_to_an_inherited_role() {
    let edges = BTreeSet::from([(2, 3), (3, 0)]);
    let policy = policy(&edges, &[(ConstraintKind::Static, &[0, 1], 1)]);
    let now = Timestamp::from_seconds(0);
    let both = [
        assignment(2, None, None, None),
        assignment(1, Some(1), None, None),
    ];
    let breach = policy.static_breach(&both, now).unwrap();
    assert_eq!(breach.constraint.as_str(), "c0");
    assert_eq!(breach.roles, [role(0), role(1)]);
    assert_eq!(breach.path, [role(2), role(3), role(0)]);
    assert_eq!(breach.tenant.as_ref().unwrap().as_str(), "other");
    assert_eq!(
        breach.to_string(),
        "constraint `c0` allows at most 1 of a, b"
    );
    let direct = [
        assignment(0, None, None, None),
        assignment(1, None, None, None),
    ];
    let breach = policy.static_breach(&direct, now).unwrap();
    assert_eq!((breach.path, breach.tenant), (vec![], None));
}

#[test]
fn static_constraints_limit_assignments_and_dynamic_ones_active_roles() {
    let both = [
        assignment(0, None, None, None),
        assignment(1, None, None, None),
    ];
    let now = Timestamp::from_seconds(0);
    let dynamic = policy(&BTreeSet::new(), &[(ConstraintKind::Dynamic, &[0, 1], 1)]);
    assert_eq!(dynamic.static_breach(&both, now), None);
    assert!(dynamic.dynamic_breach(&set(&[0, 1, 2].into())).is_some());
    assert_eq!(dynamic.dynamic_breach(&set(&[0, 2].into())), None);
    let fixed = policy(&BTreeSet::new(), &[(ConstraintKind::Static, &[0, 1], 1)]);
    assert!(fixed.static_breach(&both, now).is_some());
    assert_eq!(fixed.dynamic_breach(&set(&[0, 1].into())), None);
}

/// Role, tenant, start and end of an assignment.
type Sketch = (usize, Option<usize>, Option<i64>, Option<i64>);

/// Returns whether `roles` are violated at any second in any tenant, by trying all of them.
fn is_violated(
    edges: &BTreeSet<(usize, usize)>,
    roles: &BTreeSet<usize>,
    at_most: u32,
    assignments: &[Sketch],
    now: i64,
) -> bool {
    fn reaches(edges: &BTreeSet<(usize, usize)>, from: usize, to: usize) -> bool {
        from == to
            || edges
                .iter()
                .any(|(a, b)| *a == from && reaches(edges, *b, to))
    }
    [None, Some(0), Some(1)].into_iter().any(|tenant| {
        (now..20).any(|moment| {
            let held = roles.iter().filter(|role| {
                assignments.iter().any(|(number, of, from, end)| {
                    let is_reserved = ROLES[**role].starts_with("rolecall.");
                    reaches(edges, *number, **role)
                        && (of.is_none() || (*of == tenant && !is_reserved))
                        && from.is_none_or(|from| from <= moment)
                        && end.is_none_or(|end| moment < end)
                })
            });
            held.count() > at_most as usize
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn static_breaches_agree_with_a_search_of_every_moment_and_tenant(
        edges in prop::collection::btree_set((0..6usize, 0..6usize), 0..5),
        roles in prop::collection::btree_set(0..6usize, 2..4),
        most in 1u32..3,
        assignments in prop::collection::vec(
            (0..6usize, prop::option::of(0..2usize), prop::option::of(0i64..12), prop::option::of(0i64..12)), 0..5),
        now in 0i64..12,
    ) {
        let edges: BTreeSet<_> = edges.into_iter().filter(|(a, b)| a < b).collect();
        let most = most.min(u32::try_from(roles.len()).unwrap() - 1);
        let members: Vec<usize> = roles.iter().copied().collect();
        let policy = policy(&edges, &[(ConstraintKind::Static, &members, most)]);
        let sketches = assignments;
        let assignments: Vec<RoleAssignment> =
            sketches.iter().map(|(role, tenant, from, end)| assignment(*role, *tenant, *from, *end)).collect();
        let breach = policy.static_breach(&assignments, Timestamp::from_seconds(now));
        prop_assert_eq!(breach.is_some(), is_violated(&edges, &roles, most, &sketches, now));
        if let Some(breach) = breach {
            prop_assert!(breach.roles.len() > most as usize);
            prop_assert!(breach.roles.iter().all(|role| set(&roles).contains(role)));
            for pair in breach.path.windows(2) {
                prop_assert!(policy.role(pair[0].as_str()).unwrap().juniors.contains(&pair[1]));
            }
        }
    }

    #[test]
    fn a_constraint_that_is_no_stricter_causes_no_new_breach(
        roles in prop::collection::btree_set(0..6usize, 2..5),
        others in prop::collection::btree_set(0..6usize, 2..5),
        most in (1u32..4, 1u32..4),
        active in prop::collection::btree_set(0..6usize, 0..6),
    ) {
        let constraint = |roles: &BTreeSet<usize>, most: u32| {
            let most = most.min(u32::try_from(roles.len()).unwrap() - 1);
            Constraint::new(ConstraintKind::Dynamic, set(roles), most).unwrap()
        };
        let (before, after) = (constraint(&roles, most.0), constraint(&others, most.1));
        let active = set(&active);
        let has = |role: &RoleName| active.contains(role);
        prop_assert!(before.is_no_stricter_than(&before));
        if after.is_no_stricter_than(&before) && before.excess_roles(has).is_none() {
            prop_assert_eq!(after.excess_roles(has), None);
        }
        let other = Constraint { kind: ConstraintKind::Static, ..before.clone() };
        prop_assert!(!other.is_no_stricter_than(&before));
    }

    #[test]
    fn a_dynamic_constraint_is_violated_by_more_than_at_most_of_its_roles(
        roles in prop::collection::btree_set(0..6usize, 2..5),
        most in 1u32..4,
        active in prop::collection::btree_set(0..6usize, 0..6),
    ) {
        let most = most.min(u32::try_from(roles.len()).unwrap() - 1);
        let members: Vec<usize> = roles.iter().copied().collect();
        let policy = policy(&BTreeSet::new(), &[(ConstraintKind::Dynamic, &members, most)]);
        let breach = policy.dynamic_breach(&set(&active));
        let count = roles.intersection(&active).count();
        prop_assert_eq!(breach.is_some(), count > most as usize);
    }
}
