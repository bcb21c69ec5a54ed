//! Removed keys, floors and a new era take effect on the next request, also for cached tokens.

use std::time::Duration;

use rolecall::{
    Clock as _, Denial, Floor, FloorKind,
    testing::TestIssuer,
    token::{Algorithm, KeySet, SigningKey},
};
use serde_json::json;

use crate::{fixed, floor, role};

#[test]
fn x009_removing_a_key_refuses_its_cached_tokens() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let token = issuer.token("alice").sign();
    assert!(guard.verify(&token).is_ok());
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let both = vec![other.verifying_key(), issuer.key().verifying_key()];
    issuer.live().set_keys(KeySet::new(both).unwrap());
    assert!(guard.verify(&token).is_ok(), "the key is still in the set");
    let alone = KeySet::new(vec![other.verifying_key()]).unwrap();
    issuer.live().set_keys(alone);
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::InvalidToken);
    issuer.live().set_keys(KeySet::empty());
    assert_eq!(guard.verify(&token).unwrap_err(), Denial::Unavailable);
}

#[test]
fn a_floor_of_each_kind_refuses_older_cached_tokens() {
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
        assert!(
            guard.verify(&older).is_err(),
            "a lower floor changes nothing"
        );
    }
}

#[test]
fn a_token_of_another_era_or_without_one_has_ended() {
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
    let bare = issuer.token("a").sign_with(&bare);
    // RFC 9068 section 2.2 requires the ids, which issuers other than rolecall leave out
    assert_eq!(guard.verify(&bare).unwrap_err(), Denial::InvalidToken);
    let guard = fixed(&issuer)
        .foreign_issuer(TestIssuer::URL)
        .build()
        .unwrap();
    let caller = guard.verify(&bare).unwrap();
    assert_eq!(
        caller.roles().count() + caller.permissions().count(),
        0,
        "valid, but without roles and permissions"
    );
    // those without the ids by which they could be revoked are not rolecall's own
    let ids = json!({ "jti": null, "client_id": null });
    let refused = guard.verify(&issuer.token("a").sign_with(&ids));
    assert_eq!(refused.unwrap_err(), Denial::InvalidToken);
}

#[test]
fn pruning_removes_only_floors_that_have_ended() {
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
