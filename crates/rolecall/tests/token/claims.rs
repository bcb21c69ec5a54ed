//! Claims with wrong types or values, from other issuers, for other audiences, and outside their validity.

use std::time::Duration;

use rolecall::token::{KeySet, MAX_LIFETIME, Reason, TokenError, Verifier};
use rolecall_core::{Audience, SubjectKind, Timestamp};
use serde_json::{Value, json};

use crate::support::*;

/// Returns a correctly signed token with one claim changed.
fn token_with(name: &str, value: impl Into<Value>) -> String {
    sign(&HS256, &header(&HS256), &with(claims(), name, value))
}

#[track_caller]
fn assert_claim_refused(name: &str, value: impl Into<Value>, reason: Reason) {
    assert_refused(&HS256, &token_with(name, value), reason);
}

/// Asserts that a token is refused in which the claim has exactly this JSON text.
#[track_caller]
fn assert_text_refused(name: &str, text: &str) {
    let marked = with(claims(), name, "@").to_string();
    let payload = marked.replace(r#""@""#, text);
    assert_ne!(marked, payload);
    let token = HS256.sign_raw(&header(&HS256), payload.as_bytes()).unwrap();
    assert_refused(&HS256, &token, Reason::Claims);
}

#[track_caller]
fn assert_time_is_a_date(name: &str) {
    let soon = NOW + 60;
    for text in [
        format!("\"{soon}\""),
        format!("\"{soon}.5\""),
        format!("-{soon}"),
        format!("-{soon}.5"),
        format!("[{soon}]"),
        format!("{{\"$numberLong\":\"{soon}\"}}"),
        "1e300".into(),
        "-1".into(),
        "-0.0".into(),
        "-0.5".into(),
        "253402300800.5".into(),
        "18446744073709551615".into(),
        "18446744073709551616".into(),
        "9223372036854775808".into(),
        "9223372036854775807".into(),
        "253402300800".into(),
        "1e400".into(),
        "null".into(),
        "true".into(),
        "\"\"".into(),
        "\"never\"".into(),
        "[]".into(),
        "{}".into(),
        "NaN".into(),
        "Infinity".into(),
        "0x1".into(),
        "010".into(),
    ] {
        assert_text_refused(name, &text);
    }
}

#[test]
fn claim_exp_string_negative_or_out_of_range_is_refused() {
    assert_time_is_a_date("exp");
}

#[test]
fn claim_nbf_string_negative_or_out_of_range_is_refused() {
    assert_time_is_a_date("nbf");
}

#[test]
fn claim_iat_string_negative_or_out_of_range_is_refused() {
    assert_time_is_a_date("iat");
}

#[test]
fn claim_auth_time_of_a_wrong_type_is_refused() {
    assert_time_is_a_date("auth_time");
}

#[test]
fn claim_missing_but_required_is_refused() {
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        let token = sign(&HS256, &header(&HS256), &without(claims(), name));
        assert_refused(&HS256, &token, Reason::Claims);
    }
}

#[test]
fn claim_exp_has_no_leeway() {
    let token = token(&HS256);
    let (keys, exp) = (only(&HS256), NOW + 1800);
    assert!(verify_at(&keys, &token, exp - 1).is_ok());
    assert_eq!(verify_at(&keys, &token, exp), Err(TokenError::Ended));
    assert_eq!(verify_at(&keys, &token, exp + 1), Err(TokenError::Ended));
    let verifier = Verifier::new(ISSUER, AUDIENCE).with_leeway(Duration::from_hours(1));
    let at = |micros| verifier.verify(&keys, &token, Timestamp::from_micros(micros));
    assert!(at(exp * 1_000_000 - 1).is_ok());
    assert_eq!(at(exp * 1_000_000), Err(TokenError::Ended));
    let never = verifier.verify(&keys, &token, Timestamp::MAX);
    assert_eq!(never, Err(TokenError::Ended));
}

#[test]
fn claim_exp_passed_does_not_hide_another_fault() {
    let late = NOW + 10_000;
    let keys = only(&HS256);
    for (name, value, reason) in [
        ("iss", json!("https://evil.example"), Reason::Issuer),
        ("aud", json!("https://other.example"), Reason::Audience),
        ("nbf", json!(late + 31), Reason::NotYetValid),
        ("iat", json!(late + 31), Reason::NotYetValid),
        ("sub", json!(""), Reason::Claims),
        ("roles", json!("admin"), Reason::Claims),
        ("iat", json!(NOW + 1800 - 86_401), Reason::Lifetime),
    ] {
        let refused = verify_at(&keys, &token_with(name, value), late);
        assert_eq!(refused, Err(TokenError::Invalid(reason)), "{name}");
    }
    let typ = sign(&HS256, &with(header(&HS256), "typ", "JWT"), &claims());
    assert_eq!(
        verify_at(&keys, &typ, late),
        Err(TokenError::Invalid(Reason::Type))
    );
    let forged = forge_hs256(&header(&HS256), &[0; 32]);
    assert_eq!(
        verify_at(&keys, &forged, late),
        Err(TokenError::Invalid(Reason::Signature))
    );
    assert_eq!(
        verify_at(&keys, &token(&HS256), late),
        Err(TokenError::Ended)
    );
}

#[test]
fn claim_nbf_and_iat_more_than_thirty_seconds_ahead_are_refused() {
    for name in ["nbf", "iat"] {
        let keys = only(&HS256);
        assert!(verify(&keys, &token_with(name, NOW + 30)).is_ok());
        assert_claim_refused(name, NOW + 31, Reason::NotYetValid);
        let strict = Verifier::new(ISSUER, AUDIENCE).with_leeway(Duration::ZERO);
        let now = Timestamp::from_seconds(NOW);
        assert!(strict.verify(&keys, &token_with(name, NOW), now).is_ok());
        assert_eq!(
            strict.verify(&keys, &token_with(name, NOW + 1), now),
            Err(TokenError::Invalid(Reason::NotYetValid))
        );
    }
}

#[test]
fn claim_exp_more_than_a_day_after_iat_is_refused() {
    assert_eq!(MAX_LIFETIME, Duration::from_hours(24));
    let iat = NOW - 60;
    assert!(verify(&only(&HS256), &token_with("exp", iat + 86_400)).is_ok());
    assert_claim_refused("exp", iat + 86_401, Reason::Lifetime);
    assert_claim_refused("exp", 253_402_300_799i64, Reason::Lifetime);
    assert_claim_refused("iat", 0, Reason::Lifetime);
}

#[test]
fn claim_iss_substring_or_superstring_is_refused() {
    for iss in [
        "",
        "https://id.exampl",
        "https",
        "https://id.example/",
        "https://id.example.evil",
        " https://id.example",
        "HTTPS://ID.EXAMPLE",
        "https://id.example\0",
        "http://id.example",
        "https://evil.example?https://id.example",
        "https://id.examp\u{200b}le",
    ] {
        assert_claim_refused("iss", iss, Reason::Issuer);
    }
}

#[test]
fn claim_iss_array_that_contains_the_issuer_is_refused() {
    for iss in [
        json!([ISSUER]),
        json!(["https://evil.example", ISSUER]),
        json!({ISSUER: 1}),
    ] {
        assert_claim_refused("iss", iss, Reason::Claims);
    }
    assert_claim_refused("iss", Value::Null, Reason::Claims);
    assert_claim_refused("iss", 1, Reason::Claims);
}

#[test]
fn x004_o093_claim_aud_of_another_api_is_refused() {
    for aud in [
        json!("https://other.example"),
        json!("https://api.exampl"),
        json!("https://api.example/"),
        json!(""),
        json!(["https://other.example", "https://api.example/"]),
        json!("https://api.example https://other.example"),
        json!("https://other.example,https://api.example"),
        json!([""]),
    ] {
        assert_claim_refused("aud", aud, Reason::Audience);
    }
}

#[test]
fn claim_aud_empty_array_object_or_mixed_array_is_refused() {
    for aud in [
        json!([]),
        json!({}),
        json!({AUDIENCE: true}),
        json!([AUDIENCE, 1]),
        json!([[AUDIENCE]]),
        json!([null, AUDIENCE]),
        Value::Null,
        json!(1),
        json!(true),
    ] {
        assert_claim_refused("aud", aud, Reason::Claims);
    }
}

#[test]
fn claim_aud_array_with_the_audience_is_accepted() {
    let token = token_with("aud", json!(["https://other.example", AUDIENCE]));
    let claims = verify(&only(&HS256), &token).unwrap();
    assert!(matches!(&claims.aud, Audience::Many(many) if many.len() == 2));
    let single = verify(&only(&HS256), &token_with("aud", json!([AUDIENCE]))).unwrap();
    assert!(single.aud.contains(AUDIENCE));
}

#[test]
fn claim_aud_of_a_second_audience_is_accepted_only_if_it_was_added() {
    let token = token_with("aud", "https://second.example");
    let verifier = Verifier::new(ISSUER, AUDIENCE).or_audience("https://second.example");
    assert_eq!(verifier.issuer(), ISSUER);
    let now = Timestamp::from_seconds(NOW);
    assert!(verifier.verify(&only(&HS256), &token, now).is_ok());
    assert!(verify(&only(&HS256), &token).is_err());
}

#[test]
fn claim_sub_empty_or_not_a_string_is_refused() {
    for sub in [
        json!(""),
        json!(1),
        json!(null),
        json!(["u1"]),
        json!({"id": "u1"}),
    ] {
        assert_claim_refused("sub", sub, Reason::Claims);
    }
}

#[test]
fn claim_of_rolecall_with_a_wrong_type_is_refused() {
    for (name, values) in [
        (
            "roles",
            vec![
                json!("admin"),
                json!([1]),
                json!([["admin"]]),
                json!({"admin": true}),
            ],
        ),
        ("scope", vec![json!(["items:read"]), json!(1)]),
        (
            "subject_kind",
            vec![json!("admin"), json!("User"), json!(""), json!(1)],
        ),
        ("narrowed", vec![json!("true"), json!(1), json!([])]),
        ("rev", vec![json!("7"), json!(-1), json!(7.5), json!([7])]),
        ("tenant", vec![json!(1), json!(["acme"])]),
        (
            "global",
            vec![
                json!("admin"),
                json!(["admin"]),
                json!({ "roles": "admin" }),
                json!({ "roles": [1] }),
                json!({ "roles": null }),
                json!({ "scope": ["items:read"] }),
            ],
        ),
        ("sid", vec![json!(1), json!([])]),
        ("jti", vec![json!(1), json!({})]),
        ("client_id", vec![json!(1), json!(["rolecall"])]),
        ("username", vec![json!(1), json!(["alice"])]),
        ("era", vec![json!(1)]),
    ] {
        for value in values.into_iter().chain([Value::Null]) {
            assert_claim_refused(name, value, Reason::Claims);
        }
    }
}

#[test]
fn y105_the_ids_that_revoke_a_token_are_required_of_rolecalls_own() {
    let keys = only(&HS256);
    for name in ["client_id", "jti"] {
        for token in [
            sign(&HS256, &header(&HS256), &without(claims(), name)),
            token_with(name, ""),
        ] {
            assert_refused(&HS256, &token, Reason::Claims);
        }
        for own in ["rev", "era"] {
            let bare = json!({ "iss": ISSUER, "sub": "u9", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60,
                "client_id": "c", "jti": "j", own: claims()[own] });
            let whole = sign(&HS256, &header(&HS256), &bare);
            assert!(verify(&keys, &whole).is_ok(), "{own}");
            let token = sign(&HS256, &header(&HS256), &without(bare, name));
            assert_refused(&HS256, &token, Reason::Claims);
        }
    }
}

#[test]
fn the_ids_of_rfc_9068_are_required_unless_the_issuer_is_foreign() {
    let whole = json!({ "iss": ISSUER, "sub": "u9", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60,
        "client_id": "c", "jti": "j" });
    let foreign = Verifier::new(ISSUER, AUDIENCE).allow_missing_ids();
    let (keys, now) = (only(&HS256), Timestamp::from_seconds(NOW));
    assert!(verify(&keys, &sign(&HS256, &header(&HS256), &whole)).is_ok());
    for name in ["client_id", "jti"] {
        for claims in [without(whole.clone(), name), with(whole.clone(), name, "")] {
            let token = sign(&HS256, &header(&HS256), &claims);
            assert_refused(&HS256, &token, Reason::Claims);
            assert!(foreign.verify(&keys, &token, now).is_ok(), "{name}");
            // what a floor must be able to end stays strict
            let own = sign(&HS256, &header(&HS256), &with(claims, "era", "e1"));
            let refused = foreign.verify(&keys, &own, now);
            assert_eq!(refused, Err(TokenError::Invalid(Reason::Claims)), "{name}");
        }
    }
}

#[test]
fn y104_a_date_with_a_fraction_is_rounded_down() {
    let keys = only(&HS256);
    let now = 4_000_000_000.0;
    let dates = with(claims(), "exp", now + 1800.999);
    let dates = with(with(dates, "iat", now - 59.25), "nbf", 0.5);
    let dates = with(dates, "auth_time", now);
    let token = sign(&HS256, &header(&HS256), &dates);
    let read = verify(&keys, &token).unwrap();
    assert_eq!(
        (read.iat, read.exp, read.nbf),
        (NOW - 60, NOW + 1800, Some(0))
    );
    assert_eq!(read.auth_time, Some(NOW));
    // it has ended as soon as the whole seconds have passed
    assert!(verify_at(&keys, &token, NOW + 1799).is_ok());
    assert_eq!(verify_at(&keys, &token, NOW + 1800), Err(TokenError::Ended));
    // revisions are no dates
    assert_claim_refused("rev", 7.5, Reason::Claims);
}

#[test]
fn dup_claims_are_refused_even_if_escaped_or_nested() {
    let good = claims().to_string();
    let body = good.strip_suffix('}').unwrap();
    for duplicate in [
        r#""sub":"root""#,
        r#""\u0073ub":"root""#,
        r#""exp":4000001800"#,
        r#""x":1,"x":1"#,
        r#""x":{"y":1,"y":2}"#,
        r#""x":[{"":1,"":2}]"#,
        r#""roles":["root"]"#,
    ] {
        let payload = format!("{body},{duplicate}}}");
        let token = HS256.sign_raw(&header(&HS256), payload.as_bytes()).unwrap();
        assert_refused(&HS256, &token, Reason::Claims);
        let first = format!("{{{duplicate},{}", &good[1..]);
        let token = HS256.sign_raw(&header(&HS256), first.as_bytes()).unwrap();
        assert_refused(&HS256, &token, Reason::Claims);
    }
}

#[test]
fn a_payload_that_is_not_a_json_object_is_refused() {
    let good = claims().to_string();
    for payload in [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        format!("[{good}]"),
        format!("{good}{good}"),
        format!("{good}x"),
        format!("\u{feff}{good}"),
        "\"x\"".into(),
        good.replace('}', ""),
        good.replace("alice", "\\ud800"),
    ] {
        let token = HS256.sign_raw(&header(&HS256), payload.as_bytes()).unwrap();
        assert_refused(&HS256, &token, Reason::Claims);
    }
    let latin = good.replace("alice", "@").into_bytes();
    let latin: Vec<u8> = latin
        .iter()
        .map(|byte| if *byte == b'@' { 0xe9 } else { *byte })
        .collect();
    let token = HS256.sign_raw(&header(&HS256), &latin).unwrap();
    assert_refused(&HS256, &token, Reason::Claims);
}

#[test]
fn missing_optional_claims_have_neutral_values() {
    let bare = json!({"iss": ISSUER, "sub": "u9", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 60});
    let foreign = Verifier::new(ISSUER, AUDIENCE).allow_missing_ids();
    let token = sign(&HS256, &header(&HS256), &bare);
    let now = Timestamp::from_seconds(NOW);
    let claims = foreign.verify(&only(&HS256), &token, now).unwrap();
    assert_eq!(claims.subject_kind, SubjectKind::User);
    assert_eq!(
        (claims.username.as_str(), claims.client_id.as_str()),
        ("u9", "")
    );
    assert!(claims.roles.is_empty() && claims.scope.is_empty() && claims.era.is_empty());
    assert!(!claims.narrowed && claims.rev == 0 && claims.jti.is_empty() && !claims.has_scope);
    assert!(claims.tenant.is_none() && claims.sid.is_none() && claims.nbf.is_none());
    assert!(claims.other.is_empty());
}

#[test]
fn unknown_claims_are_kept_and_grant_nothing() {
    let more = with(claims(), "permissions", json!(["rolecall.users:write"]));
    let more = with(more, "is_admin", true);
    let claims = verify(&only(&HS256), &sign(&HS256, &header(&HS256), &more)).unwrap();
    assert_eq!(claims.other["is_admin"], true);
    assert_eq!(claims.other.len(), 2);
    assert_eq!(
        (claims.roles.len(), claims.scope.as_str()),
        (1, "items:read")
    );
}

#[test]
fn every_claim_is_returned_as_written() {
    let global = json!({ "roles": ["admin"], "scope": "items:read" });
    let full = with(with(claims(), "tenant", "acme"), "narrowed", true);
    let full = with(full, "global", global);
    let full = with(with(full, "nbf", NOW - 5), "subject_kind", "client");
    let claims = verify(&only(&HS256), &sign(&HS256, &header(&HS256), &full)).unwrap();
    assert_eq!((claims.iss.as_str(), claims.sub.as_str()), (ISSUER, "u1"));
    assert_eq!(claims.subject_kind, SubjectKind::Client);
    assert_eq!(
        (claims.iat, claims.nbf, claims.exp),
        (NOW - 60, Some(NOW - 5), NOW + 1800)
    );
    assert_eq!(
        (claims.jti.as_str(), claims.sid.as_deref()),
        ("t1", Some("s1"))
    );
    assert_eq!(claims.auth_time, Some(NOW - 60));
    assert_eq!(
        (claims.username.as_str(), claims.client_id.as_str()),
        ("alice", "rolecall")
    );
    assert_eq!(
        (claims.roles, claims.scope.as_str()),
        (vec!["admin".into()], "items:read")
    );
    assert_eq!(
        (claims.tenant.as_deref(), claims.narrowed),
        (Some("acme"), true)
    );
    assert_eq!((claims.rev, claims.era.as_str()), (7, "e1"));
    let global = claims.global.unwrap();
    assert_eq!(global.roles, ["admin"]);
    assert_eq!(global.scope.as_deref(), Some("items:read"));
    assert!(claims.has_scope);
    assert_eq!(claims.key, HS256.verifying_key().fingerprint());
}

#[test]
fn extreme_times_neither_panic_nor_accept_a_token() {
    let keys = only(&HS256);
    let verifier = Verifier::new(ISSUER, AUDIENCE).with_leeway(Duration::MAX);
    for micros in [i64::MIN, -1, 0, i64::MAX] {
        let now = Timestamp::from_micros(micros);
        let strict = Verifier::new(ISSUER, AUDIENCE);
        assert!(strict.verify(&keys, &token(&HS256), now).is_err());
        let _ = verifier.verify(&keys, &token(&HS256), now);
    }
    assert!(verify(&KeySet::empty(), &token(&HS256)).is_err());
}
