//! The `Authorization` header, the header of a token, its algorithm and its signature.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::{
    keys::{der, jwks, key},
    signing::{claims, decode, encode, header, sign_raw, valid, with, without},
    tokens::Row,
};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = credentials();
    rows.extend(algorithms());
    rows.extend(confusion());
    rows.extend(members());
    rows.extend(signatures());
    rows
}

/// `Authorization` as RFC 6750 and RFC 9110 write it, and as they do not.
fn credentials() -> Vec<Row> {
    let token = valid();
    let of = |id: &str, text: String, status| Row::with_values(id, &[text.as_bytes()], status);
    let mut rows = vec![
        Row::with_values("credential-none", &[], 401),
        Row::with_values("credential-none-public", &[], 200).rule(json!("public")),
        Row::with_values("credential-none-optional", &[], 200).rule(json!("optional")),
        Row::with_values("credential-bad-public", &[b"Bearer x"], 200).rule(json!("public")),
        Row::with_values("credential-bad-optional", &[b"Bearer x"], 401).rule(json!("optional")),
        Row::with_values("credential-basic-optional", &[b"Basic YTpi"], 200)
            .rule(json!("optional")),
        of("credential-optional", format!("Bearer {token}"), 200).rule(json!("optional")),
        of("credential-lower-case", format!("bearer {token}"), 200),
        of("credential-upper-case", format!("BEARER {token}"), 200),
        of("credential-two-spaces", format!("Bearer  {token}"), 200),
        of("credential-space-after", format!("Bearer {token} "), 200),
        of("credential-tab", format!("Bearer\t{token}"), 401),
        of(
            "credential-tab-after-space",
            format!("Bearer \t{token}"),
            401,
        ),
        of(
            "credential-comma",
            format!("Bearer {token}, Bearer {token}"),
            401,
        ),
        of(
            "credential-two-tokens",
            format!("Bearer {token} {token}"),
            401,
        ),
        of("credential-quoted", format!("Bearer \"{token}\""), 401),
        of("credential-no-scheme", token.clone(), 401),
        of("credential-other-scheme", format!("Token {token}"), 401),
        of("credential-dpop", format!("DPoP {token}"), 401),
        of(
            "credential-parameter",
            format!("Bearer access_token={token}"),
            401,
        ),
        of(
            "credential-percent",
            format!("Bearer {}", token.replace('.', "%2e")),
            401,
        ),
        of("credential-equals", format!("Bearer {token}="), 401),
    ];
    for (id, value) in [
        ("empty", &b""[..]),
        ("scheme-only", b"Bearer"),
        ("scheme-and-space", b"Bearer "),
        ("equals-only", b"Bearer ="),
        ("not-ascii", b"Bearer \xe9"),
        ("not-a-token", b"Bearer not.a.token"),
        ("dots-only", b"Bearer ..."),
        ("word", b"Bearer null"),
    ] {
        rows.push(Row::with_values(&format!("credential-{id}"), &[value], 401));
    }
    let bearer = format!("Bearer {token}");
    for (id, values) in [
        ("same", [bearer.as_bytes(), bearer.as_bytes()]),
        ("basic-first", [b"Basic YTpi", bearer.as_bytes()]),
        ("basic-last", [bearer.as_bytes(), b"Basic YTpi"]),
        ("empty", [bearer.as_bytes(), b""]),
    ] {
        rows.push(Row::with_values(&format!("two-headers-{id}"), &values, 400));
    }
    rows.push(
        Row::with_values("two-headers-public", &[b"Bearer a", b"Bearer b"], 200)
            .rule(json!("public")),
    );
    rows.push(
        Row::with_values("two-headers-optional", &[b"Bearer a", b"Bearer b"], 400)
            .rule(json!("optional")),
    );
    rows
}

/// A token of each algorithm, and tokens whose header names another one.
fn algorithms() -> Vec<Row> {
    let payload = claims().to_string();
    let signed =
        |name: &str, header: &Value| sign_raw(&key(name), &header.to_string(), payload.as_bytes());
    let mut rows = Vec::new();
    for name in ["es256", "eddsa", "rs256", "ps256", "es384"] {
        let token = signed(name, &header(&key(name)));
        rows.push(Row::new(format!("algorithm-{name}"), &token, 200));
    }
    let secret = signed("hs256", &header(&key("hs256")));
    rows.push(Row::new("algorithm-hs256", &secret, 200).guard("secret"));
    let with_kid = signed("hs256", &with(header(&key("hs256")), "kid", "any"));
    rows.push(Row::new("algorithm-hs256-any-kid", &with_kid, 200).guard("secret"));
    rows.push(Row::new("algorithm-hs256-with-public-keys", &with_kid, 401));
    rows.push(Row::new("algorithm-es256-with-secret", &valid(), 401).guard("secret"));
    for (id, name, alg) in [
        ("alg-swap-ps-for-rs", "rs256", json!("PS256")),
        ("alg-swap-rs-for-ps", "ps256", json!("RS256")),
        ("alg-swap-es384-for-es256", "es256", json!("ES384")),
        ("alg-swap-rs512-for-rs256", "rs256", json!("RS512")),
        ("alg-swap-hs256-for-es256", "es256", json!("HS256")),
        ("alg-lower-case", "es256", json!("es256")),
        ("alg-unknown", "es256", json!("ES256K")),
        ("alg-empty", "es256", json!("")),
        ("alg-number", "es256", json!(256)),
        ("alg-null", "es256", Value::Null),
        ("alg-array", "es256", json!(["ES256"])),
        ("alg-ed25519-name", "eddsa", json!("Ed25519")),
    ] {
        let token = signed(name, &with(header(&key(name)), "alg", alg));
        let status = if id == "alg-ed25519-name" {
            ED25519
        } else {
            401
        };
        rows.push(Row::new(id, &token, status));
    }
    let missing = signed("es256", &without(header(&key("es256")), "alg"));
    rows.push(Row::new("alg-missing", &missing, 401));
    for alg in ["none", "None", "NONE", "nOnE", "none ", ""] {
        let head = with(header(&key("es256")), "alg", alg).to_string();
        let text = format!("{}.{}", encode(head), encode(&payload));
        let id = format!("none-{}", encode(alg));
        rows.push(Row::new(format!("{id}-unsigned"), &format!("{text}."), 401));
        let signature = valid().rsplit_once('.').unwrap().1.to_owned();
        rows.push(Row::new(
            format!("{id}-with-signature"),
            &format!("{text}.{signature}"),
            401,
        ));
    }
    rows
}

/// RFC 9864 deprecates `EdDSA` for `Ed25519`, which the guard does not know yet.
const ED25519: u16 = 401;

/// A public key that is used as a shared secret.
fn confusion() -> Vec<Row> {
    let pem = |label: &str, bytes: &[u8]| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let text = STANDARD.encode(bytes);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    };
    let mut rows = Vec::new();
    for name in ["es256", "rs256", "eddsa"] {
        let spki = spki(name);
        let jwk = jwks(&[name])["keys"][0].to_string();
        let spki_pem = pem("PUBLIC KEY", &spki);
        for (id, secret) in [
            ("spki-der", spki.clone()),
            ("spki-pem-lead-ws", format!("\n {spki_pem}").into_bytes()),
            ("spki-pem-trimmed", spki_pem.trim_end().as_bytes().to_vec()),
            ("spki-pem", spki_pem.into_bytes()),
            ("pkcs1-pem", pem("RSA PUBLIC KEY", &spki).into_bytes()),
            ("jwk-json", jwk.into_bytes()),
            ("ec-ssh", ssh().into_bytes()),
            ("empty", Vec::new()),
        ] {
            let head = with(header(&key(name)), "alg", "HS256").to_string();
            let text = format!("{}.{}", encode(head), encode(claims().to_string()));
            let signature =
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), text.as_bytes());
            rows.push(Row::new(
                format!("confusion-{id}-{name}"),
                &format!("{text}.{}", encode(signature)),
                401,
            ));
        }
    }
    rows
}

/// Returns the public key as `SubjectPublicKeyInfo`.
fn spki(name: &str) -> Vec<u8> {
    use aws_lc_rs::{
        encoding::{AsDer, PublicKeyX509Der},
        signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
        },
    };
    let bytes = |der: PublicKeyX509Der<'_>| der.as_ref().to_vec();
    let der = der(name);
    match name {
        "es256" => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap();
            bytes(pair.public_key().as_der().unwrap())
        }
        "eddsa" => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
            bytes(pair.public_key().as_der().unwrap())
        }
        _ => bytes(
            RsaKeyPair::from_pkcs8(&der)
                .unwrap()
                .public_key()
                .as_der()
                .unwrap(),
        ),
    }
}

/// Returns the public key of `es256` as OpenSSH writes it.
fn ssh() -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let spki = spki("es256");
    let mut blob = Vec::new();
    for part in [
        &b"ecdsa-sha2-nistp256"[..],
        b"nistp256",
        &spki[spki.len() - 65..],
    ] {
        blob.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        blob.extend(part);
    }
    format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(&blob))
}

/// Members of the header that name a key, a type or an extension.
fn members() -> Vec<Row> {
    let es256 = key("es256");
    let payload = claims().to_string();
    let signed = |head: &Value| sign_raw(&es256, &head.to_string(), payload.as_bytes());
    let changed = |name: &str, value: Value| signed(&with(header(&es256), name, value));
    let attacker = key("other");
    let jwk = attacker.public_jwk().unwrap();
    let forged = |name: &str, value: Value| {
        let head = with(header(&es256), name, value).to_string();
        sign_raw(&attacker, &head, payload.as_bytes())
    };
    let url = json!("https://attacker.example/keys");
    let mut rows = vec![
        Row::new("jwk-header", &forged("jwk", jwk.clone()), 401),
        Row::new(
            "jwk-header-other-kid",
            &sign_raw(
                &attacker,
                &with(header(&attacker), "jwk", jwk).to_string(),
                payload.as_bytes(),
            ),
            401,
        ),
        Row::new("jku-header", &forged("jku", url.clone()), 401),
        Row::new("x5u-header", &forged("x5u", url), 401),
        Row::new("x5c-header", &forged("x5c", json!(["MIIB"])), 401),
        Row::new(
            "jku-header-ignored",
            &changed("jku", json!("https://attacker.example")),
            200,
        ),
        Row::new(
            "member-unknown-ignored",
            &changed("x-other", json!({ "a": [1] })),
            200,
        ),
        Row::new("member-cty-ignored", &changed("cty", json!("JWT")), 200),
        Row::new("kid-missing", &signed(&without(header(&es256), "kid")), 401),
        Row::new("typ-missing", &signed(&without(header(&es256), "typ")), 401),
    ];
    for (id, kid) in [
        ("unknown", json!("nobody")),
        ("of-another-key", json!("rs256")),
        ("empty", json!("")),
        ("other-case", json!("ES256")),
        ("space", json!("es256 ")),
        ("path", json!("../../dev/null")),
        ("sql", json!("x' UNION SELECT 'a")),
        ("nul", json!("es256\0")),
        ("null", Value::Null),
        ("number", json!(256)),
        ("array", json!(["es256"])),
        ("object", json!({ "kid": "es256" })),
        ("boolean", json!(true)),
        ("proto", json!("__proto__")),
        ("constructor", json!("constructor")),
    ] {
        rows.push(Row::new(format!("kid-{id}"), &changed("kid", kid), 401));
    }
    for (id, typ, status) in [
        ("upper-case", json!("AT+JWT"), 200),
        ("media-type", json!("application/at+jwt"), 200),
        ("media-type-upper-case", json!("APPLICATION/AT+JWT"), 200),
        ("jwt", json!("JWT"), 401),
        ("id-token", json!("id_token+jwt"), 401),
        ("logout-token", json!("logout+jwt"), 401),
        ("space", json!("at+jwt "), 401),
        ("parameter", json!("at+jwt;v=1"), 401),
        ("text", json!("text/at+jwt"), 401),
        ("empty", json!(""), 401),
        ("null", Value::Null, 401),
        ("number", json!(1), 401),
        ("array", json!(["at+jwt"]), 401),
        ("kelvin", json!("at+\u{212a}wt"), 401),
    ] {
        rows.push(Row::new(format!("typ-{id}"), &changed("typ", typ), status));
    }
    for (id, name, value) in [
        ("crit-exp", "crit", json!(["exp"])),
        ("crit-unknown", "crit", json!(["x-policy"])),
        ("crit-empty", "crit", json!([])),
        ("crit-null", "crit", Value::Null),
        ("crit-string", "crit", json!("b64")),
        ("b64-false", "b64", json!(false)),
        ("b64-true", "b64", json!(true)),
        ("b64-null", "b64", Value::Null),
        ("zip", "zip", json!("DEF")),
        ("enc", "enc", json!("A256GCM")),
    ] {
        rows.push(Row::new(id, &changed(name, value), 401));
    }
    rows
}

/// Signatures that are missing, too short, of another form, or of another key.
fn signatures() -> Vec<Row> {
    let token = valid();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let bytes = decode(signature);
    let (r, s) = bytes.split_at(32);
    let of = |id: &str, bytes: &[u8]| Row::new(id, &format!("{signed}.{}", encode(bytes)), 401);
    let flipped = |index: usize| {
        let mut bytes = bytes.clone();
        bytes[index] ^= 1;
        bytes
    };
    let swapped = [s, r].concat();
    let payload = claims().to_string();
    let head = header(&key("es256")).to_string();
    let rsa = sign_raw(
        &key("rs256"),
        &header(&key("rs256")).to_string(),
        payload.as_bytes(),
    );
    let (rsa_signed, rsa_signature) = rsa.rsplit_once('.').unwrap();
    let rsa_bytes = decode(rsa_signature);
    let of_rsa =
        |id: &str, bytes: &[u8]| Row::new(id, &format!("{rsa_signed}.{}", encode(bytes)), 401);
    vec![
        Row::new("sig-empty", &format!("{signed}."), 401),
        Row::new("sig-missing", signed, 401),
        of("sig-63", &bytes[..63]),
        of("sig-65", &[&bytes[..], &[0]].concat()),
        of("sig-twice", &[&bytes[..], &bytes].concat()),
        of("sig-first-bit", &flipped(0)),
        of("sig-last-bit", &flipped(63)),
        of("sig-swapped", &swapped),
        of("sig-der", &der_signature(r, s)),
        of("psychic-raw", &[0; 64]),
        of("psychic-der", &[0x30, 6, 2, 1, 0, 2, 1, 0]),
        of("psychic-r", &[&[0; 32], s].concat()),
        of("psychic-s", &[r, &[0; 32]].concat()),
        of("sig-ones", &[0xff; 64]),
        Row::new(
            "sig-other-key",
            &sign_raw(&key("other"), &head, payload.as_bytes()),
            401,
        ),
        Row::new(
            "sig-of-other-payload",
            &{
                let other = with(claims(), "sub", "u2").to_string();
                format!("{}.{}.{signature}", encode(&head), encode(other))
            },
            401,
        ),
        Row::new(
            "sig-of-other-header",
            &{
                let other = with(header(&key("es256")), "x", 1).to_string();
                format!("{}.{}.{signature}", encode(other), encode(&payload))
            },
            401,
        ),
        of_rsa("sig-rsa-255", &rsa_bytes[..255]),
        of_rsa("sig-rsa-257", &[&[0], &rsa_bytes[..]].concat()),
        of_rsa("sig-rsa-zero", &[0; 256]),
        of_rsa("sig-rsa-one", &[&[0; 255][..], &[1]].concat()),
    ]
}

/// Returns an ECDSA signature in the form of X9.62.
fn der_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap();
        let mut value = bytes[start..].to_vec();
        if value[0] & 0x80 != 0 {
            value.insert(0, 0);
        }
        [&[2, u8::try_from(value.len()).unwrap()], &value[..]].concat()
    };
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], &body[..]].concat()
}
