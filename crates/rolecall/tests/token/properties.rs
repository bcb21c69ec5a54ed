//! Properties of all tokens, and of all other texts.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rolecall::token::{KeySet, SigningKey, dangerous, jws};
use rolecall_core::{AccessClaims, Acr, Audience, GlobalClaims, SubjectKind};
use serde_json::json;

use crate::support::*;

prop_compose! {
    fn any_claims()(
        (sub, username, jti) in (".{1,40}", ".{1,40}", ".{1,40}"),
        (client_id, era, scope) in (".{1,40}", ".{0,40}", option::of("[a-z:. ]{0,200}")),
        client in any::<bool>(),
        audiences in vec(".{0,30}", 0..4),
        (age, lasts, auth_age) in (0..80_000i64, 1..6_000i64, option::of(0..9_999i64)),
        (sid, tenant) in (option::of(".{0,40}"), option::of("[a-z]{1,20}")),
        roles in vec("[a-z.]{1,30}", 0..20),
        global in option::of((vec("[a-z.]{1,30}", 0..5), option::of("[a-z:. ]{0,50}"))),
        (narrowed, rev) in (any::<bool>(), 0..i64::MAX),
        (acr, amr) in (option::of(select(&Acr::ALL)), vec("[a-z]{1,8}", 0..4)),
        step_up in vec("[a-z.]{1,30}", 0..4),
        other in vec(("own_[a-z]{1,8}", ".{0,20}"), 0..3),
    ) -> AccessClaims {
        let aud = if audiences.is_empty() {
            Audience::One(AUDIENCE.to_owned())
        } else {
            Audience::Many(audiences.into_iter().chain([AUDIENCE.to_owned()]).collect())
        };
        AccessClaims {
            iss: ISSUER.to_owned(),
            sub, jti, client_id, era, scope, sid, tenant, roles, narrowed, rev, aud, acr, amr, step_up,
            username: if client { String::new() } else { username },
            global: global.map(|(roles, scope)| GlobalClaims { roles, scope }),
            subject_kind: if client { SubjectKind::Client } else { SubjectKind::User },
            iat: NOW - age,
            exp: NOW + lasts,
            auth_time: auth_age.map(|age| NOW - age),
            other: other.into_iter().map(|(name, value)| (name, value.into())).collect(),
        }
    }
}

proptest! {
    #[test]
    fn any_claims_round_trip(claims in any_claims(), symmetric in any::<bool>()) {
        let key: &SigningKey = if symmetric { &HS256 } else { &ES256 };
        let token = key.sign(&claims).unwrap();
        let read = verify(&only(key), &token).unwrap();
        let again = AccessClaims {
            iss: read.iss, sub: read.sub, subject_kind: read.subject_kind, aud: read.aud,
            client_id: read.client_id, iat: read.iat, exp: read.exp, jti: read.jti, sid: read.sid,
            auth_time: read.auth_time, acr: read.acr, amr: read.amr, step_up: read.step_up, username: read.username, roles: read.roles,
            scope: read.has_scope.then_some(read.scope), tenant: read.tenant, global: read.global,
            narrowed: read.narrowed, rev: read.rev, era: read.era, other: read.other.clone(),
        };
        prop_assert_eq!(again, claims);
        prop_assert!(read.nbf.is_none());
    }

    #[test]
    fn arbitrary_texts_never_panic_and_are_refused(text in "(?s).{0,300}") {
        assert_never_verifies(&text);
    }

    #[test]
    fn arbitrary_three_part_texts_never_panic_and_are_refused(
        parts in [r"[A-Za-z0-9_=-]{0,90}", r"[A-Za-z0-9_=-]{0,90}", r"[A-Za-z0-9_=-]{0,90}"],
    ) {
        assert_never_verifies(&parts.join("."));
    }

    #[test]
    fn arbitrary_bytes_in_the_three_parts_never_panic_and_are_refused(
        parts in [vec(any::<u8>(), 0..90), vec(any::<u8>(), 0..90), vec(any::<u8>(), 0..90)],
    ) {
        assert_never_verifies(&parts.map(encode).join("."));
    }

    #[test]
    fn arbitrary_headers_with_a_supported_algorithm_never_verify(
        alg in prop_oneof!["HS256|ES256|none", ".{0,8}"],
        kid in option::of(prop_oneof!["shared", ".{0,8}"]),
        payload in "(?s).{0,90}",
        signature in vec(any::<u8>(), 0..90),
    ) {
        let header = json!({"alg": alg, "kid": kid, "typ": "at+jwt"}).to_string();
        assert_never_verifies(&format!("{}.{}", signed_part(&header, &payload), encode(signature)));
    }

    #[test]
    fn arbitrary_signed_payloads_never_panic(payload in vec(any::<u8>(), 0..200)) {
        let token = HS256.sign_raw(&header(&HS256), &payload).unwrap();
        prop_assert!(verify(&only(&HS256), &token).is_err());
        prop_assert_eq!(jws::verify(&only(&HS256), &token).unwrap().payload, payload);
    }

    #[test]
    fn arbitrary_key_sets_never_panic(text in prop_oneof![
        "(?s).{0,200}".boxed(),
        r#"\{"keys":\[\{("(kty|crv|alg|use|k|x|y|n|e|kid)":"(EC|oct|RSA|OKP|P-256|ES256|HS256|[A-Z]{0,9})",?){0,6}\}\]\}"#.boxed(),
    ]) {
        if let Ok(keys) = KeySet::from_jwks(&text) {
            prop_assert!(keys.iter().all(|key| key.public_jwk().is_none()));
        }
    }
}

proptest! {
    #[test]
    fn a_stored_key_with_a_changed_byte_never_panics(
        place in any::<prop::sample::Index>(),
        change in 1..=255u8,
    ) {
        for key in [&*ES256, &*EDDSA] {
            let mut stored = key.to_pkcs8().unwrap().to_vec();
            stored[place.index(key.to_pkcs8().unwrap().len())] ^= change;
            let loaded = SigningKey::from_pkcs8(key.algorithm(), key.kid().unwrap(), &stored);
            // a key that still loads is the same one (an attribute has changed) or another one; both sign only tokens
            // that their own public key verifies
            if let Ok(loaded) = loaded {
                prop_assert!(verify(&only(&loaded), &token(&loaded)).is_ok());
            }
        }
    }

    #[test]
    fn a_published_key_with_a_changed_character_verifies_nothing(
        place in any::<prop::sample::Index>(),
        character in any::<char>(),
    ) {
        for key in [&*ES256, &*EDDSA] {
            let good = json!({"keys": [key.public_jwk().unwrap()]}).to_string();
            let mut characters: Vec<char> = good.chars().collect();
            let place = place.index(characters.len());
            characters[place] = character;
            let changed: String = characters.into_iter().collect();
            if let Ok(keys) = KeySet::from_jwks(&changed) {
                // the key id may have changed or be missing, but not the key
                let ours = key.verifying_key().thumbprint();
                let same = keys.iter().any(|one| one.thumbprint() == ours);
                prop_assert!(same || verify(&keys, &token(key)).is_err());
            }
        }
    }
}

fn assert_never_verifies(text: &str) {
    for key in [&*ES256, &*HS256] {
        assert!(verify(&only(key), text).is_err(), "{text:?}");
        assert!(jws::verify(&only(key), text).is_err(), "{text:?}");
    }
    let _ = dangerous::decode_unverified(text);
}

/// Replaces every character with every other ASCII character.
#[test]
fn every_single_byte_mutation_of_a_shared_secret_token_is_refused() {
    let (good, keys) = (token(&HS256).into_bytes(), only(&HS256));
    for place in 0..good.len() {
        for byte in (0..128u8).filter(|byte| *byte != good[place]) {
            let mut bad = good.clone();
            bad[place] = byte;
            let bad = String::from_utf8(bad).unwrap();
            assert!(verify(&keys, &bad).is_err(), "{place}: {bad:?}");
        }
    }
}

/// Flips every bit, and removes and duplicates every character.
#[test]
fn every_single_byte_mutation_of_a_public_key_token_is_refused() {
    for key in [&*ES256, &*EDDSA, &*RS256] {
        let (good, keys) = (token(key).into_bytes(), only(key));
        let mut bad = Vec::new();
        for place in 0..good.len() {
            bad.extend((0..7).map(|bit| {
                let mut bad = good.clone();
                bad[place] ^= 1 << bit;
                bad
            }));
            bad.push([&good[..place], &good[place + 1..]].concat());
            bad.push([&good[..place], &good[place..=place], &good[place..]].concat());
        }
        for bad in bad.into_iter().filter(|bad| *bad != good) {
            let bad = String::from_utf8(bad).unwrap();
            assert!(verify(&keys, &bad).is_err(), "{bad:?}");
        }
    }
}
