use std::time::Duration;

use proptest::prelude::*;
use rolecall_core::{Acr, PolicyBuilder};

use super::*;
use crate::tokens::{error::TokenError, grant::grant};

const NOW: Timestamp = Timestamp::from_seconds(1_000);

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn assigned(name: &str, in_tenant: bool) -> Assigned {
    Assigned {
        role: role(name),
        in_tenant,
        ends: None,
        since: NOW,
    }
}

fn subject<'a>(
    (policy, beyond): (&'a Policy, Option<&'a Policy>),
    assigned: &'a [Assigned],
) -> TokenSubject<'a> {
    TokenSubject {
        policy,
        beyond: beyond.map(|policy| Beyond { policy, assigned }),
        assigned,
        lifetime: Duration::from_mins(30),
        tenant: None,
        own_audience: true,
        ceiling: None,
        beside: None,
        now: NOW,
    }
}

/// `clerk` inherits `payer`, which needs two factors and inherits `viewer`.
fn policy() -> Policy {
    let mut rules = rolecall_core::builtin::rules();
    for name in ["items:write", "items:read", "docs:read"] {
        rules.permission(name.parse().unwrap());
    }
    rules.grant(role("clerk"), "items:write".parse().unwrap());
    rules.grant(role("payer"), "items:read".parse().unwrap());
    rules.grant(role("viewer"), "docs:read".parse().unwrap());
    rules.inherit(role("clerk"), role("payer"));
    rules.inherit(role("payer"), role("viewer"));
    rules.acr(role("payer"), Acr::Aal2);
    rules.build().unwrap()
}

fn names(roles: &BTreeSet<RoleName>) -> String {
    let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
    names.join(" ")
}

#[test]
fn y350_only_what_the_assurance_alone_keeps_out_is_named() {
    let whole = policy();
    let reached = whole.reached_by(Acr::Aal1);
    let clerk = [assigned("clerk", false)];
    let scope = |text: &str| RequestedScope::parse(text).unwrap();
    for (asked, ceiling, step_up) in [
        (None, None, "payer"),
        // asked for less: another sign-in would not add the role
        (Some(scope("role:clerk")), None, ""),
        (Some(scope("items:write")), None, ""),
        (Some(RequestedScope::nothing()), None, ""),
        (None, Some(scope("role:clerk")), "payer"),
        (None, Some(scope("role:viewer")), ""),
        (None, Some(scope("role:payer role:viewer")), "payer"),
        // the client gets no names of roles
        (None, Some(scope("items:read")), ""),
        (
            None,
            Some(RequestedScope::default().for_resource(["items".to_owned()].into())),
            "payer",
        ),
        (
            None,
            Some(RequestedScope::default().for_resource(["other".to_owned()].into())),
            "",
        ),
    ] {
        let holder = TokenSubject {
            ceiling: ceiling.as_ref(),
            ..subject((&reached, Some(&whole)), &clerk)
        };
        let granted = grant(&holder, asked.as_ref()).unwrap();
        assert_eq!(names(&granted.step_up), step_up, "{asked:?} {ceiling:?}");
        assert!(!granted.roles.contains("payer") && !granted.roles.contains("viewer"));
    }
    let whole_session = subject((&whole, None), &clerk);
    let granted = grant(&whole_session, None).unwrap();
    assert_eq!(
        (names(&granted.roles), granted.step_up.len()),
        ("clerk payer viewer".into(), 0)
    );
}

#[test]
fn y350_what_is_asked_for_beyond_the_assurance_is_refused_as_such() {
    let whole = policy();
    let reached = whole.reached_by(Acr::Aal1);
    let clerk = [assigned("clerk", false)];
    let holder = subject((&reached, Some(&whole)), &clerk);
    let ask = |text: &str| grant(&holder, Some(&RequestedScope::parse(text).unwrap()));
    for beyond in [
        "role:payer",
        "role:viewer",
        "items:read",
        "role:clerk role:payer",
    ] {
        assert!(
            matches!(ask(beyond), Err(TokenError::StepUp(_))),
            "{beyond}"
        );
    }
    for never in ["role:boss", "role:payer role:boss", "rolecall.users:read"] {
        assert!(
            matches!(ask(never), Err(TokenError::InvalidScope(_))),
            "{never}"
        );
    }
    // a tenant in which only the role that is not reached is held
    let there = [assigned("payer", true)];
    let tenant = "acme".parse().unwrap();
    let holder = TokenSubject {
        tenant: Some(&tenant),
        ..subject((&reached, Some(&whole)), &there)
    };
    assert!(matches!(grant(&holder, None), Err(TokenError::StepUp(_))));
}

#[test]
fn y350_the_role_of_administrators_can_be_kept_out_alone() {
    let whole = policy();
    let mut raised = PolicyBuilder::from(&whole);
    raised.acr(role("rolecall.admin"), Acr::Aal2);
    let reached = raised.build().unwrap().reached_by(Acr::Aal1);
    let both = [assigned("rolecall.admin", false), assigned("viewer", false)];
    let holder = subject((&reached, Some(&whole)), &both);
    let granted = grant(&holder, None).unwrap();
    assert_eq!(
        (names(&granted.roles), names(&granted.step_up)),
        ("viewer".into(), "rolecall.admin".into())
    );
    let elsewhere = TokenSubject {
        own_audience: false,
        ..holder
    };
    let granted = grant(&elsewhere, None).unwrap();
    assert_eq!(names(&granted.step_up), "", "no token for others names it");
}

proptest! {
    /// A token of a session is that of a user under a policy in which the roles above do not exist.
    #[test]
    fn y350_a_token_is_that_of_a_policy_without_the_roles_that_are_not_reached(
        edges in prop::collection::btree_set((0usize..5, 0usize..5), 0..9),
        acrs in prop::collection::vec(prop::sample::select(&Acr::ALL), 5),
        held in prop::sample::subsequence(vec![0usize, 1, 2, 3, 4], 0..=3),
    ) {
        let name = |number: usize| role(&format!("r{number}"));
        let build = |least: Option<Acr>| {
            let exists = |number: usize| least.is_none_or(|acr| acrs[number] <= acr);
            let mut rules = PolicyBuilder::default();
            for (number, acr) in acrs.iter().enumerate() {
                let permission: Permission = format!("items:p{number}").parse().unwrap();
                rules.permission(permission.clone());
                if exists(number) {
                    rules.grant(name(number), permission.into()).acr(name(number), *acr);
                }
            }
            for (one, other) in edges.iter().filter(|(one, other)| one < other) {
                if exists(*one) && exists(*other) {
                    rules.inherit(name(*one), name(*other));
                }
            }
            rules.build().unwrap()
        };
        let whole = build(None);
        let all: Vec<Assigned> = held.iter().map(|number| assigned(&format!("r{number}"), false)).collect();
        for acr in Acr::ALL {
            let (reached, model) = (whole.reached_by(acr), build(Some(acr)));
            let existing: Vec<Assigned> = all.iter().filter(|one| model.role(one.role.as_str()).is_some()).cloned().collect();
            let granted = grant(&subject((&reached, Some(&whole)), &all), None).unwrap();
            let expected = grant(&subject((&model, None), &existing), None).unwrap();
            prop_assert_eq!(&granted.roles, &expected.roles);
            prop_assert_eq!(&granted.permissions, &expected.permissions);
            prop_assert_eq!(&granted.active, &expected.active);
            // with the roles that are named, the session would have everything
            let mut both = granted.roles.clone();
            both.extend(granted.step_up);
            let everything = whole.closure(all.iter().map(|one| &one.role));
            prop_assert_eq!(whole.closure(&both), everything);
        }
    }
}
