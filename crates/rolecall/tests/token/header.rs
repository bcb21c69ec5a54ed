//! Headers that carry or refer to keys, require extensions, or belong to another type of token.

use std::io::ErrorKind;
use std::net::TcpListener;

use rolecall::token::{Algorithm, KeySet, Reason, SigningKey, TokenError, VerifyingKey};
use serde_json::{Value, json};

use crate::support::*;

/// Asserts that a token signed with an attacker's key is refused, with `add` giving additional header members.
#[track_caller]
fn assert_foreign_key_refused(add: impl Fn(&SigningKey) -> Vec<(&'static str, Value)>) {
    let mallory = SigningKey::generate(Algorithm::Es256).unwrap();
    for kid in [ES256.kid(), mallory.kid(), None] {
        let mut header = json!({"alg": "ES256", "typ": "at+jwt"});
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        for (name, value) in add(&mallory) {
            header[name] = value;
        }
        let reason = if kid == ES256.kid() {
            Reason::Signature
        } else {
            Reason::UnknownKey
        };
        assert_refused(&ES256, &sign(&mallory, &header, &claims()), reason);
    }
}

/// Asserts that a valid token with this header member is accepted.
#[track_caller]
fn assert_ignored(name: &str, value: Value) {
    let header = with(header(&ES256), name, value);
    let token = sign(&ES256, &header, &claims());
    assert_eq!(verify(&only(&ES256), &token).unwrap().sub, "u1");
}

#[test]
fn jwk_header_key_is_never_used() {
    assert_foreign_key_refused(|mallory| vec![("jwk", mallory.public_jwk().unwrap())]);
    assert_ignored("jwk", ES256.public_jwk().unwrap());
    assert_ignored("jwk", json!({"kty": "oct", "k": ""}));
}

#[test]
fn x001_jku_and_x5u_headers_open_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    for name in ["jku", "x5u"] {
        assert_ignored(name, url.as_str().into());
        assert_foreign_key_refused(|_| vec![(name, url.as_str().into())]);
    }
    let waiting = listener.accept().map(|_| ()).unwrap_err();
    assert_eq!(waiting.kind(), ErrorKind::WouldBlock);
}

#[test]
fn jku_header_is_never_followed() {
    assert_foreign_key_refused(|_| vec![("jku", "http://127.0.0.1:1/jwks.json".into())]);
    assert_ignored("jku", "http://169.254.169.254/".into());
}

#[test]
fn x5u_header_is_never_followed() {
    assert_foreign_key_refused(|_| vec![("x5u", "http://127.0.0.1:1/chain.pem".into())]);
    assert_ignored("x5u", "file:///etc/passwd".into());
}

#[test]
fn x5c_header_certificates_are_never_used() {
    assert_foreign_key_refused(|_| vec![("x5c", json!(["MIIB"])), ("x5t", "AAAA".into())]);
    assert_ignored("x5c", json!(["not even base64", 7]));
}

#[test]
fn an_unknown_header_member_of_any_type_is_ignored() {
    assert_ignored("nonce", json!({"n": [1, 2.5, null, true]}));
    assert_ignored("epoch", json!(1));
}

#[test]
fn kid_unknown_is_refused_without_trying_other_keys() {
    for kid in [
        "other",
        "",
        "../../../../dev/null",
        "' OR 1=1 --",
        "shared\0",
        "Shared",
    ] {
        let header = with(header(&HS256), "kid", kid);
        assert_refused(
            &HS256,
            &sign(&HS256, &header, &claims()),
            Reason::UnknownKey,
        );
    }
}

#[test]
fn kid_of_another_key_of_the_set_is_refused() {
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = KeySet::new(vec![ES256.verifying_key(), other.verifying_key()]).unwrap();
    assert!(verify(&keys, &token(&ES256)).is_ok() && verify(&keys, &token(&other)).is_ok());
    let header = with(header(&ES256), "kid", other.kid().unwrap());
    let swapped = sign(&ES256, &header, &claims());
    assert_eq!(
        verify(&keys, &swapped),
        Err(TokenError::Invalid(Reason::Signature))
    );
}

#[test]
fn kid_missing_is_refused_if_keys_have_ids() {
    let header = without(header(&ES256), "kid");
    assert_refused(
        &ES256,
        &sign(&ES256, &header, &claims()),
        Reason::UnknownKey,
    );
}

#[test]
fn kid_is_optional_for_a_single_key_without_id() {
    let key = VerifyingKey::from_secret(Algorithm::Hs256, None, SECRET).unwrap();
    let keys = KeySet::new(vec![key]).unwrap();
    let without = sign(&HS256, &without(header(&HS256), "kid"), &claims());
    assert!(verify(&keys, &without).is_ok());
    assert!(verify(&keys, &token(&HS256)).is_ok());
    let forged = forge_hs256(&header(&HS256), &[0; 32]);
    assert_eq!(
        verify(&keys, &forged),
        Err(TokenError::Invalid(Reason::Signature))
    );
}

#[test]
fn kid_that_is_not_a_string_is_refused() {
    for kid in [
        json!(null),
        json!(1),
        json!(["shared"]),
        json!({"shared": 1}),
        json!(true),
    ] {
        let header = with(header(&HS256), "kid", kid);
        assert_refused(&HS256, &sign(&HS256, &header, &claims()), Reason::Header);
    }
}

#[test]
fn crit_of_any_content_is_refused() {
    for crit in [
        json!(["exp"]),
        json!(["x-unknown"]),
        json!(["b64"]),
        json!([]),
        json!("exp"),
        json!(null),
        json!(["alg"]),
        json!([["exp"]]),
        json!({}),
    ] {
        let header = with(header(&HS256), "crit", crit);
        assert_refused(&HS256, &sign(&HS256, &header, &claims()), Reason::Critical);
    }
}

#[test]
fn crit_b64_false_and_an_unencoded_payload_are_refused() {
    for b64 in [json!(false), json!(true), json!("false"), json!(null)] {
        let header = with(header(&HS256), "b64", b64);
        let good = sign(&HS256, &header, &claims());
        assert_refused(&HS256, &good, Reason::Critical);
        let critical = with(header, "crit", json!(["b64"]));
        let raw = format!("{}.payload.AAAA", encode(critical.to_string()));
        assert_refused(&HS256, &raw, Reason::Critical);
    }
}

#[test]
fn zip_and_enc_of_encrypted_tokens_are_refused() {
    for (name, value) in [("zip", "DEF"), ("enc", "A256GCM")] {
        let header = with(header(&HS256), name, value);
        assert_refused(&HS256, &sign(&HS256, &header, &claims()), Reason::Critical);
    }
}

#[test]
fn typ_of_another_type_of_token_is_refused() {
    for typ in [
        "JWT",
        "jwt",
        "",
        "at+jwt ",
        "application/jwt",
        "rt+jwt",
        "logout+jwt",
        "id+jwt",
        "application/application/at+jwt",
        "at+jwt;x=1",
        "text/at+jwt",
        "dpop+jwt",
    ] {
        let header = with(header(&ES256), "typ", typ);
        assert_refused(&ES256, &sign(&ES256, &header, &claims()), Reason::Type);
    }
    let header = without(header(&ES256), "typ");
    assert_refused(&ES256, &sign(&ES256, &header, &claims()), Reason::Type);
}

#[test]
fn typ_that_is_not_a_string_is_refused() {
    for typ in [json!(null), json!(["at+jwt"]), json!(1)] {
        let header = with(header(&ES256), "typ", typ);
        assert_refused(&ES256, &sign(&ES256, &header, &claims()), Reason::Header);
    }
}

#[test]
fn typ_is_case_insensitive_with_or_without_its_prefix() {
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
    ] {
        assert_ignored("typ", typ.into());
    }
}

#[test]
fn dup_members_of_the_header_are_refused_even_if_escaped() {
    let payload = claims().to_string();
    let good = r#"{"alg":"HS256","typ":"at+jwt","kid":"shared"}"#;
    assert!(verify(&only(&HS256), &shared_token(good, &payload)).is_ok());
    for header in [
        r#"{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"shared"}"#,
        r#"{"alg":"HS256","alg":"HS256","typ":"at+jwt","kid":"shared"}"#,
        r#"{"alg":"HS256","\u0061lg":"none","typ":"at+jwt","kid":"shared"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"shared","kid":"x"}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"shared","x":{"y":1,"y":2}}"#,
    ] {
        assert_refused(&HS256, &shared_token(header, &payload), Reason::Header);
    }
}

#[test]
fn a_header_that_is_not_a_json_object_is_refused() {
    let payload = claims().to_string();
    for header in [
        "",
        "null",
        "[]",
        r#"["HS256","at+jwt","shared"]"#,
        r#""HS256""#,
        "{",
        r#"{"alg":"HS256","typ":"at+jwt","kid":"shared"}{}"#,
        r#"{"alg":"HS256","typ":"at+jwt","kid":"shared"},"#,
        "\u{feff}{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"shared\"}",
        "{'alg':'HS256'}",
    ] {
        assert_refused(&HS256, &shared_token(header, &payload), Reason::Header);
    }
}

#[test]
fn unprotected_header_beside_the_protected_one_is_refused() {
    let good = token(&HS256);
    let parts: Vec<&str> = good.split('.').collect();
    let json = json!({
        "protected": parts[0], "payload": parts[1], "signature": parts[2],
        "header": {"alg": "none"},
    });
    assert_refused(&HS256, &json.to_string(), Reason::Form);
    let bare = json!({
        "payload": parts[1], "signature": parts[2], "header": {"alg": "HS256", "kid": "shared"},
    });
    assert_refused(&HS256, &bare.to_string(), Reason::Form);
}
