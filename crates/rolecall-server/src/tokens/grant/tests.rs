use rolecall_core::PolicyBuilder;
use rolecall_core::Timestamp;

use super::*;
use crate::{authority::subject::Assigned, tokens::effective::joined};

const NOW: Timestamp = Timestamp::from_seconds(1000);

fn policy() -> Policy {
    let mut rules = PolicyBuilder::default();
    for permission in ["items:read", "items:write", "rolecall.users:read"] {
        rules.permission(permission.parse().unwrap());
    }
    let role = |name: &str| name.parse::<RoleName>().unwrap();
    rules.grant(role("reader"), "items:read".parse().unwrap());
    rules
        .grant(role("editor"), "items:*".parse().unwrap())
        .inherit(role("editor"), role("reader"));
    rules.grant(
        role("rolecall.admin"),
        "rolecall.users:read".parse().unwrap(),
    );
    rules.grant(role("helper"), "rolecall.users:read".parse().unwrap());
    rules.build().unwrap()
}

fn holding(roles: &[(&str, Option<i64>)]) -> Vec<Assigned> {
    roles
        .iter()
        .map(|(role, ends)| Assigned {
            role: role.parse().unwrap(),
            in_tenant: false,
            ends: ends.map(Timestamp::from_seconds),
            since: Timestamp::from_seconds(0),
        })
        .collect()
}

fn granted(roles: &[(&str, Option<i64>)], asked: Option<&str>) -> Result<Grant, TokenError> {
    let asked = asked.map(|text| RequestedScope::parse(text).unwrap());
    let (policy, assigned) = (policy(), holding(roles));
    grant(&holder(&policy, &assigned), asked.as_ref())
}

fn holder<'a>(policy: &'a Policy, assigned: &'a [Assigned]) -> TokenSubject<'a> {
    TokenSubject {
        policy,
        beyond: None,
        assigned,
        // no assignment that is not about to end shortens a token of this length
        lifetime: std::time::Duration::from_secs(30),
        tenant: None,
        own_audience: true,
        ceiling: None,
        beside: None,
        now: NOW,
    }
}

fn names(granted: &Grant) -> (String, String) {
    (
        granted
            .roles
            .iter()
            .map(RoleName::as_str)
            .collect::<Vec<_>>()
            .join(" "),
        joined(&granted.permissions),
    )
}

#[test]
fn nothing_asked_for_gives_everything_inherited_and_expanded() {
    let granted = granted(&[("editor", None)], None).unwrap();
    assert_eq!(
        names(&granted),
        ("editor reader".into(), "items:read items:write".into())
    );
    assert!(!granted.narrowed);
    assert_eq!(granted.answer, "items:read items:write");
}

#[test]
fn a_scope_of_a_thousand_values_is_read_and_a_longer_one_is_not() {
    let of = |count: usize| vec!["items:read"; count].join(" ");
    assert!(RequestedScope::parse(&of(1000)).is_ok());
    assert!(matches!(
        RequestedScope::parse(&of(1001)),
        Err(TokenError::InvalidScope(_))
    ));
}

#[test]
fn permissions_alone_cut_the_scope_and_leave_the_roles() {
    let granted = granted(&[("editor", None)], Some("items:read")).unwrap();
    assert_eq!(
        names(&granted),
        ("editor reader".into(), "items:read".into())
    );
    assert!(granted.narrowed);
    assert_eq!(granted.answer, "items:read");
}

#[test]
fn a_role_alone_becomes_the_active_one_also_an_inherited_one() {
    let granted = granted(&[("editor", None)], Some("role:reader")).unwrap();
    assert_eq!(names(&granted), ("reader".into(), "items:read".into()));
}

#[test]
fn both_together_give_the_intersection() {
    let granted = granted(
        &[("editor", None)],
        Some("role:reader items:write items:read"),
    )
    .unwrap();
    assert_eq!(names(&granted), ("reader".into(), "items:read".into()));
    assert_eq!(granted.answer, "role:reader items:read");
}

#[test]
fn what_is_not_held_cannot_be_asked_for() {
    assert!(granted(&[("reader", None)], Some("items:write")).is_err());
    assert!(granted(&[("reader", None)], Some("role:editor")).is_err());
    assert!(granted(&[("reader", None)], Some("role:ghost")).is_err());
}

#[test]
fn a_scope_that_is_none_is_refused() {
    for text in [
        "items:read  items:write",
        " items:read",
        "items:read ",
        "items",
        "items:*",
        "role:",
        "a\"b:c",
        "a:b\tc:d",
    ] {
        assert!(
            matches!(
                RequestedScope::parse(text),
                Err(TokenError::InvalidScope(_))
            ),
            "{text:?}"
        );
    }
}

#[test]
fn the_shortest_assignment_ends_the_token_and_one_about_to_end_is_left_out() {
    let both = granted(&[("reader", Some(1500)), ("editor", Some(1200))], None).unwrap();
    assert_eq!(both.ends_at, Some(Timestamp::from_seconds(1200)));
    let narrowed = granted(
        &[("reader", Some(1500)), ("editor", Some(1200))],
        Some("role:reader"),
    )
    .unwrap();
    assert_eq!(narrowed.ends_at, Some(Timestamp::from_seconds(1500)));
    let about_to_end = granted(&[("editor", Some(1029)), ("reader", None)], None).unwrap();
    assert_eq!(names(&about_to_end), ("reader".into(), "items:read".into()));
    assert_eq!(about_to_end.ends_at, None);
}

#[test]
fn another_audience_never_gets_what_is_rolecalls_own() {
    let assigned = holding(&[("rolecall.admin", None), ("helper", None), ("reader", None)]);
    let policy = policy();
    let foreign = TokenSubject {
        own_audience: false,
        ..holder(&policy, &assigned)
    };
    assert_eq!(
        names(&grant(&foreign, None).unwrap()),
        ("helper reader".into(), "items:read".into())
    );
    let asked = RequestedScope::parse("rolecall.users:read").unwrap();
    assert!(grant(&foreign, Some(&asked)).is_err());
}

fn regranted(
    roles: &[(&str, Option<i64>)],
    asked: Option<&str>,
    granted: &str,
    requested: Option<&str>,
) -> Result<Grant, TokenError> {
    let parse = |text: &str| RequestedScope::parse(text).unwrap();
    let session = SessionScope {
        asked: asked.map(parse),
        granted: Some(parse(granted)),
    };
    let (policy, assigned) = (policy(), holding(roles));
    let requested = requested.map(parse);
    regrant(&holder(&policy, &assigned), &session, requested.as_ref())
}

const EDITOR: &str = "role:editor role:reader items:read items:write";

#[test]
fn a_refresh_drops_what_was_lost_and_keeps_the_rest() {
    let lost = regranted(&[("reader", None)], None, EDITOR, None).unwrap();
    assert_eq!(names(&lost), ("reader".into(), "items:read".into()));
    assert!(!lost.narrowed);
    let asked = Some("items:read items:write");
    let lost = regranted(&[("reader", None)], asked, EDITOR, None).unwrap();
    assert_eq!(lost.answer, "items:read");
}

#[test]
fn a_refresh_whose_only_role_was_lost_does_not_fall_back_to_all_the_others() {
    let lost = regranted(&[("reader", None)], Some("role:editor"), EDITOR, None).unwrap();
    assert_eq!(names(&lost), (String::new(), String::new()));
    assert!(lost.narrowed);
    let lost = regranted(
        &[("helper", None)],
        Some("role:editor items:write"),
        EDITOR,
        None,
    );
    assert_eq!(names(&lost.unwrap()), (String::new(), String::new()));
}

#[test]
fn a_refresh_gives_what_was_lost_as_less_and_refuses_what_never_was() {
    let reader = [("reader", None)];
    let lost = regranted(&reader, None, EDITOR, Some("items:read items:write")).unwrap();
    assert_eq!(lost.answer, "items:read");
    for never in ["rolecall.users:read", "role:ghost"] {
        assert!(regranted(&reader, None, EDITOR, Some(never)).is_err());
    }
    let asked = Some("items:read");
    let beyond = regranted(
        &[("editor", None)],
        asked,
        "role:editor items:read",
        Some("items:write"),
    );
    assert!(beyond.is_err(), "held, but never asked for");
}

#[test]
fn a_client_never_gets_more_than_its_own_scope() {
    let assigned = holding(&[("editor", None), ("helper", None)]);
    let (policy, ceiling) = (policy(), RequestedScope::parse("items:read").unwrap());
    let through = TokenSubject {
        ceiling: Some(&ceiling),
        ..holder(&policy, &assigned)
    };
    let granted = grant(&through, None).unwrap();
    assert_eq!(names(&granted), (String::new(), "items:read".into()));
    assert!(granted.narrowed);
    for beyond in ["items:write", "rolecall.users:read", "role:reader"] {
        let asked = RequestedScope::parse(beyond).unwrap();
        assert!(grant(&through, Some(&asked)).is_err(), "{beyond}");
    }
    let by_role = RequestedScope::parse("role:reader").unwrap();
    let through = TokenSubject {
        ceiling: Some(&by_role),
        ..through
    };
    let granted = grant(&through, None).unwrap();
    assert_eq!(names(&granted), ("reader".into(), "items:read".into()));
    let session = SessionScope::default();
    let asked = RequestedScope::parse("role:editor").unwrap();
    assert!(regrant(&through, &session, Some(&asked)).is_err());
}

fn in_tenant(role: &str, ends: Option<i64>) -> Assigned {
    Assigned {
        role: role.parse().unwrap(),
        in_tenant: true,
        ends: ends.map(Timestamp::from_seconds),
        since: Timestamp::from_seconds(0),
    }
}

/// Returns the grant of a login for the tenant `acme`.
fn granted_there(assigned: &[Assigned], asked: Option<&str>) -> Result<Grant, TokenError> {
    let (policy, tenant) = (policy(), "acme".parse().unwrap());
    let asked = asked.map(|text| RequestedScope::parse(text).unwrap());
    let holder = TokenSubject {
        tenant: Some(&tenant),
        ..holder(&policy, assigned)
    };
    grant(&holder, asked.as_ref())
}

#[test]
fn a_tenant_is_open_only_to_whoever_has_a_role_in_it_that_counts() {
    assert!(granted_there(&holding(&[("editor", None)]), None).is_err());
    assert!(granted_there(&[in_tenant("reader", Some(1029))], None).is_err());
    let both = [
        holding(&[("helper", None)]),
        vec![in_tenant("reader", None)],
    ]
    .concat();
    let token = granted_there(&both, None).unwrap();
    assert_eq!(token.tenant, Some("acme".parse().unwrap()));
    assert_eq!(
        names(&token),
        (
            "helper reader".into(),
            "items:read rolecall.users:read".into()
        )
    );
    // a refresh after it was lost goes on without the tenant
    let (policy, tenant) = (policy(), "acme".parse().unwrap());
    let global = holding(&[("helper", None)]);
    let lost = TokenSubject {
        tenant: Some(&tenant),
        ..holder(&policy, &global)
    };
    let token = regrant(&lost, &SessionScope::default(), None).unwrap();
    assert_eq!((token.tenant, token.narrowed), (None, false));
}

#[test]
fn what_is_rolecalls_own_comes_from_no_tenant() {
    let token = granted_there(&[in_tenant("helper", None)], None).unwrap();
    assert_eq!(names(&token), ("helper".into(), String::new()));
    let token = granted_there(&[in_tenant("rolecall.admin", None)], None).unwrap();
    assert_eq!(names(&token), (String::new(), String::new()));
    for asked in ["role:rolecall.admin", "rolecall.users:read"] {
        let all = [in_tenant("rolecall.admin", None), in_tenant("helper", None)];
        assert!(granted_there(&all, Some(asked)).is_err(), "{asked}");
    }
    // held globally by another role, but not asked for
    let both = [
        holding(&[("rolecall.admin", None)]),
        vec![in_tenant("helper", None)],
    ]
    .concat();
    let token = granted_there(&both, Some("role:helper")).unwrap();
    assert_eq!(names(&token), ("helper".into(), String::new()));
}

#[test]
fn a_token_for_a_tenant_ends_with_what_it_rests_on_there() {
    let ends = |assigned: &[Assigned], asked| {
        let token = granted_there(assigned, asked).unwrap();
        token.ends_at.map(Timestamp::seconds)
    };
    let global = holding(&[("reader", None)]);
    let both = [global.clone(), vec![in_tenant("editor", Some(1200))]].concat();
    assert_eq!(ends(&both, None), Some(1200));
    // the role is global, but that it is for the tenant rests on the assignment there
    assert_eq!(ends(&both, Some("role:reader")), Some(1200));
    let longer = [both, vec![in_tenant("user", Some(1500))]].concat();
    assert_eq!(ends(&longer, Some("role:reader")), Some(1500));
    assert_eq!(ends(&longer, Some("role:editor")), Some(1200));
    // what `helper` gives globally ends with the global assignment
    let helper = [
        holding(&[("helper", Some(1100))]),
        vec![in_tenant("helper", Some(1300))],
    ];
    assert_eq!(ends(&helper.concat(), Some("role:helper")), Some(1100));
    let reader = [
        holding(&[("reader", Some(1100))]),
        vec![in_tenant("reader", Some(1300))],
    ];
    assert_eq!(ends(&reader.concat(), Some("role:reader")), Some(1300));
}

#[test]
fn y107_a_role_that_would_shorten_a_token_is_left_out_unless_it_was_asked_for() {
    let assigned = holding(&[
        ("reader", None),
        ("editor", Some(1299)),
        ("helper", Some(1300)),
    ]);
    let policy = policy();
    let holder = TokenSubject {
        lifetime: std::time::Duration::from_mins(30),
        ..holder(&policy, &assigned)
    };
    let token = |asked: Option<&str>| {
        let asked = asked.map(|text| RequestedScope::parse(text).unwrap());
        let token = grant(&holder, asked.as_ref()).unwrap();
        (names(&token).0, token.ends_at.map(Timestamp::seconds))
    };
    assert_eq!(token(None), ("helper reader".into(), Some(1300)));
    assert_eq!(token(Some("role:editor")).1, Some(1299));
    assert_eq!(token(Some("role:reader")).1, None);
    // of two roles that give it, the one that lasts
    assert_eq!(token(Some("items:read")).0, "helper reader");
    let write = token(Some("items:write"));
    assert_eq!(write, ("editor helper reader".into(), Some(1299)));
    // a session that was opened for a role asks for it at each refresh
    let session = SessionScope {
        asked: RequestedScope::parse_any("role:editor"),
        granted: None,
    };
    let again = regrant(&holder, &session, None).unwrap();
    assert_eq!(again.ends_at.map(Timestamp::seconds), Some(1299));
    // a token that is short anyway is not shortened
    let short = TokenSubject {
        lifetime: std::time::Duration::from_mins(1),
        ..holder
    };
    assert_eq!(
        names(&grant(&short, None).unwrap()).0,
        "editor helper reader"
    );
}

/// Assignments that others make later, with any validity and under any constraint.
mod later {
    use proptest::prelude::*;
    use rolecall_core::{Constraint, ConstraintKind};

    use super::*;

    const ROLES: [&str; 5] = ["r0", "r1", "r2", "r3", "r4"];

    /// A role by its number, whether it is held in the tenant, when it was assigned, and how many seconds are left.
    type Given = (usize, bool, i64, Option<i64>);

    fn policy(apart: &[BTreeSet<usize>], edges: &BTreeSet<(usize, usize)>) -> Policy {
        let role = |number: usize| ROLES[number].parse::<RoleName>().unwrap();
        let mut rules = PolicyBuilder::default();
        for (number, name) in ROLES.iter().enumerate() {
            rules.permission(format!("x:{name}").parse().unwrap());
            rules.grant(role(number), format!("x:{name}").parse().unwrap());
        }
        for (senior, junior) in edges.iter().filter(|(senior, junior)| senior < junior) {
            rules.inherit(role(*senior), role(*junior));
        }
        for (number, roles) in apart.iter().enumerate() {
            let constraint = Constraint {
                kind: ConstraintKind::Dynamic,
                roles: roles.iter().map(|number| role(*number)).collect(),
                at_most: 1,
                per: rolecall_core::ConstraintScope::Session,
            };
            rules.constraint(format!("c{number}").parse().unwrap(), constraint);
        }
        rules.build().unwrap()
    }

    fn assigned(given: &[Given]) -> Vec<Assigned> {
        let one = |(role, in_tenant, at, left): &Given| Assigned {
            role: ROLES[*role].parse().unwrap(),
            in_tenant: *in_tenant,
            ends: left.map(|left| Timestamp::from_seconds(NOW.seconds() + left)),
            since: Timestamp::from_seconds(*at),
        };
        given.iter().map(one).collect()
    }

    fn given() -> impl Strategy<Value = Given> {
        let left = prop::option::of(0i64..3000);
        (0..ROLES.len(), any::<bool>(), 0i64..100, left)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn y109_a_later_assignment_takes_nothing_from_a_log_in_that_did_not_ask_for_it(
            apart in prop::collection::vec(prop::collection::btree_set(0..ROLES.len(), 2..4), 0..3),
            edges in prop::collection::btree_set((0..ROLES.len(), 0..ROLES.len()), 0..4),
            before in prop::collection::vec(given(), 1..5),
            later in given(),
        ) {
            let policy = policy(&apart, &edges);
            let tenant = "acme".parse().unwrap();
            let token = |given: &[Given]| {
                let assigned = assigned(given);
                let in_tenant = before.iter().any(|one| one.1);
                let holder = TokenSubject {
                    lifetime: std::time::Duration::from_mins(30),
                    tenant: in_tenant.then_some(&tenant),
                    ..holder(&policy, &assigned)
                };
                grant(&holder, None).ok().filter(|token| check_active(&holder, token).is_ok())
            };
            // without a tenant, what is assigned in one is not read
            prop_assume!(!later.1 || before.iter().any(|one| one.1));
            let Some(old) = token(&before) else { return Ok(()) };
            let more: Vec<Given> = before.iter().copied().chain([(later.0, later.1, 200, later.3)]).collect();
            let new = token(&more).expect("the log-in is not blocked");
            let end = |token: &Grant| token.ends_at.unwrap_or(Timestamp::MAX);
            let least = NOW.plus(std::time::Duration::from_mins(5));
            prop_assert!(end(&new) >= end(&old).min(least), "{:?} {:?}", old, new);
            // one that rested on a short role, for want of another in the tenant, may rest on the later one
            if end(&old) >= least {
                prop_assert!(new.roles.is_superset(&old.roles), "{:?} {:?}", old, new);
                prop_assert!(new.permissions.is_superset(&old.permissions));
            }
            prop_assert_eq!(new.narrowed, false);
        }
    }
}

/// A second implementation of the grant, value by value.
mod model {
    use std::collections::BTreeMap;

    use super::*;
    use crate::authority::subject::Assigned;
    use proptest::prelude::*;
    use rolecall_core::{Permission, Timestamp};

    const ROLES: [&str; 5] = ["r0", "r1", "r2", "rolecall.r3", "r4"];
    const PERMISSIONS: [&str; 4] = [
        "a:x",
        "a:y",
        "rolecall.users:read",
        "rolecall.assignments:write",
    ];

    #[derive(Clone, Debug)]
    struct Rules {
        grants: BTreeSet<(usize, usize)>,
        edges: BTreeSet<(usize, usize)>,
        wildcard: Option<usize>,
    }

    impl Rules {
        fn policy(&self) -> Policy {
            let mut rules = PolicyBuilder::default();
            for permission in PERMISSIONS {
                rules.permission(permission.parse().unwrap());
            }
            for role in ROLES {
                rules.role(role.parse().unwrap());
            }
            let role = |number: usize| ROLES[number].parse::<RoleName>().unwrap();
            for (holder, held) in &self.grants {
                rules.grant(role(*holder), PERMISSIONS[*held].parse().unwrap());
            }
            if let Some(holder) = self.wildcard {
                rules.grant(role(holder), "a:*".parse().unwrap());
            }
            for (senior, junior) in &self.edges {
                rules.inherit(role(*senior), role(*junior));
            }
            rules.build().unwrap()
        }

        fn reaches(&self, senior: usize, junior: usize) -> bool {
            senior == junior
                || self
                    .edges
                    .iter()
                    .any(|(from, to)| *from == senior && self.reaches(*to, junior))
        }

        fn gives(&self, role: usize, permission: usize) -> bool {
            (0..ROLES.len())
                .filter(|below| self.reaches(role, *below))
                .any(|below| {
                    self.grants.contains(&(below, permission))
                        || (self.wildcard == Some(below)
                            && PERMISSIONS[permission].starts_with("a:"))
                })
        }
    }

    /// A role by its number, whether it is held in the tenant, and how many seconds are left.
    type Given = (usize, bool, Option<i64>);

    fn counts(permission: usize, in_tenant: bool) -> bool {
        let text = PERMISSIONS[permission];
        !in_tenant || !text.starts_with("rolecall.") || text.starts_with("rolecall.assignments:")
    }

    /// Until when a role or permission may be carried, by the assignments and the roles that are active.
    fn carried(
        rules: &Rules,
        given: &[Given],
        active: Option<&BTreeSet<usize>>,
    ) -> BTreeMap<String, i64> {
        let mut until: BTreeMap<String, i64> = BTreeMap::new();
        let mut carry = |name: String, left: Option<i64>| {
            let left = left.unwrap_or(i64::MAX);
            let known = until.entry(name).or_insert(left);
            *known = left.max(*known);
        };
        for (assigned, in_tenant, left) in given {
            if left.is_some_and(|left| left < 30) {
                continue;
            }
            let below = (0..ROLES.len()).filter(|role| rules.reaches(*assigned, *role));
            for active in below.filter(|role| active.is_none_or(|active| active.contains(role))) {
                for role in (0..ROLES.len()).filter(|role| rules.reaches(active, *role)) {
                    if !in_tenant || !ROLES[role].starts_with("rolecall.") {
                        carry(format!("role:{}", ROLES[role]), *left);
                    }
                }
                for (permission, name) in PERMISSIONS.iter().enumerate() {
                    if rules.gives(active, permission) && counts(permission, *in_tenant) {
                        carry((*name).to_owned(), *left);
                    }
                }
            }
        }
        until
    }

    fn values(token: &Grant) -> BTreeSet<String> {
        let roles = token.roles.iter().map(|role| format!("role:{role}"));
        roles
            .chain(token.permissions.iter().map(ToString::to_string))
            .collect()
    }

    fn assigned(given: &[Given]) -> Vec<Assigned> {
        let one = |(role, in_tenant, left): &Given| Assigned {
            role: ROLES[*role].parse().unwrap(),
            in_tenant: *in_tenant,
            ends: left.map(|left| Timestamp::from_seconds(NOW.seconds() + left)),
            since: NOW,
        };
        given.iter().map(one).collect()
    }

    fn rules() -> impl Strategy<Value = Rules> {
        let pairs = |most| prop::collection::btree_set((0..ROLES.len(), 0..most), 0..8);
        let wildcard = prop::option::of(0..ROLES.len());
        (pairs(PERMISSIONS.len()), pairs(ROLES.len()), wildcard).prop_map(
            |(grants, edges, wildcard)| Rules {
                grants,
                edges: edges.into_iter().filter(|(from, to)| from < to).collect(),
                wildcard,
            },
        )
    }

    fn given() -> impl Strategy<Value = Vec<Given>> {
        let left = prop::option::of(0i64..200);
        prop::collection::vec((0..ROLES.len(), any::<bool>(), left), 0..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_token_for_a_resource_carries_its_permissions_and_the_roles_that_give_them(
            rules in rules(),
            held in prop::collection::vec(0..ROLES.len(), 0..5),
            concerns in any::<bool>(),
            asked in prop::option::of(0..2usize),
        ) {
            let policy = rules.policy();
            let given: Vec<Given> = held.iter().map(|role| (*role, false, None)).collect();
            let assigned = assigned(&given);
            let object = if concerns { "a" } else { "b" };
            let ceiling = RequestedScope::default().for_resource([object.to_owned()].into());
            let holder = TokenSubject {
                own_audience: false,
                ceiling: Some(&ceiling),
                ..holder(&policy, &assigned)
            };
            let is_own = |role: &usize| ROLES[*role].starts_with("rolecall.");
            let mut carried = BTreeSet::new();
            for role in held.iter().filter(|role| !is_own(role)) {
                for below in (0..ROLES.len()).filter(|below| rules.reaches(*role, *below) && !is_own(below)) {
                    for permission in (0..2).filter(|one| concerns && rules.gives(below, *one)) {
                        carried.insert(PERMISSIONS[permission].to_owned());
                        carried.insert(format!("role:{}", ROLES[below]));
                    }
                }
            }
            let asked = asked.map(|one| PERMISSIONS[one]);
            let scope = asked.map(|one| RequestedScope::parse(one).unwrap());
            match (grant(&holder, scope.as_ref()), asked) {
                (Ok(token), None) => prop_assert_eq!(&values(&token), &carried),
                (Ok(token), Some(asked)) => {
                    prop_assert!(carried.contains(asked));
                    let named: Vec<&str> = token.permissions.iter().map(Permission::as_str).collect();
                    prop_assert_eq!(named, [asked]);
                    prop_assert!(values(&token).is_subset(&carried));
                }
                (Err(_), asked) => prop_assert!(asked.is_some_and(|one| !carried.contains(one))),
            }
            // the same as a default: nothing is refused
            let default = scope.map(RequestedScope::into_default);
            if let Some(default) = &default {
                let token = grant(&holder, Some(default)).unwrap();
                let asked = asked.unwrap();
                let named: Vec<&str> = token.permissions.iter().map(Permission::as_str).collect();
                prop_assert_eq!(named.contains(&asked), carried.contains(asked));
                prop_assert!(named.len() <= 1);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_token_carries_what_a_simple_model_says_and_no_longer(
            rules in rules(),
            given in given(),
            tenant in any::<bool>(),
            active in prop::option::of(prop::collection::btree_set(0..ROLES.len(), 1..3)),
        ) {
            // without a tenant, what is assigned in one is not read
            let given: Vec<Given> = given.into_iter().filter(|one| tenant || !one.1).collect();
            let (policy, assigned, name) = (rules.policy(), assigned(&given), "acme".parse().unwrap());
            let holder = TokenSubject { tenant: tenant.then_some(&name), ..holder(&policy, &assigned) };
            let scope = active.as_ref().map(|active| {
                let values = active.iter().map(|role| format!("role:{}", ROLES[*role]));
                RequestedScope::parse(&values.collect::<Vec<_>>().join(" ")).unwrap()
            });
            let whole = carried(&rules, &given, None);
            let in_tenant = given.iter().any(|(_, local, left)| *local && left.is_none_or(|left| left >= 30));
            let may = (!tenant || in_tenant) && active.iter().flatten().all(|role| {
                whole.contains_key(&format!("role:{}", ROLES[*role]))
            });
            let token = grant(&holder, scope.as_ref());
            prop_assert_eq!(token.is_ok(), may);
            // a refresh of a session that was opened for the same gives the same or, where that was lost, less
            let opened = SessionScope { asked: scope.clone(), granted: None };
            let again = regrant(&holder, &opened, None).unwrap();
            let held = active.map(|active| {
                let is_held = |role: &usize| whole.contains_key(&format!("role:{}", ROLES[*role]));
                active.into_iter().filter(is_held).collect()
            });
            let until = carried(&rules, &given, held.as_ref());
            prop_assert_eq!(again.tenant.is_some(), tenant && in_tenant);
            for token in token.iter().chain([&again]) {
                prop_assert_eq!(&values(token), &until.keys().cloned().collect());
                let end = token.ends_at.map_or(i64::MAX, |ends| ends.seconds() - NOW.seconds());
                prop_assert!(until.values().all(|left| end <= *left), "{} {:?}", end, until);
                if token.tenant.is_some() {
                    let there = given.iter().filter(|one| one.1).map(|one| one.2.unwrap_or(i64::MAX));
                    prop_assert!(end <= there.max().unwrap());
                }
            }
            prop_assert_eq!(token.ok().is_none_or(|token| token == again), true);
        }
    }
}

#[test]
fn a_ceiling_that_lets_less_pass_does_not_contain_the_one_before() {
    let within = |one: &str, other: &str| {
        let [one, other] = [one, other].map(|text| RequestedScope::parse(text).unwrap());
        one.is_within(&other)
    };
    for (one, other, expected) in [
        ("items:read", "items:read items:write", true),
        ("items:read items:write", "items:read", false),
        ("role:reader", "role:reader role:editor", true),
        ("role:reader role:editor", "role:reader", false),
        ("role:reader", "items:read", false),
        ("items:read", "role:reader", false),
        ("role:reader items:read", "items:read", false),
        ("items:read", "items:read role:reader", false),
        ("role:reader items:read", "role:reader", true),
        ("role:editor", "role:reader", false),
    ] {
        assert_eq!(within(one, other), expected, "{one} in {other}");
    }
}
