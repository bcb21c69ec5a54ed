use super::*;
use crate::PolicyBuilder;

const ANY: &str = "rolecall.assignments:any";

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

fn policy() -> Policy {
    let mut rules = PolicyBuilder::default();
    for permission in ["items:read", "items:write", ANY] {
        rules.permission(permission.parse().unwrap());
    }
    rules.grant(role("reader"), "items:read".parse().unwrap());
    rules
        .grant(role("writer"), "items:write".parse().unwrap())
        .inherit(role("writer"), role("reader"));
    rules.grant(role("all-items"), "items:*".parse().unwrap());
    rules.grant(role("owner"), ANY.parse().unwrap());
    rules
        .role(role("named"))
        .role(role("user"))
        .inherit(role("boss"), role("named"));
    rules.inherit(role("chief"), role("reader"));
    rules
        .grant(role("plain"), "items:write".parse().unwrap())
        .by_name(role("plain"), false);
    rules.build().unwrap()
}

fn authority(roles: &[&str]) -> Authority {
    let roles: Vec<_> = roles.iter().map(|name| role(name)).collect();
    Authority::of(&policy(), &roles, &ANY.parse().unwrap())
}

fn covers(holder: &[&str], target: &str) -> Result<(), Excess> {
    authority(holder).covers(&policy(), [&role(target)], &BTreeSet::from([role("user")]))
}

#[test]
fn a_caller_covers_roles_whose_permissions_the_caller_holds() {
    assert!(covers(&["writer"], "reader").is_ok());
    assert!(covers(&["all-items"], "plain").is_ok());
    let excess = covers(&["reader"], "writer").unwrap_err();
    assert_eq!(excess.permissions, ["items:write".parse().unwrap()]);
    assert_eq!(excess.roles, [role("writer")]);
}

#[test]
fn y001_a_role_that_works_by_its_name_must_be_held_whatever_it_holds() {
    let excess = covers(&["all-items"], "writer").unwrap_err();
    assert_eq!(excess.permissions, []);
    assert_eq!(excess.roles, [role("reader"), role("writer")]);
    let has = |name: &str| authority(&["writer"]).has_role(&role(name));
    assert!(has("writer") && has("reader") && !has("all-items"));
    assert!(authority(&["owner"]).has_role(&role("all-items")));
}

#[test]
fn an_excess_has_the_path_to_its_first_item() {
    let path = |holder: &[&str], target| covers(holder, target).unwrap_err().path;
    assert_eq!(path(&[], "reader"), [role("reader")]);
    assert_eq!(path(&["writer"], "all-items"), [role("all-items")]);
    assert_eq!(path(&["boss"], "chief"), [role("chief"), role("reader")]);
    assert_eq!(path(&["reader"], "chief"), [role("chief")]);
    assert_eq!(path(&[], "boss"), [role("boss")]);
    let two = authority(&["named"]).covers(
        &policy(),
        [&role("named"), &role("chief")],
        &BTreeSet::new(),
    );
    assert_eq!(two.unwrap_err().path, [role("chief"), role("reader")]);
}

#[test]
fn authority_in_a_tenant_is_limited_to_what_counts_there() {
    let mut rules = PolicyBuilder::default();
    let own = ["users:write", "assignments:any", "assignments:write"];
    for permission in own.map(|name| format!("rolecall.{name}")) {
        rules.permission(permission.parse().unwrap());
    }
    rules.permission("items:read".parse().unwrap());
    let mut grant = |to: &str, what: &str| {
        rules.grant(role(to), what.parse().unwrap());
    };
    grant("rolecall.admin", "rolecall.users:write");
    grant("rolecall.admin", ANY);
    grant("helper", "rolecall.users:write");
    grant("helper", "items:read");
    grant("giver", "rolecall.assignments:write");
    grant("named", "rolecall.users:write");
    rules.by_name(role("helper"), false);
    let policy = rules.build().unwrap();
    let (any, open) = (ANY.parse().unwrap(), BTreeSet::new());
    let local = |name: &str| Authority::in_tenant(&policy, [&role(name)], &any);
    let global = |name: &str| Authority::of(&policy, [&role(name)], &any);
    let users = "rolecall.users:write".parse().unwrap();
    assert!(!local("helper").holds(&users) && global("helper").holds(&users));
    assert!(local("giver").holds(&"rolecall.assignments:write".parse().unwrap()));
    assert!(!local("rolecall.admin").holds(&users) && local("rolecall.admin").is_unlimited());
    // within the tenant, `helper` gives only `items:read`, which the caller holds there
    let both = global("giver").union(local("helper"));
    assert!(
        both.covers_in_tenant(&policy, [&role("helper")], &open)
            .is_ok()
    );
    assert!(both.covers(&policy, [&role("helper")], &open).is_err());
    // a role without permissions that count there must be held itself
    let named = both.covers_in_tenant(&policy, [&role("named")], &open);
    assert_eq!(named.unwrap_err().roles, [role("named")]);
    assert!(
        local("named")
            .covers_in_tenant(&policy, [&role("named")], &open)
            .is_ok()
    );
    // a reserved role never counts by its name there
    let admin = both.covers_in_tenant(&policy, [&role("rolecall.admin")], &open);
    let excess = admin.unwrap_err();
    assert_eq!(
        (excess.permissions, excess.roles),
        (vec![any.clone().into()], vec![])
    );
}

#[test]
fn a_reserved_role_must_be_held_itself_except_in_a_tenant() {
    let mut rules = PolicyBuilder::default();
    rules.permission("rolecall.users:write".parse().unwrap());
    rules.grant(
        role("rolecall.users"),
        "rolecall.users:write".parse().unwrap(),
    );
    rules.role(role("rolecall.named")).role(role("plain"));
    let (policy, none_open) = (rules.build().unwrap(), BTreeSet::new());
    let of = |holder: &str| Authority::of(&policy, &[role(holder)], &ANY.parse().unwrap());
    let named = [&role("rolecall.named")];
    let excess = of("plain").covers(&policy, named, &none_open).unwrap_err();
    assert_eq!(excess.roles, [role("rolecall.named")]);
    assert!(
        of("rolecall.named")
            .covers(&policy, named, &none_open)
            .is_ok()
    );
    for does_not_count in ["rolecall.named", "rolecall.users"] {
        let target = [&role(does_not_count)];
        let plain = of("plain").covers_in_tenant(&policy, target, &none_open);
        assert_eq!(plain, Ok(()), "{does_not_count}");
    }
    assert!(Authority::unlimited().is_unlimited());
    assert!(Authority::unlimited().union(of("plain")).is_unlimited());
    assert!(of("plain").union(Authority::unlimited()).is_unlimited());
    assert!(!of("plain").union(of("plain")).is_unlimited());
    let held = Authority::in_tenant(&policy, &[role("rolecall.named")], &ANY.parse().unwrap());
    assert!(held.covers(&policy, named, &none_open).is_err());
}

#[test]
fn a_wildcard_is_covered_only_by_the_same_wildcard() {
    let excess = covers(&["writer"], "all-items").unwrap_err();
    assert_eq!(excess.permissions, ["items:*".parse().unwrap()]);
    assert!(covers(&["all-items"], "all-items").is_ok());
}

#[test]
fn a_role_must_be_held_itself_even_if_it_holds_no_permission() {
    assert_eq!(
        covers(&["writer"], "named").unwrap_err().roles,
        [role("named")]
    );
    assert_eq!(
        covers(&["named"], "boss").unwrap_err().roles,
        [role("boss")]
    );
    assert_eq!(
        covers(&["reader"], "chief").unwrap_err().roles,
        [role("chief")],
        "inherited permissions do not replace holding the role"
    );
    assert!(covers(&["boss"], "named").is_ok());
    assert!(
        covers(&[], "user").is_ok(),
        "open to everyone who registers"
    );
}

#[test]
fn a_narrowed_token_limits_an_unlimited_authority() {
    assert!(covers(&["owner"], "all-items").is_ok());
    let any = ANY.parse().unwrap();
    let limited = authority(&["owner"]).limit_to_token(
        &policy(),
        &BTreeSet::from([role("owner")]),
        &BTreeSet::new(),
        &any,
    );
    assert!(!limited.is_unlimited());
    assert!(
        limited
            .covers(&policy(), [&role("reader")], &BTreeSet::new())
            .is_err()
    );
}

#[test]
fn a_wildcard_is_limited_to_the_permissions_of_the_token() {
    let any = ANY.parse().unwrap();
    let limited = |scope: &[&str]| {
        let scope = scope
            .iter()
            .map(|permission| permission.parse().unwrap())
            .collect();
        authority(&["all-items"]).limit_to_token(&policy(), &BTreeSet::new(), &scope, &any)
    };
    assert!(
        limited(&["items:read"])
            .covers_pattern(&"items:read".parse().unwrap())
            .is_ok()
    );
    assert!(
        limited(&["items:read"])
            .covers_pattern(&"items:*".parse().unwrap())
            .is_err()
    );
    assert!(
        limited(&["items:read", "items:write"])
            .covers_pattern(&"items:*".parse().unwrap())
            .is_ok()
    );
    assert!(
        limited(&["items:read", ANY])
            .covers_pattern(&ANY.parse::<Permission>().unwrap().into())
            .is_err(),
        "a token adds nothing"
    );
}
