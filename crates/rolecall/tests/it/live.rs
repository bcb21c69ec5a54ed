//! What changes after a token was verified is seen on the next request, cached or not.

use std::{sync::Arc, time::Duration};

use rolecall::{
    AccessClaims, Audience, Clock as _, Denial, Floor, FloorKind, Guard, GuardError, LiveState,
    ManualClock, OnStale, PolicyBuilder, Timestamp,
    testing::TestIssuer,
    token::{Algorithm, KeySet, MAX_TOKEN_BYTES, SigningKey},
};
use serde_json::json;

use crate::role;

fn floor(kind: FloorKind, key: &str, revision: i64) -> Floor {
    Floor {
        kind,
        key: key.to_owned(),
        revision,
        until: Timestamp::MAX,
    }
}

#[test]
fn a_token_ends_while_it_is_cached() {
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
fn the_longest_token_there_may_be_is_not_refused_and_a_longer_one_is() {
    let issuer = TestIssuer::new();
    let sized = |filler: usize| {
        let filled = |claims: &mut AccessClaims| claims.scope = Some("s".repeat(filler));
        issuer.token("alice").claims(filled).sign()
    };
    let least = (MAX_TOKEN_BYTES - sized(0).len()) / 4 * 3;
    let longest = (least - 8..MAX_TOKEN_BYTES)
        .map(sized)
        .find(|token| token.len() == MAX_TOKEN_BYTES)
        .unwrap();
    assert!(issuer.guard().verify(&longest).is_ok());
    let longer = longest + "A";
    assert_eq!(
        issuer.guard().verify(&longer).unwrap_err(),
        Denial::InvalidToken
    );
}

#[test]
fn a_principal_says_what_its_token_says_and_is_equal_to_no_other() {
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
    let told = verified(|claims| claims.auth_time = Some(claims.iat - 5));
    let earlier = Timestamp::from_seconds(issuer.clock().now().seconds() - 5);
    assert_eq!(told.auth_time(), Some(earlier));
    assert_ne!(plain, told);
    let more = issuer.token("alice").sign_with(&json!({ "colour": "red" }));
    assert_eq!(guard.verify(&more).unwrap().other_claims()["colour"], "red");
    let token = issuer.token("alice").permission_named("items:read").sign();
    let narrow = guard.verify(&token).unwrap();
    assert_ne!(plain, narrow);
    assert_eq!(narrow, issuer.guard().verify(&token).unwrap());
}

#[test]
fn x009_a_key_that_is_taken_away_ends_its_cached_tokens() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    assert!(guard.verify(&token).is_ok());
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let both = vec![other.verifying_key(), issuer.key().verifying_key()];
    issuer.live().set_keys(KeySet::new(both).unwrap());
    assert!(guard.verify(&token).is_ok(), "still among the keys");
    let alone = KeySet::new(vec![other.verifying_key()]).unwrap();
    issuer.live().set_keys(alone);
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::InvalidToken);
    issuer.live().set_keys(KeySet::empty());
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::Unavailable);
}

#[test]
fn a_floor_of_each_kind_ends_a_cached_token_and_only_older_ones() {
    let kinds = [
        (FloorKind::Subject, "alice"),
        (FloorKind::Client, "rolecall"),
        (FloorKind::Role, "user"),
        (FloorKind::Sid, "session-alice"),
        (FloorKind::Jti, "test-alice"),
    ];
    for (kind, key) in kinds {
        let issuer = TestIssuer::new();
        let guard = issuer.guard();
        let at = |rev| issuer.token("alice").role::<role::User>().rev(rev).sign();
        let (older, newer) = (at(7), at(8));
        assert!(guard.verify(&older).is_ok() && guard.verify(&newer).is_ok());
        issuer.live().raise(&[floor(kind, "someone-else", 8)]);
        assert!(guard.verify(&older).is_ok(), "{kind:?}");
        issuer.live().raise(&[floor(kind, key, 8)]);
        assert_eq!(
            guard.verify(&older).unwrap_err(),
            Denial::EndedToken,
            "{kind:?}"
        );
        assert!(guard.verify(&newer).is_ok(), "{kind:?}");
        issuer.live().raise(&[floor(kind, key, 3)]);
        assert!(guard.verify(&older).is_err(), "a lower floor lifts nothing");
    }
}

#[test]
fn a_token_of_another_era_has_ended_also_one_without() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    assert!(guard.verify(&token).is_ok());
    issuer.live().replace("next", &[]);
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::EndedToken);
    let without = issuer.token("alice").sign_with(&json!({ "era": null }));
    assert_eq!(guard.verify(&without).unwrap_err(), Denial::EndedToken);
    assert!(guard.verify(&issuer.token("alice").sign()).is_ok());
}

#[test]
fn a_guard_without_a_live_state_ignores_revision_and_era() {
    let issuer = TestIssuer::new();
    let guard = fixed(&issuer).build().unwrap();
    assert!(guard.verify(&issuer.token("a").rev(0).sign()).is_ok());
    issuer
        .live()
        .replace("other", &[floor(FloorKind::Subject, "a", 9)]);
    issuer.clock().advance(Duration::from_mins(1));
    let bare = json!({ "era": null, "rev": null, "sid": null, "jti": null, "client_id": null,
        "roles": null, "scope": null, "username": null, "auth_time": null, "subject_kind": null });
    let caller = guard.verify(&issuer.token("a").sign_with(&bare)).unwrap();
    assert_eq!(
        caller.roles().count() + caller.permissions().count(),
        0,
        "valid, holds nothing"
    );
}

fn fixed(issuer: &TestIssuer) -> rolecall::GuardBuilder {
    let keys = KeySet::new(vec![issuer.key().verifying_key()]).unwrap();
    Guard::builder()
        .keys(keys)
        .issuer(TestIssuer::URL)
        .audience(TestIssuer::URL)
        .clock(issuer.clock().clone())
}

#[test]
fn a_state_that_is_too_old_is_503_until_it_is_fresh_again() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    issuer.clock().advance(Duration::from_secs(30));
    assert!(guard.verify(&token).is_ok(), "not older than it may be");
    issuer.clock().advance(Duration::from_micros(1));
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::Unavailable);
    assert_eq!(
        guard.verify("x").unwrap_err(),
        Denial::Unavailable,
        "nor is a bad one judged"
    );
    issuer.live().mark_fresh_with_age(Duration::from_secs(31));
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::Unavailable);
    issuer.live().mark_fresh_with_age(Duration::from_secs(29));
    assert!(guard.verify(&token).is_ok());
}

#[tokio::test]
async fn x014_a_state_that_is_too_old_answers_503_with_retry_after_and_public_routes_go_on() {
    let issuer = TestIssuer::new();
    let app = rolecall::GuardedRouter::new(issuer.guard())
        .route(
            "/me",
            rolecall::routing::get(|_: rolecall::Authenticated| async {}),
        )
        .route(
            "/open",
            rolecall::routing::get(|_: rolecall::Public| async {}),
        )
        .into_axum();
    issuer.clock().advance(Duration::from_secs(31));
    let answer = crate::get(&app, "/me", crate::user(&issuer)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(answer.challenge().is_none());
    assert_eq!(crate::get(&app, "/me", None).await.status, 401);
    assert_eq!(
        crate::get(&app, "/open", crate::user(&issuer)).await.status,
        200
    );
}

#[test]
fn accepting_an_old_state_is_a_choice_and_still_refuses_what_is_known() {
    let issuer = TestIssuer::new();
    let guard = Guard::builder()
        .live(issuer.live().clone())
        .issuer(TestIssuer::URL)
        .audience(TestIssuer::URL)
        .clock(issuer.clock().clone())
        .max_staleness(Duration::from_secs(5))
        .on_stale(OnStale::Accept)
        .build()
        .unwrap();
    issuer.clock().advance(Duration::from_mins(1));
    let token = issuer.token("alice").sign();
    assert!(guard.verify(&token).is_ok());
    issuer
        .live()
        .raise(&[floor(FloorKind::Subject, "alice", 1)]);
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::EndedToken);
}

#[test]
fn an_answer_that_comes_late_does_not_age_the_state() {
    let clock = ManualClock::at(Timestamp::from_seconds(0));
    let state = LiveState::new(KeySet::empty(), "e", Arc::new(clock.clone()));
    clock.advance(Duration::from_secs(10));
    state.mark_fresh_with_age(Duration::from_secs(2));
    state.mark_fresh_with_age(Duration::from_secs(9));
    assert_eq!(state.age(), Duration::from_secs(2));
    clock.set(Timestamp::from_seconds(-1_000_000));
    assert_eq!(
        state.age(),
        Duration::from_secs(2),
        "the time of day is no age"
    );
}

#[test]
fn pruning_forgets_only_floors_that_no_token_lies_under() {
    let issuer = TestIssuer::new();
    let until = issuer.clock().now().plus(Duration::from_mins(1));
    let short = Floor {
        until,
        ..floor(FloorKind::Subject, "alice", 5)
    };
    issuer
        .live()
        .raise(&[short, floor(FloorKind::Subject, "bob", 5)]);
    assert_eq!(issuer.live().floor_count(), 2);
    issuer.live().prune(issuer.clock().now());
    assert_eq!(issuer.live().floor_count(), 2);
    issuer.live().prune(until);
    assert_eq!(issuer.live().floor_count(), 1);
    let guard = issuer.guard();
    assert!(guard.verify(&issuer.token("bob").sign()).is_err());
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
fn two_tokens_never_share_an_entry_of_the_cache() {
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
    // the same claims under another signature, and a cached token with one character changed
    let (token, _) = &tokens[0];
    let twin = issuer.token("user-0").sign();
    assert_ne!(*token, twin, "ECDSA draws a number for each signature");
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
fn a_small_cache_forgets_and_still_decides_right() {
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
fn what_is_refused_is_not_remembered() {
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
fn a_token_that_has_ended_leaves_the_cache_when_it_is_seen() {
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
fn guards_with_another_audience_do_not_share_what_they_verified() {
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
fn a_new_policy_is_not_overheard_by_a_token_that_was_verified_before() {
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
        "what the policy no longer gives"
    );
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
        "an empty scope says none"
    );
    assert!(!holds(&with, json!({ "scope": "items:write" })));
    assert!(!holds(&with, json!({ "scope": null, "narrowed": true })));
    assert!(!holds(
        &with,
        json!({ "scope": null, "roles": ["User", "user ", "*", "items:*"] })
    ));
}

#[test]
fn roles_are_found_in_whatever_order_and_number_the_token_lists_them() {
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
fn x054_wildcards_and_near_misses_in_a_token_give_nothing() {
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
fn an_incomplete_or_ambiguous_guard_is_not_built() {
    let secret = [7; 32];
    let base = || Guard::builder().issuer("i").audience("a");
    // with the feature `remote`, an issuer without keys is asked for them
    assert!(matches!(base().build(), Err(GuardError::Issuer(_))));
    assert_eq!(
        base().keys(KeySet::empty()).build().unwrap_err(),
        GuardError::NoKeys
    );
    assert_eq!(
        base().jwk_set(r#"{"keys":[]}"#).build().unwrap_err(),
        GuardError::NoKeys
    );
    let twice = base()
        .secret(Algorithm::Hs256, &secret)
        .secret(Algorithm::Hs256, &secret);
    assert_eq!(twice.build().unwrap_err(), GuardError::TwoKeySources);
    assert!(matches!(
        base()
            .secret(Algorithm::Hs256, &secret[..31])
            .build()
            .unwrap_err(),
        GuardError::Key(_)
    ));
    assert!(matches!(
        base().jwk_set("{}").build().unwrap_err(),
        GuardError::Key(_)
    ));
    let keyed = || Guard::builder().secret(Algorithm::Hs256, &secret);
    assert_eq!(
        keyed().audience("a").build().unwrap_err(),
        GuardError::NoIssuer
    );
    assert_eq!(
        keyed().issuer("i").build().unwrap_err(),
        GuardError::NoAudience
    );
    assert_eq!(
        keyed().issuer("i").audience("").build().unwrap_err(),
        GuardError::NoAudience
    );
}

#[test]
fn a_guard_from_a_shared_secret_and_one_from_a_jwk_set_accept_their_tokens() {
    let secret = *b"a secret of at least 32 bytes ....";
    let key = SigningKey::from_secret(Algorithm::Hs256, None, &secret).unwrap();
    let issuer = TestIssuer::new();
    let mut claims = None;
    let _ = issuer
        .token("alice")
        .claims(|made| claims = Some(made.clone()));
    let claims = claims.unwrap();
    let base = || {
        Guard::builder()
            .issuer(TestIssuer::URL)
            .audience(TestIssuer::URL)
            .clock(issuer.clock().clone())
    };
    let shared = base().secret(Algorithm::Hs256, &secret).build().unwrap();
    assert!(shared.verify(&key.sign(&claims).unwrap()).is_ok());
    let set = json!({ "keys": [issuer.key().public_jwk().unwrap()] }).to_string();
    let public = base().jwk_set(&set).build().unwrap();
    assert!(public.verify(&issuer.key().sign(&claims).unwrap()).is_ok());
    assert!(public.verify(&key.sign(&claims).unwrap()).is_err());
    assert!(shared.verify(&issuer.key().sign(&claims).unwrap()).is_err());
}

#[test]
fn a_guard_of_two_audiences_takes_no_third_and_no_empty_one() {
    let issuer = TestIssuer::new();
    let base = || {
        Guard::builder()
            .live(issuer.live().clone())
            .issuer(TestIssuer::URL)
            .audience("https://a.example")
            .clock(issuer.clock().clone())
    };
    let guard = base().or_audience("https://b.example").build().unwrap();
    for (audience, taken) in [("a", true), ("b", true), ("c", false)] {
        let audience = Audience::One(format!("https://{audience}.example"));
        let token = issuer.token("alice").claims(|claims| claims.aud = audience);
        assert_eq!(guard.verify(&token.sign()).is_ok(), taken);
    }
    let error = base().or_audience("").build().unwrap_err();
    assert_eq!(error, GuardError::NoAudience);
}

#[test]
fn nothing_of_a_token_or_a_key_shows_in_debug() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    let caller = guard.verify(&token).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let text = format!("{guard:?} {:?} {caller:?} {issuer:?}", issuer.live());
    assert!(!text.contains(signature) && !text.contains(&token));
}

mod lost {
    use rolecall::{Floor, FloorKind, Timestamp, testing::TestIssuer, token::KeySet};
    use std::time::Duration;

    const SOON: Duration = Duration::from_secs(10);

    /// Fails unless a stream of alice ends by `what`, and shows that it stood before.
    async fn ends_by(what: impl FnOnce(&TestIssuer)) {
        let issuer = TestIssuer::new();
        let caller = issuer
            .guard()
            .verify(&issuer.token("alice").rev(1).sign())
            .unwrap();
        // dropped before it was over, and asked again
        for _ in 0..2 {
            let lost = tokio::time::timeout(Duration::from_millis(1), caller.lost()).await;
            assert!(lost.is_err());
        }
        let waiting = {
            let caller = caller.clone();
            tokio::spawn(async move { caller.lost().await })
        };
        tokio::task::yield_now().await;
        what(&issuer);
        tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
        tokio::time::timeout(SOON, caller.lost()).await.unwrap();
    }

    #[tokio::test]
    async fn a_stream_does_not_outlive_its_token() {
        ends_by(|issuer| issuer.clock().advance(Duration::from_hours(1))).await;
    }

    #[tokio::test]
    async fn a_stream_does_not_outlive_a_loss() {
        ends_by(|issuer| {
            let caller = issuer
                .guard()
                .verify(&issuer.token("alice").rev(1).sign())
                .unwrap();
            issuer.live().raise(&[Floor {
                kind: FloorKind::Subject,
                key: caller.subject().to_owned(),
                revision: 2,
                until: Timestamp::MAX,
            }]);
        })
        .await;
    }

    #[tokio::test]
    async fn a_stream_does_not_outlive_era_key_and_fresh_state() {
        ends_by(|issuer| issuer.live().replace("another", &[])).await;
        ends_by(|issuer| issuer.live().set_keys(KeySet::empty())).await;
        ends_by(|issuer| {
            let long = Duration::from_secs(40);
            // only the state grows old: the time of day stays
            let now = rolecall::Clock::now(issuer.clock());
            issuer.clock().advance(long);
            issuer.clock().set(now);
        })
        .await;
    }

    #[tokio::test]
    async fn a_loss_of_another_ends_no_stream() {
        let issuer = TestIssuer::new();
        let caller = issuer
            .guard()
            .verify(&issuer.token("alice").rev(1).sign())
            .unwrap();
        issuer.live().raise(&[Floor {
            kind: FloorKind::Subject,
            key: "another".into(),
            revision: 2,
            until: Timestamp::MAX,
        }]);
        let lost = tokio::time::timeout(Duration::from_millis(20), caller.lost()).await;
        assert!(lost.is_err());
    }
}
