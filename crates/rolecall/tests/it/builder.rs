//! Building guards, and the tokens that they accept.

use rolecall::{
    AccessClaims, Audience, Denial, Guard, GuardError,
    testing::TestIssuer,
    token::{Algorithm, KeySet, MAX_TOKEN_BYTES, SigningKey},
};
use serde_json::json;

#[test]
fn an_incomplete_or_ambiguous_guard_is_not_built() {
    let secret = [7; 32];
    let base = || Guard::builder().issuer("i").audience("a");
    // with feature `remote`, keys are loaded from the issuer, which must be a URL
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
fn guards_accept_tokens_of_a_shared_secret_or_a_jwk_set() {
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
fn a_guard_with_two_audiences_accepts_no_third_or_empty_one() {
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
fn the_length_of_a_token_is_limited() {
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
