use super::*;
use crate::{Constraint, Permission, RoleName};
use proptest::prelude::*;

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn policy(edges: &[(&str, &str)]) -> Result<Policy, PolicyError> {
    let mut builder = PolicyBuilder::default();
    for (senior, junior) in edges {
        builder
            .role(role(senior))
            .role(role(junior))
            .inherit(role(senior), role(junior));
    }
    builder.build()
}

#[test]
fn a_diamond_is_not_a_cycle() {
    let policy = policy(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]).unwrap();
    assert_eq!(policy.closure([&role("a")]).len(), 4);
    assert_eq!(policy.seniors(&role("d")).len(), 4);
    // of two paths of the same length, the one whose names come first
    let path = policy.path(&role("a"), &role("d"));
    assert_eq!(path, Some(vec![role("a"), role("b"), role("d")]));
    assert_eq!(policy.path(&role("d"), &role("a")), None);
}

#[test]
fn policies_that_differ_in_one_part_are_not_equal() {
    let build = |change: fn(&mut PolicyBuilder)| {
        let mut builder = PolicyBuilder::default();
        builder.role(role("a")).role(role("b"));
        change(&mut builder);
        builder.build().unwrap()
    };
    let plain = build(|_| {});
    assert_eq!(plain, build(|_| {}));
    let parts: [fn(&mut PolicyBuilder); 3] = [
        |builder| {
            builder.inherit(role("a"), role("b"));
        },
        |builder| {
            builder.permission("items:read".parse().unwrap());
        },
        |builder| {
            let roles = [role("a"), role("b")].into();
            let kind = crate::ConstraintKind::Static;
            let constraint = Constraint {
                per: crate::ConstraintScope::Session,
                kind,
                roles,
                at_most: 1,
            };
            builder.constraint("one".parse().unwrap(), constraint);
        },
    ];
    for part in parts {
        assert_ne!(plain, build(part));
    }
}

#[test]
fn the_error_for_a_cycle_names_every_role_in_it() {
    let error = policy(&[("a", "b"), ("b", "c"), ("c", "b")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "roles may not inherit each other: b -> c -> b"
    );
    let itself = policy(&[("a", "a")]).unwrap_err();
    assert_eq!(
        itself.to_string(),
        "roles may not inherit each other: a -> a"
    );
}

#[test]
fn cycle_with_returns_the_cycle_that_an_inheritance_would_create() {
    let policy = policy(&[("a", "b"), ("b", "c")]).unwrap();
    let names = |path: Vec<RoleName>| path.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        policy
            .cycle_with(&role("c"), &role("a"))
            .map(names)
            .unwrap(),
        ["c", "a", "b", "c"]
    );
    assert_eq!(
        policy
            .cycle_with(&role("a"), &role("a"))
            .map(names)
            .unwrap(),
        ["a", "a"]
    );
    assert_eq!(policy.cycle_with(&role("a"), &role("c")), None);
}

#[test]
fn errors_name_unknown_roles_and_permissions() {
    let mut builder = PolicyBuilder::default();
    builder.inherit(role("a"), role("ghost"));
    assert!(builder.build().unwrap_err().to_string().contains("`ghost`"));
    let mut builder = PolicyBuilder::default();
    builder.grant(role("a"), "items:read".parse().unwrap());
    assert!(
        builder
            .build()
            .unwrap_err()
            .to_string()
            .contains("`items:read`")
    );
    let mut builder = PolicyBuilder::default();
    builder.grant(role("a"), "items:*".parse().unwrap());
    assert!(
        builder
            .build()
            .unwrap_err()
            .to_string()
            .contains("`items:*`")
    );
}

#[test]
fn x054_a_wildcard_gives_each_operation_of_its_object_and_no_other() {
    let mut builder = PolicyBuilder::default();
    for permission in ["items:read", "items:write", "item:read", "items.x:read"] {
        builder.permission(permission.parse().unwrap());
    }
    builder.grant(role("a"), "items:*".parse().unwrap());
    let given = builder.build().unwrap().permissions_of([&role("a")]);
    assert_eq!(
        given.iter().map(Permission::as_str).collect::<Vec<_>>(),
        ["items:read", "items:write"]
    );
}

#[test]
fn x049_a_chain_of_ten_thousand_roles_is_walked_without_recursion() {
    let mut builder = PolicyBuilder::default();
    for n in 0..10_000 {
        builder
            .role(role(&format!("r{}", n + 1)))
            .inherit(role(&format!("r{n}")), role(&format!("r{}", n + 1)));
    }
    let policy = builder.build().unwrap();
    assert_eq!(policy.closure([&role("r0")]).len(), 10_001);
    assert_eq!(
        policy.path(&role("r0"), &role("r10000")).unwrap().len(),
        10_001
    );
}

proptest! {
    /// The model computes reachability with the Floyd-Warshall algorithm.
    #[test]
    fn closures_and_cycles_agree_with_floyd_warshall(edges in proptest::collection::btree_set((0usize..6, 0usize..6), 0..14)) {
        let names: Vec<String> = (0..6).map(|n| format!("r{n}")).collect();
        let mut reach = [[false; 6]; 6];
        for (a, b) in &edges { reach[*a][*b] = true; }
        for k in 0..6 { for a in 0..6 { for b in 0..6 { reach[a][b] |= reach[a][k] && reach[k][b]; } } }
        let mut builder = PolicyBuilder::default();
        for name in &names { builder.role(role(name)); }
        for (a, b) in &edges { builder.inherit(role(&names[*a]), role(&names[*b])); }
        let cyclic = (0..6).any(|n| reach[n][n]);
        match builder.build() {
            Err(PolicyError::Cycle(path)) => {
                prop_assert!(cyclic);
                prop_assert_eq!(path.first(), path.last());
                for pair in path.windows(2) {
                    let index = |r: &RoleName| names.iter().position(|n| n == r.as_str()).unwrap();
                    prop_assert!(edges.contains(&(index(&pair[0]), index(&pair[1]))));
                }
            }
            Err(other) => prop_assert!(false, "{}", other),
            Ok(policy) => {
                prop_assert!(!cyclic);
                for a in 0..6 {
                    let closure = policy.closure([&role(&names[a])]);
                    for b in 0..6 {
                        let inherits = a == b || reach[a][b];
                        prop_assert_eq!(closure.contains(names[b].as_str()), inherits);
                        prop_assert_eq!(policy.seniors(&role(&names[b])).contains(names[a].as_str()), inherits);
                        prop_assert_eq!(policy.path(&role(&names[a]), &role(&names[b])).is_some(), inherits);
                        prop_assert_eq!(policy.cycle_with(&role(&names[b]), &role(&names[a])).is_some(), inherits);
                    }
                }
            }
        }
    }
}
