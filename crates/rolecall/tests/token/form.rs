//! The form of tokens: parts, encoding, length and nesting.

use rolecall::token::{JwsError, MAX_TOKEN_BYTES, Reason, dangerous, jws};
use serde_json::json;

use crate::support::*;

#[test]
fn five_parts_jwe_is_refused() {
    let header = encode(r#"{"alg":"dir","enc":"A256GCM","kid":"shared"}"#);
    assert_refused(&HS256, &format!("{header}..AAAA.AAAA.AAAA"), Reason::Form);
    assert_refused(&HS256, &format!("{}..", token(&HS256)), Reason::Form);
}

#[test]
fn five_parts_jwe_with_expensive_pbes2_is_refused_unread() {
    let header = encode(r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2147483647}"#);
    assert_refused(&HS256, &format!("{header}.AA.AA.AA.AA"), Reason::Form);
}

#[test]
fn nested_token_as_payload_is_refused() {
    let inner = token(&HS256);
    let header = with(header(&HS256), "cty", "JWT");
    let nested = HS256.sign_raw(&header, inner.as_bytes()).unwrap();
    assert_refused(&HS256, &nested, Reason::Claims);
}

#[test]
fn many_dots_are_refused() {
    for dots in [0, 1, 3, 4, 100, MAX_TOKEN_BYTES] {
        assert_refused(&HS256, &".".repeat(dots), Reason::Form);
    }
    let good = token(&HS256);
    for odd in [
        format!(".{good}"),
        format!("{good}."),
        good.replacen('.', "..", 1),
        good.replacen('.', "", 1),
    ] {
        assert_refused(&HS256, &odd, Reason::Form);
    }
}

#[test]
fn empty_parts_are_refused() {
    let good = token(&HS256);
    let parts: Vec<&str> = good.split('.').collect();
    assert_refused(&HS256, "..", Reason::Header);
    assert_refused(
        &HS256,
        &format!(".{}.{}", parts[1], parts[2]),
        Reason::Header,
    );
    assert_refused(
        &HS256,
        &format!("{}..{}", parts[0], parts[2]),
        Reason::Signature,
    );
    assert_refused(&HS256, "", Reason::Form);
}

#[test]
fn huge_tokens_are_refused_unread() {
    let sized = |size: usize| {
        let filler = |length| with(claims(), "x", "a".repeat(length));
        let bare = sign(&HS256, &header(&HS256), &filler(0)).len();
        let mut length = (size - bare) / 4 * 3;
        loop {
            let token = sign(&HS256, &header(&HS256), &filler(length));
            if token.len() >= size {
                return token;
            }
            length += 1;
        }
    };
    let fits = sized(MAX_TOKEN_BYTES);
    assert_eq!(fits.len(), MAX_TOKEN_BYTES);
    assert!(verify(&only(&HS256), &fits).is_ok());
    assert_refused(&HS256, &sized(MAX_TOKEN_BYTES + 1), Reason::TooLong);
    assert_refused(&HS256, &"a".repeat(10_000_000), Reason::TooLong);
    assert_refused(&HS256, &".".repeat(10_000_000), Reason::TooLong);
}

#[test]
fn huge_nesting_in_header_or_payload_is_refused_without_overflow() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let header = format!(r#"{{"alg":"HS256","kid":"shared","x":{deep}}}"#);
    let unsigned = format!("{}.e30.AAAA", encode(header));
    assert_refused(&HS256, &unsigned, Reason::Header);
    let payload = format!(r#"{{"x":{deep}}}"#);
    let signed = HS256.sign_raw(&crate::support::header(&HS256), payload.as_bytes());
    assert_refused(&HS256, &signed.unwrap(), Reason::Claims);
}

#[test]
fn the_nesting_depth_of_claims_is_limited() {
    // the claims themselves are the first level
    let nested = |depth: usize| {
        let value = (1..depth).fold(json!(1), |inner, _| json!([inner]));
        sign(&HS256, &header(&HS256), &with(claims(), "x", value))
    };
    assert!(verify(&only(&HS256), &nested(16)).is_ok());
    assert_refused(&HS256, &nested(17), Reason::Claims);
}

#[test]
fn polyglot_json_serialization_is_refused() {
    let good = token(&HS256);
    let parts: Vec<&str> = good.split('.').collect();
    let flat = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]});
    let general = json!({
        "payload": parts[1],
        "signatures": [{"protected": parts[0], "signature": parts[2]}],
    });
    assert_refused(&HS256, &flat.to_string(), Reason::Form);
    assert_refused(&HS256, &general.to_string(), Reason::Form);
    // one text that is JSON with forged claims and also contains a valid compact token
    let forged = encode(with(claims(), "sub", "root").to_string());
    let both = format!(
        r#"{{"  {}.":"","protected":"{}","payload":"{forged}","signature":"{}"}}"#,
        parts[..2].join("."),
        parts[0],
        parts[2]
    );
    assert!(verify(&only(&HS256), &both).is_err());
}

#[test]
fn pad_characters_in_any_part_are_refused() {
    let good = token(&HS256);
    for part in 0..3 {
        for pad in ["=", "=="] {
            let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
            parts[part].push_str(pad);
            let token = parts.join(".");
            assert!(verify(&only(&HS256), &token).is_err(), "{token}");
        }
    }
    // a header that was signed with padding
    let padded = |text: &str| format!("{}==", encode(text));
    let header = padded(r#"{"alg":"HS256","typ":"at+jwt","kid":"shared"}"#);
    let token = format!("{header}.{}.AAAA", encode("{}"));
    assert_refused(&HS256, &token, Reason::Encoding);
}

#[test]
fn b64_standard_alphabet_is_refused() {
    let key = &*HS256;
    let odd = (0..).map(|n| sign(key, &header(key), &with(claims(), "jti", format!("t{n}"))));
    let good = odd
        .filter(|token| token.contains('-') && token.contains('_'))
        .find(|token| verify(&only(key), token).is_ok())
        .unwrap();
    assert_refused(key, &good.replace('-', "+"), Reason::Encoding);
    assert_refused(key, &good.replace('_', "/"), Reason::Encoding);
}

#[test]
fn b64_trailing_bits_that_are_not_zero_are_refused() {
    let good = token(&HS256);
    let (rest, last) = good.split_at(good.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    assert_eq!(place % 4, 0, "32 bytes leave two bits unused");
    for bits in 1..4 {
        let twin = format!("{rest}{}", &alphabet[place + bits..=place + bits]);
        assert_refused(&HS256, &twin, Reason::Encoding);
    }
}

#[test]
fn b64_with_an_additional_character_is_refused() {
    for part in 0..3 {
        for extra in ["A", "AAA"] {
            let mut parts: Vec<String> = token(&HS256).split('.').map(str::to_owned).collect();
            parts[part].push_str(extra);
            assert!(verify(&only(&HS256), &parts.join(".")).is_err());
        }
    }
}

#[test]
fn newlines_and_white_space_are_refused_anywhere() {
    let good = token(&HS256);
    for space in ["\n", "\r\n", " ", "\t", "\u{a0}", "\u{200b}", "\u{feff}"] {
        for at in [
            0,
            5,
            good.find('.').unwrap(),
            good.rfind('.').unwrap() + 1,
            good.len(),
        ] {
            let odd = format!("{}{space}{}", &good[..at], &good[at..]);
            assert!(verify(&only(&HS256), &odd).is_err(), "{odd:?}");
        }
    }
    assert!(verify(&only(&HS256), &format!("Bearer {good}")).is_err());
}

#[test]
fn nul_bytes_are_refused() {
    let good = token(&HS256);
    for odd in [
        format!("{good}\0"),
        format!("\0{good}"),
        format!("{good}\0.x.y"),
    ] {
        assert!(verify(&only(&HS256), &odd).is_err());
    }
    assert_refused(&HS256, &format!("{good}%00"), Reason::Encoding);
}

#[test]
fn decode_unverified_ignores_the_signature_but_is_strict_about_the_form() {
    let forged = signed_part(r#"{"alg":"none"}"#, r#"{"sub":"root"}"#);
    let unverified = dangerous::decode_unverified(&format!("{forged}.")).unwrap();
    assert_eq!(unverified.claims["sub"], "root");
    assert_eq!(unverified.header["alg"], "none");
    for (odd, error) in [
        (forged.clone(), JwsError::Form),
        (format!("{forged}.a.b"), JwsError::Form),
        (signed_part("[]", "{}") + ".", JwsError::Header),
        (
            signed_part("{}", r#"{"a":1,"a":2}"#) + ".",
            JwsError::Header,
        ),
        ("e30=.e30.".to_owned(), JwsError::Encoding),
        ("a".repeat(MAX_TOKEN_BYTES + 1), JwsError::TooLong),
    ] {
        assert_eq!(dangerous::decode_unverified(&odd), Err(error));
    }
}

#[test]
fn the_jws_layer_returns_the_signed_payload() {
    let payload = b"\x00\xff any bytes";
    let token = HS256.sign_raw(&header(&HS256), payload).unwrap();
    let verified = jws::verify(&only(&HS256), &token).unwrap();
    assert_eq!(verified.payload, payload);
    assert_eq!(verified.kid.as_deref(), Some("shared"));
    assert_eq!(verified.typ.as_deref(), Some("at+jwt"));
    assert!(only(&HS256).contains(verified.key));
    assert!(!only(&ES256).contains(verified.key));
}

#[test]
fn every_reason_has_its_own_word() {
    for (reason, word) in [
        (Reason::TooLong, "too_long"),
        (Reason::Form, "form"),
        (Reason::Encoding, "encoding"),
        (Reason::Header, "header"),
        (Reason::Critical, "critical"),
        (Reason::Algorithm, "algorithm"),
        (Reason::UnknownKey, "unknown_key"),
        (Reason::Signature, "signature"),
        (Reason::Type, "typ"),
        (Reason::Claims, "claims"),
        (Reason::Issuer, "issuer"),
        (Reason::Audience, "audience"),
        (Reason::NotYetValid, "not_yet_valid"),
        (Reason::Lifetime, "lifetime"),
    ] {
        assert_eq!((reason.as_str(), reason.to_string().as_str()), (word, word));
    }
}
