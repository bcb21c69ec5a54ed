//! `feed.json`: scripts of answers, time and requests.

use std::{collections::BTreeMap, time::Duration};

use http::{HeaderMap, HeaderValue, Method, header::AUTHORIZATION};
use rolecall::{Guard, ManualClock, Rule, Timestamp, testing::ScriptedIssuer};
use serde_json::{Value, json};

use crate::{
    AUDIENCE, ISSUER, NOW, assert_file, document, feed_scripts,
    keys::{jwks, key},
    signing::{claims, header, sign, sign_raw, with, without},
};

/// A status and a body, or nothing for a connection that broke.
type Answer = Option<(u16, String)>;

enum Step {
    Jwks(Answer, bool),
    Feed(Answer, u64, bool),
    Advance(u64),
    SetNow(i64),
    Check(&'static str, u16),
}

/// A script, and what its author expects.
pub(crate) struct Script {
    id: String,
    max_staleness_ms: u64,
    steps: Vec<Step>,
}

impl Script {
    pub(crate) fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            max_staleness_ms: 30_000,
            steps: Vec::new(),
        }
    }

    /// A guard with keys and an answer of the feed without floors.
    pub(crate) fn started(id: impl Into<String>) -> Self {
        Self::new(id).keys().feed(json!({})).check("alice", 200)
    }

    pub(crate) fn max_staleness_ms(self, max_staleness_ms: u64) -> Self {
        Self {
            max_staleness_ms,
            ..self
        }
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn keys(self) -> Self {
        self.keys_of(&["es256", "eddsa"])
    }

    pub(crate) fn keys_of(self, names: &[&str]) -> Self {
        self.step(Step::Jwks(Some((200, jwks(names).to_string())), true))
    }

    pub(crate) fn keys_with(self, body: &str) -> Self {
        self.step(Step::Jwks(Some((200, body.to_owned())), true))
    }

    pub(crate) fn bad_keys(self, status: u16, body: &str) -> Self {
        self.step(Step::Jwks(Some((status, body.to_owned())), false))
    }

    pub(crate) fn no_keys(self) -> Self {
        self.step(Step::Jwks(None, false))
    }

    /// An answer of the feed; `members` are those that are not as usual.
    pub(crate) fn feed(self, members: Value) -> Self {
        self.late_feed(members, 0)
    }

    pub(crate) fn late_feed(self, members: Value, took_ms: u64) -> Self {
        self.step(Step::Feed(Some((200, answer(members))), took_ms, true))
    }

    pub(crate) fn bad_feed(self, members: Value) -> Self {
        self.raw_feed(200, &answer(members))
    }

    pub(crate) fn raw_feed(self, status: u16, body: &str) -> Self {
        self.step(Step::Feed(Some((status, body.to_owned())), 0, false))
    }

    pub(crate) fn no_feed(self) -> Self {
        self.step(Step::Feed(None, 0, false))
    }

    pub(crate) fn advance(self, milliseconds: u64) -> Self {
        self.step(Step::Advance(milliseconds))
    }

    pub(crate) fn set_now(self, seconds: i64) -> Self {
        self.step(Step::SetNow(seconds))
    }

    pub(crate) fn check(self, token: &'static str, status: u16) -> Self {
        self.step(Step::Check(token, status))
    }

    /// Runs the script and returns it with the answers.
    #[track_caller]
    fn run(&self, tokens: &BTreeMap<&str, String>) -> Value {
        let clock = ManualClock::at(Timestamp::from_seconds(NOW));
        let builder = Guard::builder().issuer(ISSUER).audience(AUDIENCE);
        let builder = builder.max_staleness(Duration::from_millis(self.max_staleness_ms));
        let mut issuer = ScriptedIssuer::new(builder, &clock).unwrap();
        let steps: Vec<Value> = self
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let place = format!("{} step {index}", self.id);
                run_step(step, &mut issuer, &clock, tokens, &place)
            })
            .collect();
        json!({ "id": self.id, "guard": { "max_staleness_ms": self.max_staleness_ms }, "steps": steps })
    }
}

fn run_step(
    step: &Step,
    issuer: &mut ScriptedIssuer,
    clock: &ManualClock,
    tokens: &BTreeMap<&str, String>,
    place: &str,
) -> Value {
    let written = |answer: &Answer| match answer {
        Some((status, body)) => json!({ "status": status, "body": body }),
        None => Value::Null,
    };
    match step {
        Step::Jwks(answer, expected) => {
            let body = answer
                .as_ref()
                .map(|(status, body)| (*status, body.as_bytes()));
            let usable = issuer.keys(body);
            assert_eq!(usable, *expected, "{place}");
            json!({ "jwks": written(answer), "usable": usable })
        }
        Step::Feed(answer, took_ms, expected) => {
            issuer.next_took(Duration::from_millis(*took_ms));
            let body = answer
                .as_ref()
                .map(|(status, body)| (*status, body.as_bytes()));
            let usable = issuer.feed(body);
            assert_eq!(usable, *expected, "{place}");
            json!({ "feed": written(answer), "took_ms": took_ms, "usable": usable })
        }
        Step::Advance(milliseconds) => {
            clock.advance(Duration::from_millis(*milliseconds));
            json!({ "advance_ms": milliseconds })
        }
        Step::SetNow(seconds) => {
            clock.set(Timestamp::from_seconds(*seconds));
            json!({ "set_now": seconds })
        }
        Step::Check(token, expected) => {
            let bearer = HeaderValue::try_from(format!("Bearer {}", tokens[token])).unwrap();
            let headers: HeaderMap = [(AUTHORIZATION, bearer)].into_iter().collect();
            let decided =
                issuer
                    .guard()
                    .evaluate(&Rule::Authenticated, None, &Method::GET, &headers);
            let (status, challenge) = match decided {
                Ok(_) => (200, None),
                Err(refusal) => (
                    refusal.denial().status().as_u16(),
                    refusal.denial().challenge(),
                ),
            };
            assert_eq!(status, *expected, "{place}: {token}");
            let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
            json!({ "check": { "token": token }, "status": status, "www_authenticate": challenge })
        }
    }
}

/// Returns an answer of the feed with some members changed; `null` removes one.
fn answer(members: Value) -> String {
    let mut answer = json!({ "cursor": "c1", "era": "e1", "age_ms": 0, "floors": [], "policy_revision": 1,
        "revision": 7, "forget_before": "2029-12-31T00:00:00Z", "keys_revision": 1, "more": false });
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            answer.as_object_mut().unwrap().remove(name);
        } else {
            answer[name] = value.clone();
        }
    }
    answer.to_string()
}

/// Returns a floor of the feed.
pub(crate) fn floor(kind: &str, key: &str, revision: i64) -> Value {
    json!({ "kind": kind, "key": key, "revision": revision, "until": "2030-01-02T00:00:00Z" })
}

/// Returns the tokens that the scripts name.
fn tokens() -> BTreeMap<&'static str, String> {
    let es256 = key("es256");
    let of = |claims: &Value| sign(&es256, claims);
    let other = key("other");
    let kid = |claims: &Value| {
        sign_raw(
            &other,
            &header(&other).to_string(),
            claims.to_string().as_bytes(),
        )
    };
    let bob = json!({ "sub": "u2", "jti": "t2", "sid": "s2", "client_id": "shop", "username": "bob", "roles": ["viewer"] });
    let merged = |members: Value| {
        let members = members.as_object().unwrap().clone();
        members
            .into_iter()
            .fold(claims(), |claims, (name, value)| with(claims, &name, value))
    };
    let eddsa = key("eddsa");
    BTreeMap::from([
        ("alice", of(&claims())),
        ("alice-eddsa", sign(&eddsa, &with(claims(), "jti", "t3"))),
        ("alice-rev-8", of(&with(claims(), "rev", 8))),
        ("alice-rev-9", of(&with(claims(), "rev", 9))),
        ("alice-rev-0", of(&with(claims(), "rev", 0))),
        ("alice-acme", of(&with(claims(), "tenant", "acme"))),
        ("alice-globex", of(&with(claims(), "tenant", "globex"))),
        ("alice-era-2", of(&with(claims(), "era", "e2"))),
        ("alice-no-era", of(&without(claims(), "era"))),
        ("alice-no-sid", of(&without(claims(), "sid"))),
        ("alice-10-seconds", of(&with(claims(), "exp", NOW + 10))),
        ("alice-in-10-seconds", of(&with(claims(), "nbf", NOW + 40))),
        ("bob", of(&merged(bob))),
        ("stranger", kid(&claims())),
        (
            "stranger-2",
            sign_raw(
                &es256,
                &with(header(&es256), "kid", "nobody").to_string(),
                claims().to_string().as_bytes(),
            ),
        ),
        ("invalid", "not.a.token".to_owned()),
    ])
}

#[test]
fn feed_json_is_current() {
    let tokens = tokens();
    let scripts = feed_scripts::scripts();
    assert!(scripts.len() >= 60, "{} scripts", scripts.len());
    let mut ids: Vec<&str> = scripts.iter().map(|script| script.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), scripts.len(), "two scripts have the same id");
    let rows: Vec<Value> = scripts.iter().map(|script| script.run(&tokens)).collect();
    let head = json!({ "format": 1, "now": NOW, "guard": { "issuer": ISSUER, "audiences": [AUDIENCE] }, "tokens": tokens });
    assert_file("feed.json", &document(&head, "scripts", &rows));
}
