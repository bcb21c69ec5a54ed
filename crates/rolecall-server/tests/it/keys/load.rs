//! Rotation while two nodes issue and verify.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rolecall::Clock as _;
use serde_json::json;
use tokio::sync::RwLock;

use super::{LEAD, kid, published, rotate};
use crate::support::{Credentials, Database, Node, TestApp, claims, eventually, on_both};

on_both![x085_o112_rotation_under_load_refuses_no_valid_token_and_signs_with_no_unpublished_key];

/// Longer than a key is published before it signs, so that older tokens are still valid after a rotation.
const TTL: Duration = Duration::from_hours(3);

/// A remote verifier, which loads the set every 15 minutes at most.
struct RemoteVerifier {
    set: BTreeSet<String>,
    fetched_at: rolecall::Timestamp,
}

/// Two nodes that issue and verify tokens as fast as they can.
struct Load<'a> {
    app: &'a TestApp,
    other: RwLock<Node>,
    worker: Credentials,
    verifier: RwLock<RemoteVerifier>,
    issued: RwLock<Vec<String>>,
    done: AtomicBool,
}

impl Load<'_> {
    async fn check(&self, token: &str) {
        let other = self.other.read().await;
        self.app.get("/items/", token).await.is(200);
        other.get("/items/", token).await.is(200);
        let mut verifier = self.verifier.write().await;
        let now = self.app.clock.now();
        if now >= verifier.fetched_at.plus(Duration::from_mins(15)) {
            verifier.fetched_at = now;
            verifier.set = published(&other).await;
        }
        let known = verifier.set.contains(&kid(token));
        assert!(known, "signed by an unpublished key");
    }

    async fn run(&self, here: bool) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.worker.id),
            ("client_secret", &self.worker.secret),
        ];
        while !self.done.load(Ordering::Relaxed) {
            let response = if here {
                self.app.token(&form).await
            } else {
                self.other.read().await.token(&form).await
            };
            let token = response.is(200).text("access_token");
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
                *other = self.app.node(|builder| builder.access_ttl(TTL)).await;
            }
            eventually(
                "both publish the same keys and issue more tokens",
                async || {
                    published(self.app).await == published(&*self.other.read().await).await
                        && self.issued.read().await.len() > before + 4
                },
            )
            .await;
            self.app.pass_time(LEAD);
            self.check_older_tokens().await;
        }
        self.done.store(true, Ordering::Relaxed);
        assert_eq!(kids.len(), rounds);
    }

    /// Checks that unexpired tokens issued before a rotation are still valid.
    async fn check_older_tokens(&self) {
        let now = self.app.clock.now().seconds();
        let mut unexpired = self.issued.read().await.clone();
        unexpired.retain(|token| claims(token)["exp"].as_i64().unwrap() > now);
        for token in unexpired
            .iter()
            .step_by(unexpired.len().div_ceil(12).max(1))
        {
            self.check(token).await;
        }
    }
}

async fn x085_o112_rotation_under_load_refuses_no_valid_token_and_signs_with_no_unpublished_key(
    db: Database,
) {
    const ROUNDS: usize = 6;
    let app = TestApp::configured(db, |builder| builder.access_ttl(TTL)).await;
    app.create_role("reader", &["items:read"]).await;
    let load = Load {
        worker: app
            .create_client("worker", json!({ "roles": ["reader"] }))
            .await,
        other: RwLock::new(app.node(|builder| builder.access_ttl(TTL)).await),
        verifier: RwLock::new(RemoteVerifier {
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
