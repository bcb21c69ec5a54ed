//! The cache of verified tokens: it never changes a decision.

use std::time::Duration;

use rolecall::{Audience, Clock as _, Denial, PolicyBuilder, testing::TestIssuer};

use crate::fixed;

#[test]
fn a_cached_token_expires() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    assert!(guard.verify(&token).is_ok());
    issuer.clock().advance(Duration::from_secs(30 * 60 - 1));
    issuer.live().mark_fresh();
    assert!(guard.verify(&token).is_ok());
    issuer.clock().advance(Duration::from_secs(1));
    for _ in 0..2 {
        assert_eq!(guard.verify(&token).unwrap_err(), Denial::EndedToken);
    }
}

#[test]
fn a_clock_set_back_makes_a_cached_token_not_valid_yet() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let start = issuer.clock().now();
    let token = issuer.token("alice").sign();
    assert!(guard.verify(&token).is_ok());
    issuer.clock().set(start.minus(Duration::from_secs(30)));
    assert!(guard.verify(&token).is_ok(), "within the leeway");
    issuer.clock().set(start.minus(Duration::from_secs(31)));
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::InvalidToken);
    issuer.clock().set(start);
    assert!(guard.verify(&token).is_ok());
}

#[test]
fn different_tokens_never_share_a_cache_entry() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let tokens: Vec<(String, String)> = (0..50)
        .map(|n| format!("user-{n}"))
        .map(|name| (issuer.token(&name).sign(), name))
        .collect();
    for _ in 0..2 {
        for (token, name) in &tokens {
            assert_eq!(guard.verify(token).unwrap().username(), name);
        }
    }
    // the same claims with another signature, and a cached token with one character changed
    let (token, _) = &tokens[0];
    let twin = issuer.token("user-0").sign();
    assert_ne!(*token, twin, "ECDSA signatures are random");
    assert!(guard.verify(&twin).is_ok());
    for at in [0, token.len() / 2, token.len() - 40] {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(guard.verify(&changed).unwrap_err(), Denial::InvalidToken);
    }
    for changed in [
        format!("{token}A"),
        format!("{token}="),
        token[..token.len() - 1].to_owned(),
    ] {
        assert_eq!(guard.verify(&changed).unwrap_err(), Denial::InvalidToken);
    }
}

#[test]
fn a_small_cache_still_decides_correctly() {
    let issuer = TestIssuer::new();
    for capacity in [0, 1, 3] {
        let guard = fixed(&issuer).cache_capacity(capacity).build().unwrap();
        let token = |n: u32| issuer.token(&format!("user-{n}")).sign();
        for n in 0..30 {
            let token = token(n);
            assert_eq!(guard.verify(&token).unwrap().subject(), format!("user-{n}"));
        }
        assert!(
            guard.cached_tokens() <= capacity,
            "{} of {capacity}",
            guard.cached_tokens()
        );
    }
}

#[test]
fn refused_tokens_are_not_cached() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let other = TestIssuer::new();
    for _ in 0..20 {
        assert!(guard.verify(&other.token("alice").sign()).is_err());
        assert!(
            guard
                .verify(&issuer.token("alice").expired().sign())
                .is_err()
        );
    }
    assert_eq!(guard.cached_tokens(), 0);
}

#[test]
fn an_expired_token_is_removed_from_the_cache() {
    let issuer = TestIssuer::new();
    let guard = fixed(&issuer).build().unwrap();
    let token = issuer.token("alice").sign();
    guard.verify(&token).unwrap();
    assert_eq!(guard.cached_tokens(), 1);
    issuer.clock().advance(Duration::from_hours(1));
    assert!(guard.verify(&token).is_err());
    assert_eq!(guard.cached_tokens(), 0);
}

#[test]
fn guards_with_different_audiences_do_not_share_a_cache() {
    let issuer = TestIssuer::new();
    let here = fixed(&issuer).build().unwrap();
    let there = fixed(&issuer)
        .audience("https://there.invalid")
        .build()
        .unwrap();
    let token = issuer.token("alice").sign();
    assert!(here.verify(&token).is_ok());
    assert_eq!(there.verify(&token).unwrap_err(), Denial::InvalidToken);
    let both = vec![
        TestIssuer::URL.to_owned(),
        "https://there.invalid".to_owned(),
    ];
    let token = issuer
        .token("a")
        .claims(|claims| claims.aud = Audience::Many(both))
        .sign();
    assert!(here.verify(&token).is_ok() && there.verify(&token).is_ok());
}

#[test]
fn a_new_policy_applies_to_cached_tokens() {
    let issuer = TestIssuer::new();
    let policy = |permission: &str| {
        let mut rules = PolicyBuilder::default();
        let role: rolecall_core::RoleName = "admin".parse().unwrap();
        rules.permission(permission.parse().unwrap());
        rules.grant(role, permission.parse().unwrap());
        std::sync::Arc::new(rules.build().unwrap())
    };
    let token = issuer
        .token("alice")
        .role_named("admin")
        .claims(|claims| claims.scope = None)
        .sign();
    let guard = issuer.guard();
    issuer.live().set_policy(policy("items:read"));
    assert!(guard.verify(&token).unwrap().has_permission("items:read"));
    issuer.live().set_policy(policy("items:write"));
    let caller = guard.verify(&token).unwrap();
    assert!(caller.has_permission("items:write"));
    assert!(
        !caller.has_permission("items:read"),
        "no longer given by the policy"
    );
}
