//! The content of a principal: claims, roles and permissions.

use rolecall::{AccessClaims, Clock as _, Guard, PolicyBuilder, Timestamp, testing::TestIssuer};
use serde_json::json;

use crate::{fixed, role};

#[test]
fn a_principal_has_the_content_of_its_token() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let verified = |claims: fn(&mut AccessClaims)| {
        guard
            .verify(&issuer.token("alice").claims(claims).sign())
            .unwrap()
    };
    let plain = verified(|_| {});
    assert_eq!(plain.issued_at(), issuer.clock().now());
    assert_eq!(plain.auth_time(), Some(issuer.clock().now()));
    assert!(plain.other_claims().is_empty());
    let earlier_login = verified(|claims| claims.auth_time = Some(claims.iat - 5));
    let earlier = Timestamp::from_seconds(issuer.clock().now().seconds() - 5);
    assert_eq!(earlier_login.auth_time(), Some(earlier));
    assert_ne!(plain, earlier_login);
    let more = issuer.token("alice").sign_with(&json!({ "colour": "red" }));
    assert_eq!(guard.verify(&more).unwrap().other_claims()["colour"], "red");
    let token = issuer.token("alice").permission_named("items:read").sign();
    let narrow = guard.verify(&token).unwrap();
    assert_ne!(plain, narrow);
    assert_eq!(narrow, issuer.guard().verify(&token).unwrap());
}

#[test]
fn a_policy_gives_permissions_only_to_tokens_without_a_scope() {
    let mut rules = PolicyBuilder::default();
    rules
        .permission("items:read".parse().unwrap())
        .grant("user".parse().unwrap(), "items:*".parse().unwrap());
    let policy = rules.build().unwrap();
    let issuer = TestIssuer::new();
    let with = fixed(&issuer).policy(policy).build().unwrap();
    let without = fixed(&issuer).build().unwrap();
    let token = |claims| issuer.token("a").role::<role::User>().sign_with(&claims);
    let holds = |guard: &Guard, claims| {
        guard
            .verify(&token(claims))
            .unwrap()
            .has_permission("items:read")
    };
    assert!(holds(&with, json!({ "scope": null })));
    assert!(!holds(&without, json!({ "scope": null })));
    assert!(
        !holds(&with, json!({ "scope": "" })),
        "an empty scope means no permissions"
    );
    assert!(!holds(&with, json!({ "scope": "items:write" })));
    assert!(!holds(&with, json!({ "scope": null, "narrowed": true })));
    assert!(!holds(
        &with,
        json!({ "scope": null, "roles": ["User", "user ", "*", "items:*"] })
    ));
}

#[test]
fn roles_are_found_in_any_order_and_number() {
    let issuer = TestIssuer::new();
    let roles = json!({ "roles": ["user", "z", "admin", "b", "admin", "a"] });
    let caller = issuer
        .guard()
        .verify(&issuer.token("a").sign_with(&roles))
        .unwrap();
    assert_eq!(
        caller.roles().collect::<Vec<_>>(),
        ["a", "admin", "b", "user", "z"]
    );
    assert!(
        ["a", "admin", "b", "user", "z"]
            .iter()
            .all(|role| caller.has_role(role))
    );
    assert!(
        !["", "ab", "use", "users", "zz"]
            .iter()
            .any(|role| caller.has_role(role))
    );
}

#[test]
fn x054_wildcards_and_similar_names_in_a_token_give_nothing() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let scope =
        "items:* *:read * items:Read items:reads item:read role:admin items:read,items:write";
    let token = issuer
        .token("a")
        .sign_with(&json!({ "scope": scope, "roles": ["Admin", "admin ", "*", "admin\u{0}"] }));
    let caller = guard.verify(&token).unwrap();
    assert!(!caller.has_permission("items:read") && !caller.has_permission("items:write"));
    assert!(!caller.has_role("admin"));
}

#[test]
fn y100_the_token_of_a_client_has_no_username() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let client = issuer.token("admin").client();
    let caller = guard.verify(&client.clone().sign()).unwrap();
    assert_eq!((caller.username(), caller.client_id()), ("", "admin"));
    assert_eq!(caller.kind(), rolecall::SubjectKind::Client);
    // an older issuer writes the name of the client
    let older = client.sign_with(&json!({ "username": "admin" }));
    assert_eq!(guard.verify(&older).unwrap().username(), "");
    let nameless = issuer.token("u1").sign_with(&json!({ "username": null }));
    assert_eq!(guard.verify(&nameless).unwrap().username(), "u1");
}

#[test]
fn debug_output_has_no_tokens_or_keys() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    let caller = guard.verify(&token).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let text = format!("{guard:?} {:?} {caller:?} {issuer:?}", issuer.live());
    assert!(!text.contains(signature) && !text.contains(&token));
}
