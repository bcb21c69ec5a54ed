//! Signing keys: published before they sign, kept until their last token has ended, gone at once if they must.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use http::Method;
use rolecall::Clock as _;
use rolecall_server::SigningAlgorithm;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::{
    clients::Credentials,
    support::{Answer, Database, Node, TestApp, claims, eventually, on_both, part},
};

on_both![
    a_rotation_lets_the_published_key_sign_and_refuses_no_token_of_the_old_one,
    a_key_that_not_everybody_has_yet_signs_only_by_force,
    a_key_leaves_the_set_when_its_last_token_has_ended_and_not_before,
    of_nodes_that_rotate_at_once_one_wins_and_the_others_hear_409,
    x085_o112_rotation_under_load_refuses_no_good_token_and_signs_with_no_unpublished_key,
    keys_take_turns_by_themselves_on_one_node_only,
    x084_a_clock_that_jumps_leaves_one_key_that_signs_and_rotation_going,
    whoever_may_read_keys_may_not_rotate_them,
    lists_of_keys_come_in_pages,
    o081_another_algorithm_signs_once_its_key_was_published_and_tokens_of_before_stay_good,
    secrets_and_key_pairs_never_share_a_set,
    a_copy_of_the_set_that_is_current_is_not_sent_again,
    every_rotation_stands_in_the_audit_log,
];

const LEAD: Duration = Duration::from_secs(330);
const DAY: Duration = Duration::from_hours(24);

pub(crate) fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

pub(crate) async fn published(node: &Node) -> BTreeSet<String> {
    let set = node.get("/.well-known/jwks.json", "").await.is(200).json["keys"].clone();
    let kids = set.as_array().unwrap().iter().map(|key| &key["kid"]);
    kids.map(|kid| kid.as_str().unwrap().to_owned()).collect()
}

/// Asks once the node has heard of everything again: time that passes at once leaves it behind for a moment.
async fn patiently(ask: impl AsyncFn() -> Answer) -> Answer {
    let answer = tokio::sync::Mutex::new(None);
    eventually("the node hears again", async || {
        let got = ask().await;
        let heard = got.status != 503;
        *answer.lock().await = Some(got);
        heard
    })
    .await;
    answer.into_inner().unwrap()
}

pub(crate) async fn rotate(node: &Node, body: Value) -> Answer {
    // a fresh one: time passes in these tests
    let admin = node.login("admin").await;
    patiently(async || node.post("/api/keys/rotate", &admin, body.clone()).await).await
}

pub(crate) async fn keys_of(node: &Node, status: &str) -> Vec<String> {
    let admin = node.login("admin").await;
    let keys = patiently(async || node.get("/api/keys?limit=200", &admin).await).await;
    let keys = keys.is(200).json["items"].as_array().unwrap().clone();
    let with = keys.iter().filter(|key| key["status"] == status);
    with.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn a_rotation_lets_the_published_key_sign_and_refuses_no_token_of_the_old_one(app: TestApp) {
    let other = app.second_node().await;
    let before = published(&app).await;
    let old = app.login("admin").await;
    let next = keys_of(&app, "next").await.pop().unwrap();
    assert!(before.contains(&next) && before.contains(&kid(&old)));
    // the first start counts as no rotation: this one need not wait
    let rotated = rotate(&app, json!({})).await;
    rotated.is(200);
    assert_eq!(rotated.text("kid"), next);
    assert_eq!(rotated.text("status"), "active");
    for node in [&*app, &other] {
        // not even before the other node's poll does anything sign with the old one
        let token = node.login("admin").await;
        assert_eq!(kid(&token), next);
        for token in [&old, &token] {
            node.get("/api/me", token).await.is(200);
        }
    }
    let after = published(&app).await;
    assert!(before.is_subset(&after));
    assert_eq!(after.len(), 3);
    assert_eq!(keys_of(&app, "active").await, [next]);
    assert_eq!(keys_of(&app, "retiring").await, [kid(&old)]);
    eventually("the other node publishes it too", async || {
        published(&other).await == after
    })
    .await;
}

async fn a_key_that_not_everybody_has_yet_signs_only_by_force(app: TestApp) {
    rotate(&app, json!({})).await.is(200);
    app.pass(LEAD.saturating_sub(Duration::from_secs(1)));
    let before = app.db.revision().await;
    rotate(&app, json!({})).await.breaks("too_soon");
    assert_eq!(app.db.revision().await, before);
    let next = keys_of(&app, "next").await;
    let forced = rotate(&app, json!({ "force": true })).await;
    assert_eq!(vec![forced.is(200).text("kid")], next);
    app.pass(LEAD);
    rotate(&app, json!({ "force": false })).await.is(200);
    // and not without end
    let mut last = 200;
    for _ in 0..20 {
        last = rotate(&app, json!({ "force": true })).await.status.as_u16();
    }
    assert_eq!(last, 409);
    rotate(&app, json!({ "force": true }))
        .await
        .breaks("too_many_keys");
    app.login("admin").await;
}

async fn a_key_leaves_the_set_when_its_last_token_has_ended_and_not_before(app: TestApp) {
    let long = app
        .node(|builder| builder.access_ttl(Duration::from_hours(3)))
        .await;
    let old = long.login("admin").await;
    rotate(&app, json!({})).await.is(200);
    let exp = claims(&old)["exp"].as_i64().unwrap();
    app.clock.set(rolecall::Timestamp::from_seconds(exp - 61));
    // every node looks at the keys by itself
    app.clock.advance(Duration::from_mins(1));
    patiently(async || app.get("/api/me", &old).await)
        .await
        .is(200);
    assert!(published(&app).await.contains(&kid(&old)));
    app.pass(LEAD + Duration::from_secs(2));
    app.clock.advance(Duration::from_mins(2));
    eventually("the old key has gone", async || {
        !published(&app).await.contains(&kid(&old))
    })
    .await;
    assert_eq!(keys_of(&app, "retired").await, [kid(&old)]);
    let sealed = format!(
        "SELECT sealed FROM signing_keys WHERE kid = '{}'",
        kid(&old)
    );
    assert_eq!(app.db.texts(&sealed).await, [""]);
}

async fn of_nodes_that_rotate_at_once_one_wins_and_the_others_hear_409(app: TestApp) {
    let (two, three) = (app.second_node().await, app.second_node().await);
    for _ in 0..3 {
        let before = keys_of(&app, "next").await;
        let answers = tokio::join!(
            rotate(&app, json!({})),
            rotate(&two, json!({})),
            rotate(&three, json!({})),
        );
        let mut codes = [&answers.0, &answers.1, &answers.2].map(|answer| answer.status.as_u16());
        codes.sort_unstable();
        assert_eq!(codes, [200, 409, 409]);
        assert_eq!(keys_of(&app, "active").await, before);
        for node in [&*app, &two, &three] {
            assert_eq!(vec![kid(&node.login("admin").await)], before);
        }
        app.pass(LEAD);
    }
}

/// A verifier elsewhere, which asks for the set no oftener than its `max-age` says.
struct Elsewhere {
    set: BTreeSet<String>,
    fetched_at: rolecall::Timestamp,
}

/// Two nodes that issue and verify as fast as they can.
struct Load<'a> {
    app: &'a TestApp,
    other: RwLock<Node>,
    worker: Credentials,
    elsewhere: RwLock<Elsewhere>,
    issued: RwLock<Vec<String>>,
    done: AtomicBool,
}

impl Load<'_> {
    async fn check(&self, token: &str) {
        let other = self.other.read().await;
        self.app.get("/items/", token).await.is(200);
        other.get("/items/", token).await.is(200);
        let mut elsewhere = self.elsewhere.write().await;
        let now = self.app.clock.now();
        if now >= elsewhere.fetched_at.plus(Duration::from_mins(5)) {
            elsewhere.fetched_at = now;
            elsewhere.set = published(&other).await;
        }
        let known = elsewhere.set.contains(&kid(token));
        assert!(known, "signed by an unpublished key");
    }

    async fn run(&self, here: bool) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.worker.id),
            ("client_secret", &self.worker.secret),
        ];
        while !self.done.load(Ordering::Relaxed) {
            let answer = if here {
                self.app.token(&form).await
            } else {
                self.other.read().await.token(&form).await
            };
            let token = answer.is(200).text("access_token");
            self.check(&token).await;
            self.issued.write().await.push(token);
        }
    }

    async fn rotate(&self, rounds: usize) {
        let mut kids = BTreeSet::new();
        for round in 0..rounds {
            let before = self.issued.read().await.len();
            let rotated = rotate(self.app, json!({})).await;
            kids.insert(rotated.is(200).text("kid"));
            if round == rounds / 2 {
                let mut other = self.other.write().await;
                *other = self.app.second_node().await;
            }
            eventually("both publish the same, and issued some more", async || {
                published(self.app).await == published(&*self.other.read().await).await
                    && self.issued.read().await.len() > before + 4
            })
            .await;
            self.app.pass(LEAD);
            self.check_those_of_before().await;
        }
        self.done.store(true, Ordering::Relaxed);
        assert_eq!(kids.len(), rounds);
    }

    /// What was issued before is as good as ever, as long as it lasts.
    async fn check_those_of_before(&self) {
        let now = self.app.clock.now().seconds();
        let mut good = self.issued.read().await.clone();
        good.retain(|token| claims(token)["exp"].as_i64().unwrap() > now);
        for token in good.iter().step_by(good.len().div_ceil(12).max(1)) {
            self.check(token).await;
        }
    }
}

async fn x085_o112_rotation_under_load_refuses_no_good_token_and_signs_with_no_unpublished_key(
    app: TestApp,
) {
    const ROUNDS: usize = 6;
    app.role("reader", &["items:read"]).await;
    let load = Load {
        worker: app.client("worker", json!({ "roles": ["reader"] })).await,
        other: RwLock::new(app.second_node().await),
        elsewhere: RwLock::new(Elsewhere {
            set: published(&app).await,
            fetched_at: app.clock.now(),
        }),
        issued: RwLock::default(),
        done: AtomicBool::new(false),
        app: &app,
    };
    tokio::join!(load.run(true), load.run(false), load.rotate(ROUNDS));
    let issued = load.issued.into_inner();
    let signed: BTreeSet<String> = issued.iter().map(|token| kid(token)).collect();
    assert!(signed.len() >= ROUNDS, "{signed:?}");
}

async fn keys_take_turns_by_themselves_on_one_node_only(app: TestApp) {
    let (two, three) = (app.second_node().await, app.second_node().await);
    let (active, next) = (keys_of(&app, "active").await, keys_of(&app, "next").await);
    app.pass(29 * DAY);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(keys_of(&app, "active").await, active);
    app.pass(DAY);
    app.clock.advance(Duration::from_mins(1));
    eventually("the next key signs", async || {
        kid(&app.login("admin").await) == next[0]
    })
    .await;
    for node in [&*app, &two, &three] {
        assert_eq!(kid(&node.login("admin").await), next[0]);
    }
    // let each node look again
    app.clock.advance(Duration::from_mins(1));
    eventually(
        "the old key is still there, and no second turn was taken",
        async || keys_of(&app, "retiring").await == active,
    )
    .await;
    assert_eq!(keys_of(&app, "active").await, next);
    let rotations = "SELECT COUNT(*) FROM audit WHERE changes LIKE '%key.rotated%'";
    assert_eq!(app.db.number(rotations).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rotation_by_itself_where_it_is_turned_off() {
    let db = Database::sqlite();
    let app = TestApp::on(db, |builder| builder.rotate_every(Duration::ZERO)).await;
    let active = keys_of(&app, "active").await;
    app.pass(900 * DAY);
    // the second look begins only when the first is over
    for _ in 0..2 {
        app.db
            .execute(
                "INSERT INTO floors (kind, subject, revision, ends_at) VALUES ('jti', 'x', 1, 1)",
            )
            .await;
        app.clock.advance(Duration::from_mins(2));
        eventually("the node has looked", async || {
            app.db.count("floors").await == 0
        })
        .await;
    }
    assert_eq!(keys_of(&app, "active").await, active);
}

async fn x084_a_clock_that_jumps_leaves_one_key_that_signs_and_rotation_going(app: TestApp) {
    let hour = Duration::from_hours(1);
    let start = app.clock.now();
    for (jump, at) in [
        ("an hour on", start.plus(hour)),
        ("an hour back", start.minus(hour)),
        ("ten years on", start.plus(3650 * DAY)),
        ("and back, after a rotation", start),
        (
            "past 2038",
            rolecall::Timestamp::from_seconds(2_147_483_648),
        ),
        (
            "past 2106",
            rolecall::Timestamp::from_seconds(4_294_967_296),
        ),
        ("and back again", start.plus(hour)),
    ] {
        app.clock.set(at);
        let token = app.login("admin").await;
        patiently(async || app.get("/api/me", &token).await)
            .await
            .is(200);
        let rotated = rotate(&app, json!({})).await;
        assert!(
            [200, 409].contains(&rotated.status.as_u16()),
            "{jump}: {rotated:?}"
        );
        assert_eq!(keys_of(&app, "active").await.len(), 1, "{jump}");
        assert_eq!(keys_of(&app, "next").await.len(), 1, "{jump}");
        let token = app.login("admin").await;
        app.get("/api/me", &token).await.is(200);
        // by the new clock, not by the one that it was issued under
        app.pass(Duration::from_mins(30));
        app.get("/api/me", &token).await.ended();
    }
    // the key that is dated years ahead does not sign for years
    let active = keys_of(&app, "active").await;
    app.pass(31 * DAY);
    app.clock.advance(Duration::from_mins(2));
    eventually("keys took turns", async || {
        keys_of(&app, "active").await != active
    })
    .await;
}

fn walk(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.insert(name.clone());
                walk(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_holds_a_private_half() {
    for algorithm in [
        SigningAlgorithm::Es256,
        SigningAlgorithm::EdDsa,
        SigningAlgorithm::Rs256,
        SigningAlgorithm::Hs256,
    ] {
        let app = TestApp::on(Database::sqlite(), |builder| builder.algorithm(algorithm)).await;
        let admin = app.login("admin").await;
        let rotated = app.post("/api/keys/rotate", &admin, json!({})).await;
        let listed = app.get("/api/keys", &admin).await;
        let set = app.get("/.well-known/jwks.json", "").await;
        assert_eq!(listed.items("kid").len(), 3);
        for answer in [&rotated, &listed, &set] {
            let mut members = BTreeSet::new();
            walk(&answer.is(200).json, &mut members);
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "sealed"] {
                assert!(
                    !members.contains(private),
                    "{algorithm}: `{private}` in {answer:?}"
                );
            }
        }
        let expected = if algorithm == SigningAlgorithm::Hs256 {
            0
        } else {
            3
        };
        assert_eq!(set.json["keys"].as_array().unwrap().len(), expected);
        for key in set.json["keys"].as_array().unwrap() {
            assert_eq!(
                (&key["alg"], &key["use"]),
                (&json!(algorithm.to_string()), &json!("sig"))
            );
        }
        verified_by_others(&app, &admin, &algorithm.to_string()).await;
    }
}

/// jsonwebtoken as second opinion, with nothing but the published set.
async fn verified_by_others(app: &TestApp, token: &str, algorithm: &str) {
    use jsonwebtoken as other;
    assert_eq!(part(token, 0)["alg"], algorithm);
    assert_eq!(part(token, 0)["typ"], "at+jwt");
    app.get("/api/me", token).await.is(200);
    if algorithm == "HS256" {
        return;
    }
    let set = app.get("/.well-known/jwks.json", "").await.json;
    let set: other::jwk::JwkSet = serde_json::from_value(set).unwrap();
    let key = other::DecodingKey::from_jwk(set.find(&kid(token)).unwrap()).unwrap();
    let mut validation = other::Validation::new(algorithm.parse().unwrap());
    validation.set_audience(&[crate::support::ISSUER]);
    validation.set_issuer(&[crate::support::ISSUER]);
    let decoded = other::decode::<Value>(token, &key, &validation).unwrap();
    assert_eq!(decoded.claims["username"], "admin");
    let cut = &token[..token.len() - 8];
    assert!(other::decode::<Value>(cut, &key, &validation).is_err());
}

async fn whoever_may_read_keys_may_not_rotate_them(app: TestApp) {
    app.role("auditor", &["rolecall.keys:read"]).await;
    app.user("alice", &["auditor"]).await;
    let alice = app.login("alice").await;
    app.get("/api/keys", &alice).await.is(200);
    let answer = app.post("/api/keys/rotate", &alice, json!({})).await;
    answer.forbidden("rolecall.keys:rotate");
    app.get("/api/keys", "").await.not_authenticated();
    let admin = app.admin().await;
    let wrong = app
        .post("/api/keys/rotate", admin, json!({ "force": "yes" }))
        .await;
    wrong.invalid(&["body", "force"]);
    app.post("/api/keys/rotate", admin, json!({ "kid": "x" }))
        .await
        .is(422);
    app.get("/api/keys?status=active", admin).await.is(422);
}

async fn lists_of_keys_come_in_pages(app: TestApp) {
    rotate(&app, json!({})).await.is(200);
    app.pass(LEAD);
    rotate(&app, json!({})).await.is(200);
    let admin = app.login("admin").await;
    let all = app.get("/api/keys", &admin).await.items("kid");
    assert_eq!(all.len(), 4);
    let mut paged = Vec::new();
    let mut path = "/api/keys?limit=1".to_owned();
    loop {
        let page = app.get(&path, &admin).await;
        paged.extend(page.is(200).items("kid"));
        let Some(cursor) = page.json["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/keys?limit=1&cursor={cursor}");
    }
    assert_eq!(paged, all);
}

async fn o081_another_algorithm_signs_once_its_key_was_published_and_tokens_of_before_stay_good(
    app: TestApp,
) {
    let old = app.login("admin").await;
    let other = app
        .node(|builder| builder.algorithm(SigningAlgorithm::EdDsa))
        .await;
    let next = keys_of(&other, "next").await.pop().unwrap();
    // published, and not signing before everybody has it
    assert!(published(&other).await.contains(&next));
    let alg = |token: &str| part(token, 0)["alg"].as_str().unwrap().to_owned();
    assert_eq!(alg(&other.login("admin").await), "ES256");
    app.pass(LEAD);
    app.clock.advance(Duration::from_mins(1));
    for node in [&*app, &other] {
        eventually("the new algorithm signs", async || {
            alg(&node.login("admin").await) == "EdDSA"
        })
        .await;
    }
    let new = other.login("admin").await;
    assert_eq!(kid(&new), next);
    for node in [&*app, &other] {
        for token in [&old, &new] {
            patiently(async || node.get("/api/me", token).await)
                .await
                .is(200);
        }
    }
    // it stays: what comes next is of the same kind
    assert!(!rotate(&other, json!({})).await.status.is_server_error());
    app.pass(LEAD);
    rotate(&app, json!({})).await.is(200);
    assert_eq!(alg(&app.login("admin").await), "EdDSA");
}

async fn secrets_and_key_pairs_never_share_a_set(app: TestApp) {
    let old = app.login("admin").await;
    let other = app
        .node(|builder| builder.algorithm(SigningAlgorithm::Hs256))
        .await;
    assert_eq!(published(&other).await.len(), 0);
    other.get("/api/me", &old).await.not_valid();
    let new = other.login("admin").await;
    other.get("/api/me", &new).await.is(200);
    eventually("the other node follows", async || {
        app.get("/api/me", &new).await.status == 200
    })
    .await;
    app.get("/api/me", &old).await.not_valid();
    rotate(&other, json!({})).await.is(200);
    other.get("/api/me", &new).await.is(200);
    assert_eq!(published(&other).await.len(), 0);
}

async fn a_copy_of_the_set_that_is_current_is_not_sent_again(app: TestApp) {
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
    ] {
        let fresh = app.get(path, "").await;
        let tag = fresh.is(200).header("etag").unwrap().to_owned();
        assert!(
            tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20,
            "{tag}"
        );
        assert_eq!(fresh.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(fresh.header("content-type"), Some("application/json"));
        let ask = async |known: &str| {
            let ask = app
                .request(Method::GET, path)
                .header("if-none-match", known);
            ask.send().await
        };
        for known in [&tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            let answer = ask(known).await;
            assert_eq!(answer.is(304).header("etag"), Some(tag.as_str()));
            assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
            assert!(answer.body.is_empty());
        }
        for other in ["\"other\"", "", &tag[1..], &tag.to_uppercase()] {
            assert_eq!(ask(other).await.is(200).body, fresh.body);
        }
    }
    let tag = async || {
        let answer = app.get("/.well-known/jwks.json", "").await;
        answer.header("etag").unwrap().to_owned()
    };
    let before = tag().await;
    rotate(&app, json!({})).await.is(200);
    assert_ne!(tag().await, before);
}

async fn every_rotation_stands_in_the_audit_log(app: TestApp) {
    let before = app.db.revision().await;
    let rotated = rotate(&app, json!({})).await.is(200).text("kid");
    assert_eq!(app.db.revision().await, before + 1);
    let told = app
        .db
        .texts("SELECT changes FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    let told: Value = serde_json::from_str(&told[0]).unwrap();
    assert_eq!(told[0]["action"], "key.rotated");
    assert_eq!(told[0]["kid"], json!(rotated));
    assert_eq!(told[1]["action"], "key.created");
    let actor = app
        .db
        .texts("SELECT actor FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    assert!(actor[0].starts_with("user:"), "{actor:?}");
}
