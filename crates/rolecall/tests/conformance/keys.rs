//! The fixed keys, and the guards that the files describe.

use base64::{Engine, engine::general_purpose::STANDARD};
use rolecall::{
    Guard, GuardBuilder, ManualClock, Timestamp,
    token::{Algorithm, KeySet, SigningKey},
};
use serde_json::{Value, json};

use crate::{AUDIENCE, ISSUER, NOW};

/// Keys for tests, in PKCS#8.
const KEYS: &str = include_str!("keys.txt");
pub(crate) const SECRET: &[u8] = b"a shared secret of 48 bytes for conformance only";

pub(crate) fn der(name: &str) -> Vec<u8> {
    let mut lines = KEYS.lines().filter_map(|line| line.split_once(' '));
    let (_, text) = lines.find(|(known, _)| *known == name).unwrap();
    STANDARD.decode(text).unwrap()
}

/// Returns a fixed key; its id is its name.
pub(crate) fn key(name: &str) -> SigningKey {
    let algorithm = match name {
        "eddsa" => Algorithm::EdDsa,
        "es384" => Algorithm::Es384,
        "rs256" => Algorithm::Rs256,
        "ps256" => Algorithm::Ps256,
        "hs256" => return SigningKey::from_secret(Algorithm::Hs256, None, SECRET).unwrap(),
        _ => Algorithm::Es256,
    };
    SigningKey::from_pkcs8(algorithm, name, &der(name)).unwrap()
}

/// The keys of the guard `main`.
pub(crate) const MAIN: [&str; 5] = ["es256", "eddsa", "rs256", "ps256", "es384"];

pub(crate) fn jwks(names: &[&str]) -> Value {
    let keys: Vec<Value> = names
        .iter()
        .map(|name| key(name).public_jwk().unwrap())
        .collect();
    json!({ "keys": keys })
}

/// Returns the guards as the files write them.
pub(crate) fn guards() -> Value {
    let main = json!({ "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": jwks(&MAIN) });
    let with = |name: &str, value: Value| {
        let mut guard = main.clone();
        guard[name] = value;
        guard
    };
    let mut secret = with(
        "secret",
        json!({ "algorithm": "HS256", "base64": STANDARD.encode(SECRET) }),
    );
    secret.as_object_mut().unwrap().remove("jwks");
    json!({
        "main": main,
        "foreign": with("foreign", json!(true)),
        "gateway": with("audiences", json!([AUDIENCE, "https://orders.example"])),
        "secret": secret,
    })
}

/// Builds a guard as its description says.
pub(crate) fn guard(name: &str) -> Guard {
    let description = guards()[name].clone();
    let issuer = description["issuer"].as_str().unwrap();
    let audiences = description["audiences"].as_array().unwrap();
    let builder = Guard::builder().clock(ManualClock::at(Timestamp::from_seconds(NOW)));
    let builder = if description["foreign"] == json!(true) {
        builder.foreign_issuer(issuer)
    } else {
        builder.issuer(issuer)
    };
    let builder = builder.audience(audiences[0].as_str().unwrap());
    let others = audiences.iter().skip(1).map(|one| one.as_str().unwrap());
    let builder = others.fold(builder, GuardBuilder::or_audience);
    let builder = match name {
        "secret" => builder.secret(Algorithm::Hs256, SECRET),
        _ => builder.keys(KeySet::from_jwks(&description["jwks"].to_string()).unwrap()),
    };
    builder.build().unwrap()
}
