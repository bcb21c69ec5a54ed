//! Signing keys: published before they sign, kept until their last token has ended, gone at once if they must.

mod algorithms;
mod endpoints;
mod load;
mod rotation;

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::support::{Answer, Node, eventually, part};

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
