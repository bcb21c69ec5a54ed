use rolecall_core::{Constraint, ConstraintKind, PolicyBuilder, Timestamp};

use super::*;
use crate::{
    authority::subject::Assigned,
    tokens::grant::{check_active, grant},
};

fn name(role: &str) -> RoleName {
    role.parse().unwrap()
}

fn names(roles: &[&str]) -> BTreeSet<RoleName> {
    roles.iter().map(|role| name(role)).collect()
}

/// `payer`, `approver` and `clerk` with a permission each, `boss` above `payer` and `clerk`, and dynamic constraints.
fn policy(constraints: &[(&[&str], u32)]) -> Policy {
    let mut rules = PolicyBuilder::default();
    for role in ["payer", "approver", "clerk", "boss"] {
        let permission: Permission = format!("payments:{role}").parse().unwrap();
        rules.role(name(role)).permission(permission.clone());
        rules.grant(name(role), permission.into());
    }
    rules.inherit(name("boss"), name("payer"));
    rules.inherit(name("boss"), name("clerk"));
    for (number, (roles, most)) in constraints.iter().enumerate() {
        let constraint = Constraint::new(ConstraintKind::Dynamic, names(roles), *most).unwrap();
        rules.constraint(format!("c{number}").parse().unwrap(), constraint);
    }
    rules.build().unwrap()
}

fn assigned(roles: &[&str]) -> Vec<Assigned> {
    let one = |role: &&str| Assigned {
        role: name(role),
        in_tenant: false,
        ends: None,
        since: Timestamp::default(),
    };
    roles.iter().map(one).collect()
}

fn holder<'a>(policy: &'a Policy, assigned: &'a [Assigned]) -> TokenSubject<'a> {
    TokenSubject {
        policy,
        beyond: None,
        assigned,
        lifetime: std::time::Duration::from_mins(10),
        tenant: None,
        own_audience: false,
        ceiling: None,
        beside: None,
        now: Timestamp::from_seconds(1_000),
    }
}

fn open(policy: &Policy, roles: &[&str], asked: Option<&str>) -> Option<OpenChoice> {
    let assigned = assigned(roles);
    let asked = asked.map(|text| RequestedScope::parse_stored(text).unwrap());
    open_choice(&holder(policy, &assigned), asked.as_ref())
}

const APART: &[(&[&str], u32)] = &[(&["payer", "approver"], 1)];

#[test]
fn a_choice_is_open_where_more_is_asked_for_than_a_constraint_allows() {
    let policy = policy(APART);
    let both: &[&str] = &["payer", "approver", "clerk"];
    for (roles, asked, is_open) in [
        (both, None, true),
        (both, Some(""), false),
        (both, Some("role:payer"), false),
        (both, Some("role:payer role:clerk"), false),
        (both, Some("role:payer role:approver"), true),
        (both, Some("payments:payer"), false),
        (both, Some("payments:payer payments:approver"), true),
        // what is not held is refused, and no choice helps
        (both, Some("role:payer role:approver role:boss"), false),
        (&["payer", "clerk"], None, false),
        (&["boss", "approver"], None, true),
    ] {
        assert_eq!(open(&policy, roles, asked).is_some(), is_open, "{asked:?}");
    }
}

#[test]
fn the_scope_of_a_choice_keeps_the_rest_and_leaves_out_what_was_not_picked() {
    let policy = policy(APART);
    for (roles, asked, picked, scope) in [
        (
            &["payer", "approver", "clerk"][..],
            None,
            "payer",
            "role:clerk role:payer",
        ),
        (
            &["payer", "approver", "clerk"],
            None,
            "approver",
            "role:approver role:clerk",
        ),
        (&["boss", "approver"], None, "payer", "role:boss"),
        // what the boss inherits beside the payer stays
        (
            &["boss", "approver"],
            None,
            "approver",
            "role:approver role:clerk",
        ),
        (
            &["payer", "approver", "clerk"],
            Some("payments:payer payments:approver"),
            "payer",
            "role:payer payments:payer",
        ),
    ] {
        let open = open(&policy, roles, asked).unwrap();
        let chosen = open.choose(&policy, &names(&[picked])).unwrap();
        let without_clerk = chosen.replace("role:clerk ", "");
        if asked.is_none() {
            assert_eq!(chosen, scope);
        } else {
            assert_eq!(without_clerk, scope);
        }
        let assigned = assigned(roles);
        let scope = RequestedScope::parse_any(&chosen).unwrap();
        let holder = holder(&policy, &assigned);
        let granted = grant(&holder, Some(&scope)).unwrap();
        check_active(&holder, &granted).unwrap();
        assert!(granted.roles.contains(&name(picked)), "{chosen}");
        assert_eq!(open_choice(&holder, Some(&scope)), None);
    }
}

#[test]
fn what_was_not_offered_cannot_be_chosen() {
    let policy = policy(&[(&["payer", "approver", "clerk"], 2)]);
    let three = open(&policy, &["payer", "approver", "clerk"], None).unwrap();
    for wrong in [
        &[][..],
        &["payer", "approver", "clerk"],
        &["boss"],
        &["payer", "boss"],
    ] {
        assert_eq!(three.choose(&policy, &names(wrong)), None, "{wrong:?}");
    }
    for right in [&["payer"][..], &["payer", "clerk"], &["approver", "clerk"]] {
        assert!(three.choose(&policy, &names(right)).is_some(), "{right:?}");
    }
}

#[test]
fn a_role_that_brings_too_many_of_the_others_is_no_option() {
    let policy = policy(&[(&["boss", "payer", "approver"], 1)]);
    let open = open(&policy, &["boss", "approver"], None).unwrap();
    assert_eq!(open.options, names(&["approver", "payer"]));
    assert_eq!(
        open.choose(&policy, &names(&["payer"])).unwrap(),
        "role:clerk role:payer"
    );
}

#[test]
fn every_choice_ends_with_a_token_that_no_constraint_refuses() {
    let policy = policy(&[(&["payer", "approver"], 1), (&["clerk", "approver"], 1)]);
    let held = assigned(&["boss", "approver", "payer"]);
    let holder = holder(&policy, &held);
    let mut waiting = vec![None];
    let mut ends = 0;
    while let Some(scope) = waiting.pop() {
        let asked = scope.map(|text: String| RequestedScope::parse_any(&text).unwrap());
        let Some(open) = open_choice(&holder, asked.as_ref()) else {
            let granted = grant(&holder, asked.as_ref()).unwrap();
            check_active(&holder, &granted).unwrap();
            assert_eq!(policy.dynamic_breach(&granted.roles), None);
            ends += 1;
            continue;
        };
        for option in &open.options {
            waiting.push(open.choose(&policy, &BTreeSet::from([option.clone()])));
        }
    }
    assert_eq!(ends, 3);
}
