//! The scripts of `feed.json`.

use serde_json::{Value, json};

use crate::{
    NOW,
    feed::{Script, floor},
    keys::{jwks, key},
};

pub(crate) fn scripts() -> Vec<Script> {
    let mut scripts = floors();
    scripts.extend(tenants());
    scripts.extend(eras());
    scripts.extend(staleness());
    scripts.extend(clocks());
    scripts.extend(faults());
    scripts.extend(keys());
    scripts.extend(revisions());
    scripts
}

fn with_floor(id: impl Into<String>, floor: Value) -> Script {
    Script::started(id).feed(json!({ "floors": [floor], "revision": 9 }))
}

/// Each kind of floor: the same key, another key, and revisions around that of the token.
fn floors() -> Vec<Script> {
    let mut scripts = Vec::new();
    for (kind, key, other) in [
        ("subject", "u1", "U1"),
        ("client", "web", "we"),
        ("role", "editor", "edit"),
        ("sid", "s1", "s10"),
        ("jti", "t1", "t1 "),
    ] {
        scripts.push(
            with_floor(format!("floor-{kind}"), floor(kind, key, 8))
                .check("alice", 401)
                .check("bob", 200)
                .check("alice-rev-8", 200),
        );
        scripts.push(
            with_floor(format!("floor-{kind}-same-revision"), floor(kind, key, 7))
                .check("alice", 200)
                .check("alice-rev-0", 401),
        );
        scripts.push(
            with_floor(format!("floor-{kind}-other-key"), floor(kind, other, 8))
                .check("alice", 200),
        );
        scripts.push(
            Script::new(format!("floor-{kind}-from-the-start"))
                .keys()
                .feed(json!({ "floors": [floor(kind, key, 8)] }))
                .check("alice", 401),
        );
    }
    scripts.push(with_floor("floor-role-second", floor("role", "user", 8)).check("alice", 401));
    scripts.push(with_floor("floor-sid-without", floor("sid", "s1", 8)).check("alice-no-sid", 200));
    scripts.push(
        Script::started("floors-highest-counts")
            .feed(json!({ "floors": [floor("subject", "u1", 9), floor("subject", "u1", 3)] }))
            .check("alice-rev-8", 401)
            .feed(json!({ "floors": [floor("subject", "u1", 2)] }))
            .check("alice-rev-8", 401),
    );
    scripts.push(
        Script::started("floors-add-up")
            .feed(json!({ "floors": [floor("jti", "t2", 8)] }))
            .check("alice", 200)
            .feed(json!({ "cursor": "c2", "floors": [floor("jti", "t1", 8)] }))
            .check("alice", 401)
            .check("bob", 401)
            .feed(json!({ "cursor": "c3" }))
            .check("alice", 401),
    );
    scripts.push(
        Script::started("floor-forgotten-after-the-issuer-says-so")
            .feed(json!({ "floors": [{ "kind": "subject", "key": "u1", "revision": 8, "until": "2030-01-01T00:01:00Z" }] }))
            .check("alice", 401)
            .advance(120_000)
            .feed(json!({}))
            .check("alice", 401)
            .advance(61_000)
            .feed(json!({ "forget_before": "2030-01-01T00:02:00Z" }))
            .check("alice", 200),
    );
    scripts.push(
        Script::started("floor-not-forgotten-by-the-own-clock")
            .feed(json!({ "floors": [{ "kind": "subject", "key": "u1", "revision": 8, "until": "2030-01-01T00:01:00Z" }], "forget_before": null }))
            .advance(120_000)
            .feed(json!({ "forget_before": null }))
            .check("alice", 401),
    );
    scripts
}

fn tenants() -> Vec<Script> {
    let of = |tenant: Value| {
        let mut floor = floor("subject", "u1", 8);
        floor["tenant"] = tenant;
        floor
    };
    vec![
        with_floor("tenant-floor", of(json!("acme")))
            .check("alice-acme", 401)
            .check("alice-globex", 200)
            .check("alice", 200),
        with_floor("tenant-floor-empty", of(json!("")))
            .check("alice-acme", 401)
            .check("alice", 401),
        with_floor("tenant-floor-null", of(Value::Null))
            .check("alice-acme", 401)
            .check("alice", 401),
        with_floor("tenant-floor-missing", floor("subject", "u1", 8))
            .check("alice-acme", 401)
            .check("alice", 401),
        Script::started("tenant-floor-of-a-wrong-type")
            .bad_feed(json!({ "floors": [of(json!(1))] }))
            .check("alice", 200),
    ]
}

fn eras() -> Vec<Script> {
    vec![
        Script::started("era-of-the-token")
            .check("alice-era-2", 401)
            .check("alice-no-era", 401),
        Script::started("era-replaced")
            .feed(json!({ "era": "e2" }))
            .check("alice", 401)
            .check("alice-era-2", 200),
        Script::started("era-replaces-floors")
            .feed(json!({ "floors": [floor("subject", "u1", 9)] }))
            .check("alice", 401)
            .feed(json!({ "era": "e2" }))
            .check("alice-era-2", 200),
        Script::started("era-in-parts")
            .feed(json!({ "era": "e2", "more": true, "floors": [floor("jti", "t9", 8)] }))
            .check("alice", 200)
            .check("alice-era-2", 401)
            .feed(json!({ "era": "e2", "floors": [floor("subject", "u1", 8)] }))
            .check("alice", 401)
            .check("alice-era-2", 401),
        Script::started("era-in-parts-with-an-early-floor")
            .feed(json!({ "era": "e2", "more": true, "floors": [floor("subject", "u1", 8)] }))
            .feed(json!({ "era": "e2" }))
            .check("alice-era-2", 401),
        Script::started("era-in-parts-interrupted")
            .feed(json!({ "era": "e2", "more": true, "floors": [floor("subject", "u1", 8)] }))
            .feed(json!({ "era": "e1" }))
            .check("alice", 200)
            .feed(json!({ "era": "e2" }))
            .check("alice-era-2", 200),
        Script::new("era-first-in-parts")
            .keys()
            .feed(json!({ "more": true }))
            .check("alice", 503)
            .feed(json!({}))
            .check("alice", 200),
        Script::started("same-era-in-parts-counts-at-once")
            .feed(json!({ "more": true, "floors": [floor("subject", "u1", 8)] }))
            .check("alice", 401),
    ]
}

fn staleness() -> Vec<Script> {
    vec![
        Script::new("nothing-known")
            .check("alice", 503)
            .check("invalid", 503),
        Script::new("keys-without-a-feed")
            .keys()
            .check("alice", 503),
        Script::new("feed-without-keys")
            .feed(json!({}))
            .check("alice", 503)
            .keys()
            .check("alice", 200),
        Script::started("stale-after-30-seconds")
            .advance(30_000)
            .check("alice", 200)
            .advance(1)
            .check("alice", 503)
            .check("bob", 503),
        Script::started("fresh-again")
            .advance(40_000)
            .check("alice", 503)
            .feed(json!({}))
            .check("alice", 200),
        Script::started("age-of-the-answer-counts")
            .feed(json!({ "age_ms": 20_000 }))
            .advance(29_000)
            .check("alice", 200)
            .advance(2_000)
            .check("alice", 503),
        Script::new("old-answer")
            .keys()
            .feed(json!({ "age_ms": 31_000 }))
            .check("alice", 503),
        Script::new("late-answer")
            .keys()
            .advance(20_000)
            .late_feed(json!({ "age_ms": 15_000 }), 16_000)
            .check("alice", 503),
        Script::started("late-answer-does-not-make-older")
            .late_feed(json!({ "age_ms": 29_000 }), 5_000)
            .check("alice", 200)
            .advance(29_000)
            .check("alice", 200),
        Script::started("short-staleness")
            .max_staleness_ms(1_000)
            .advance(1_000)
            .check("alice", 200)
            .advance(1)
            .check("alice", 503),
        Script::started("an-incomplete-answer-is-no-news")
            .advance(20_000)
            .feed(json!({ "more": true }))
            .advance(11_000)
            .check("alice", 503),
        Script::started("invalid-token-while-stale")
            .advance(31_000)
            .check("invalid", 503),
    ]
}

fn clocks() -> Vec<Script> {
    vec![
        Script::started("clock-forward")
            .set_now(NOW + 1_739)
            .check("alice", 200)
            .set_now(NOW + 1_740)
            .check("alice", 401),
        Script::started("clock-back")
            .check("alice", 200)
            .set_now(NOW - 91)
            .check("alice", 401)
            .set_now(NOW)
            .check("alice", 200),
        Script::started("clock-steps-do-not-make-stale")
            .set_now(NOW + 1_000)
            .check("alice", 200)
            .set_now(NOW - 50)
            .check("alice", 200),
        Script::started("expires-while-cached")
            .check("alice-10-seconds", 200)
            .advance(9_999)
            .check("alice-10-seconds", 200)
            .advance(1)
            .check("alice-10-seconds", 401),
        Script::started("becomes-valid")
            .check("alice-in-10-seconds", 401)
            .advance(10_000)
            .check("alice-in-10-seconds", 200),
        Script::started("becomes-invalid-again")
            .advance(10_000)
            .check("alice-in-10-seconds", 200)
            .set_now(NOW)
            .check("alice-in-10-seconds", 401),
    ]
}

/// Answers that the guard cannot use.
fn faults() -> Vec<Script> {
    let kept = |id: &str| {
        Script::started(format!("fault-{id}")).feed(json!({ "floors": [floor("jti", "t2", 8)] }))
    };
    let after = |script: Script| {
        script
            .check("alice", 200)
            .check("bob", 401)
            .advance(30_001)
            .check("alice", 503)
    };
    vec![
        after(kept("503").raw_feed(503, "{}")),
        after(kept("401").raw_feed(401, r#"{"floors":[]}"#)),
        after(kept("cut").no_feed()),
        after(kept("not-json").raw_feed(200, "<html>")),
        after(kept("empty").raw_feed(200, "")),
        after(kept("cut-body").raw_feed(200, r#"{"cursor":"c1","era":"e1","#)),
        after(kept("array").raw_feed(200, "[]")),
        after(kept("no-era").bad_feed(json!({ "era": null }))),
        after(kept("no-floors").bad_feed(json!({ "floors": null }))),
        after(kept("no-cursor").bad_feed(json!({ "cursor": null }))),
        after(kept("negative-age").bad_feed(json!({ "age_ms": -1 }))),
        after(kept("age-as-text").bad_feed(json!({ "age_ms": "0" }))),
        after(kept("unknown-kind").bad_feed(json!({ "floors": [floor("group", "g1", 8), floor("subject", "u1", 8)] }))),
        after(kept("kind-in-another-case").bad_feed(json!({ "floors": [floor("Subject", "u1", 8)] }))),
        after(kept("bad-time").bad_feed(json!({ "floors": [{ "kind": "subject", "key": "u1", "revision": 8, "until": "soon" }] }))),
        after(kept("revision-as-text").bad_feed(json!({ "floors": [{ "kind": "subject", "key": "u1", "revision": "8", "until": "2030-01-02T00:00:00Z" }] }))),
        after(kept("floor-without-key").bad_feed(json!({ "floors": [{ "kind": "subject", "revision": 8, "until": "2030-01-02T00:00:00Z" }] }))),
        Script::started("unknown-members-are-ignored").feed(json!({ "news": [1], "floors": [{ "kind": "subject", "key": "u1", "revision": 8, "until": "2030-01-02T00:00:00Z", "note": "x" }] })).check("alice", 401),
        Script::started("older-issuer").feed(json!({ "revision": null, "forget_before": null, "keys_revision": null, "more": null })).check("alice-rev-9", 200),
        Script::started("fault-then-recovery").raw_feed(503, "").no_feed().advance(20_000).feed(json!({ "floors": [floor("subject", "u1", 8)] })).check("alice", 401).check("bob", 200),
    ]
}

fn keys() -> Vec<Script> {
    let private = json!({ "keys": [{ "kty": "oct", "kid": "k", "alg": "HS256", "k": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB" }] }).to_string();
    let two = {
        let one = key("es256").public_jwk().unwrap();
        json!({ "keys": [one, one] }).to_string()
    };
    let encryption = {
        let mut set = jwks(&["es256"]);
        set["keys"][0]["use"] = json!("enc");
        set.to_string()
    };
    let mixed = {
        let mut set = jwks(&["es256"]);
        let keys = set["keys"].as_array_mut().unwrap();
        keys.push(json!({ "kty": "XYZ", "kid": "future" }));
        keys.push(json!({ "kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB" }));
        set.to_string()
    };
    let kept = |id: &str| Script::started(format!("keys-{id}"));
    vec![
        kept("removed")
            .check("alice-eddsa", 200)
            .keys_of(&["eddsa"])
            .check("alice", 401)
            .check("alice-eddsa", 200)
            .keys()
            .check("alice", 200),
        kept("failed-500")
            .bad_keys(500, "")
            .check("alice", 200)
            .check("alice-eddsa", 200),
        kept("failed-cut").no_keys().check("alice", 200),
        kept("failed-empty-set")
            .bad_keys(200, r#"{"keys":[]}"#)
            .check("alice", 200),
        kept("failed-not-json")
            .bad_keys(200, "<html>")
            .check("alice", 200),
        kept("failed-no-member")
            .bad_keys(200, "{}")
            .check("alice", 200),
        kept("failed-shared-secret")
            .bad_keys(200, &private)
            .check("alice", 200),
        kept("failed-duplicate-kid")
            .bad_keys(200, &two)
            .check("alice", 200),
        kept("failed-only-encryption")
            .bad_keys(200, &encryption)
            .check("alice", 200),
        kept("unknown-kinds-are-ignored")
            .advance(11_000)
            .feed(json!({}))
            .keys_with(&mixed)
            .check("alice", 200)
            .check("alice-eddsa", 401),
        Script::new("keys-first-failed")
            .feed(json!({}))
            .bad_keys(503, "")
            .check("alice", 503)
            .keys()
            .check("alice", 200),
        kept("stranger-just-after-a-load")
            .check("stranger", 401)
            .check("stranger-2", 401)
            .check("alice", 200),
        kept("stranger-asks-for-keys")
            .advance(10_000)
            .check("stranger", 503)
            .check("stranger-2", 503)
            .check("alice", 200)
            .keys()
            .check("stranger", 401)
            .check("stranger-2", 401)
            .check("alice", 200),
        kept("stranger-is-known-after-a-load")
            .advance(10_000)
            .check("stranger", 503)
            .keys_of(&["es256", "other"])
            .check("stranger", 200),
        kept("stranger-while-loading-fails")
            .advance(10_000)
            .check("stranger", 503)
            .bad_keys(503, "")
            .check("stranger", 503)
            .check("alice", 200),
    ]
}

/// Tokens of a revision above that of the feed.
fn revisions() -> Vec<Script> {
    vec![
        Script::started("revision-above-then-confirmed")
            .check("alice-rev-9", 200)
            .advance(100)
            .feed(json!({ "revision": 9 }))
            .check("alice-rev-9", 200),
        Script::started("revision-above-then-refused")
            .check("alice-rev-9", 200)
            .advance(100)
            .feed(json!({ "revision": 8 }))
            .check("alice-rev-9", 401)
            .check("alice-rev-8", 200),
        Script::started("revision-above-stays-refused")
            .check("alice-rev-9", 200)
            .advance(100)
            .feed(json!({ "revision": 7 }))
            .check("alice-rev-9", 401)
            .advance(100)
            .feed(json!({ "revision": 20 }))
            .check("alice-rev-9", 401),
        Script::started("revision-above-answer-from-before")
            .advance(1_000)
            .check("alice-rev-9", 200)
            .late_feed(json!({ "revision": 7 }), 500)
            .check("alice-rev-9", 200),
        Script::started("revision-above-old-answer")
            .advance(1_000)
            .check("alice-rev-9", 200)
            .advance(100)
            .feed(json!({ "revision": 7, "age_ms": 500 }))
            .check("alice-rev-9", 200),
        Script::started("revision-above-new-era")
            .check("alice-rev-9", 200)
            .advance(100)
            .feed(json!({ "era": "e2", "revision": 1 }))
            .check("alice-rev-9", 401)
            .check("alice-era-2", 200),
    ]
}
