use std::collections::BTreeSet;

use super::*;
use crate::PolicyBuilder;
use proptest::prelude::*;

const ROLES: [&str; 5] = ["r0", "r1", "r2", "r3", "rolecall.r4"];
const PERMISSIONS: [&str; 5] = [
    "a:x",
    "a:y",
    "b:x",
    "rolecall.users:read",
    "rolecall.assignments:write",
];
const TENANTS: [&str; 2] = ["acme", "other"];

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A policy as plain sets of numbers, with a naive evaluation. Edges go from lower to higher role numbers.
#[derive(Clone, Debug)]
struct Model {
    /// Role and permission.
    grants: BTreeSet<(usize, usize)>,
    /// Roles that hold `a:*`.
    wildcards: BTreeSet<usize>,
    /// Senior and junior.
    edges: BTreeSet<(usize, usize)>,
    assignments: Vec<RoleAssignment>,
}

impl Model {
    fn policy(&self) -> Policy {
        let mut rules = PolicyBuilder::default();
        for permission in PERMISSIONS {
            rules.permission(name(permission));
        }
        for role in ROLES {
            rules.role(name(role));
        }
        for (role, permission) in &self.grants {
            rules.grant(name(ROLES[*role]), name(PERMISSIONS[*permission]));
        }
        for role in &self.wildcards {
            rules.grant(name(ROLES[*role]), name("a:*"));
        }
        for (senior, junior) in &self.edges {
            rules.inherit(name(ROLES[*senior]), name(ROLES[*junior]));
        }
        rules.build().unwrap()
    }

    fn holds(&self, role: usize, permission: usize) -> bool {
        self.grants.contains(&(role, permission))
            || (self.wildcards.contains(&role) && PERMISSIONS[permission].starts_with("a:"))
            || self
                .edges
                .iter()
                .any(|(senior, junior)| *senior == role && self.holds(*junior, permission))
    }

    fn allows(&self, permission: usize, tenant: Option<&str>, at: i64) -> bool {
        self.assignments.iter().any(|assignment| {
            let role = ROLES
                .iter()
                .position(|role| *role == assignment.role.as_str());
            let of_tenant = assignment.tenant.as_ref().map(TenantName::as_str);
            let text = PERMISSIONS[permission];
            let is_global_only =
                text.starts_with("rolecall.") && !text.starts_with("rolecall.assignments:");
            self.holds(role.unwrap(), permission)
                && (of_tenant.is_none() || (of_tenant == tenant && !is_global_only))
                && assignment
                    .valid_from
                    .is_none_or(|from| from.seconds() <= at)
                && assignment.expires_at.is_none_or(|end| at < end.seconds())
        })
    }
}

fn assignment() -> impl Strategy<Value = RoleAssignment> {
    let time = || prop::option::of(0i64..10);
    (
        0..ROLES.len(),
        prop::option::of(0..TENANTS.len()),
        time(),
        time(),
    )
        .prop_map(|(role, tenant, from, end)| RoleAssignment {
            role: name(ROLES[role]),
            tenant: tenant.map(|tenant| name(TENANTS[tenant])),
            valid_from: from.map(Timestamp::from_seconds),
            expires_at: end.map(Timestamp::from_seconds),
            reason: None,
            assigned_by: "system".into(),
            assigned_at: Timestamp::from_seconds(0),
        })
}

fn models() -> impl Strategy<Value = Model> {
    let pairs = |most| prop::collection::btree_set((0..ROLES.len(), 0..most), 0..8);
    (
        pairs(PERMISSIONS.len()),
        prop::collection::btree_set(0..ROLES.len(), 0..2),
        pairs(ROLES.len()),
        prop::collection::vec(assignment(), 0..5),
    )
        .prop_map(|(grants, wildcards, edges, assignments)| Model {
            grants,
            wildcards,
            edges: edges.into_iter().filter(|(a, b)| a < b).collect(),
            assignments,
        })
}

/// Verifies each step: the assignment exists, each role inherits the next, and the last one holds the grant, which
/// covers the permission.
fn verify(model: &Model, derivation: &Derivation<'_>, permission: &Permission) {
    assert!(model.assignments.contains(derivation.assignment));
    assert_eq!(derivation.path.first(), Some(&derivation.assignment.role));
    let number = |role: &RoleName| ROLES.iter().position(|one| *one == role.as_str()).unwrap();
    for pair in derivation.path.windows(2) {
        assert!(model.edges.contains(&(number(&pair[0]), number(&pair[1]))));
    }
    let last = number(derivation.path.last().unwrap());
    let grant = derivation.grant.as_ref().unwrap();
    assert!(grant.matches(permission));
    match grant.as_permission() {
        None => assert!(model.wildcards.contains(&last)),
        Some(one) => {
            let held = PERMISSIONS.iter().position(|known| *known == one.as_str());
            assert!(model.grants.contains(&(last, held.unwrap())));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decisions_agree_with_the_model_and_every_step_can_be_verified(
        model in models(),
        permission in 0..PERMISSIONS.len(),
        tenant in prop::option::of(0..TENANTS.len()),
        at in 0i64..10,
    ) {
        let policy = model.policy();
        let tenant = tenant.map(|tenant| TENANTS[tenant]);
        let tenant_name = tenant.map(name::<TenantName>);
        let needed: Permission = name(PERMISSIONS[permission]);
        let question = Question {
            need: Need::Permission(&needed),
            tenant: tenant_name.as_ref(),
            at: Timestamp::from_seconds(at),
        };
        let decision = policy.decide(&model.assignments, &question);
        prop_assert_eq!(decision.is_allowed(), model.allows(permission, tenant, at));
        match decision {
            Decision::Allowed(derivation) => {
                verify(&model, &derivation, &needed);
                prop_assert_eq!(inactive_reason(derivation.assignment, &question), None);
            }
            Decision::Denied(shortfall) => {
                prop_assert!(shortfall.is_known);
                for InactiveAssignment { reason, derivation } in &shortfall.inactive {
                    verify(&model, derivation, &needed);
                    prop_assert_eq!(inactive_reason(derivation.assignment, &question), Some(*reason));
                }
                // each suggested role gives it, and one is suggested if any role gives it
                let gives = |role: usize| model.holds(role, permission);
                for role in &shortfall.smallest_roles {
                    prop_assert!(gives(ROLES.iter().position(|one| *one == role.as_str()).unwrap()));
                }
                prop_assert_eq!(shortfall.smallest_roles.is_empty(), !(0..ROLES.len()).any(gives));
            }
        }
    }

    #[test]
    fn several_roles_give_the_union_of_their_permissions(
        model in models(),
        roles in prop::collection::vec(0..ROLES.len(), 0..4),
    ) {
        let policy = model.policy();
        let names: Vec<RoleName> = roles.iter().map(|role| name(ROLES[*role])).collect();
        let effective = policy.effective(&names);
        let mut count = 0;
        for (number, permission) in PERMISSIONS.iter().enumerate() {
            let held = roles.iter().any(|role| model.holds(*role, number));
            count += usize::from(held);
            prop_assert_eq!(effective.allows(permission), held);
        }
        prop_assert_eq!(effective.len(), count);
        prop_assert_eq!(effective.is_empty(), count == 0);
        prop_assert!(!effective.allows("a:z") && !effective.allows("") && !effective.allows("a:*"));
    }
}

fn until(role: &str, expires_at: Option<i64>) -> RoleAssignment {
    RoleAssignment {
        expires_at: expires_at.map(Timestamp::from_seconds),
        ..RoleAssignment::permanent(&name(role))
    }
}

fn small_policy() -> Policy {
    let mut rules = PolicyBuilder::default();
    rules.permission(name("a:x")).permission(name("a:y"));
    rules.grant(name("low"), name("a:x"));
    rules.grant(name("wide"), name("a:*"));
    rules.inherit(name("high"), name("low"));
    rules.build().unwrap()
}

#[test]
fn the_assignment_that_expires_last_is_preferred_and_then_the_shortest_path() {
    let needed = name("a:x");
    let question = Question {
        need: Need::Permission(&needed),
        tenant: None,
        at: Timestamp::from_seconds(1),
    };
    let decide =
        |assignments: &[RoleAssignment]| match small_policy().decide(assignments, &question) {
            Decision::Allowed(derivation) => derivation.assignment.role.to_string(),
            Decision::Denied(_) => "none".to_owned(),
        };
    assert_eq!(
        decide(&[until("low", Some(9)), until("high", None)]),
        "high"
    );
    assert_eq!(decide(&[until("high", None), until("low", None)]), "low");
    // the order given decides only between equals
    assert_eq!(
        decide(&[until("high", None), until("low", Some(9))]),
        "high"
    );
    assert_eq!(decide(&[until("low", None), until("high", None)]), "low");
    assert_eq!(decide(&[until("low", None), until("wide", None)]), "low");
    assert_eq!(decide(&[until("wide", None), until("low", None)]), "wide");
    assert_eq!(decide(&[]), "none");
}

#[test]
fn suggested_roles_are_sorted_by_size_without_those_that_inherit_another() {
    let needed = name("a:x");
    let policy = small_policy();
    assert_eq!(
        policy.smallest_roles_giving(&needed, 5),
        [name("low"), name("wide")]
    );
    assert_eq!(policy.smallest_roles_giving(&needed, 1), [name("low")]);
    assert_eq!(policy.smallest_roles_giving(&name("b:x"), 5), []);
}

#[test]
fn a_senior_that_gives_no_more_than_its_junior_is_not_suggested() {
    let mut rules = PolicyBuilder::default();
    rules.permission(name("a:x"));
    rules.grant(name("all"), name("a:x"));
    rules.grant(name("above"), name("a:x"));
    rules.inherit(name("above"), name("all"));
    let policy = rules.build().unwrap();
    assert_eq!(policy.smallest_roles_giving(&name("a:x"), 5), [name("all")]);
}

#[test]
fn a_needed_role_is_satisfied_by_its_seniors_only() {
    let role = name("low");
    let question = Question {
        need: Need::Role(&role),
        tenant: None,
        at: Timestamp::from_seconds(1),
    };
    let high = [until("high", None)];
    let policy = small_policy();
    let Decision::Allowed(derivation) = policy.decide(&high, &question) else {
        panic!("`high` inherits `low`");
    };
    assert_eq!((derivation.path.len(), derivation.grant), (2, None));
    let wide = [until("wide", None)];
    let Decision::Denied(shortfall) = policy.decide(&wide, &question) else {
        panic!("`wide` does not inherit `low`");
    };
    assert_eq!(shortfall.smallest_roles, [name("low")]);
}
