//! Signing keys: published before they sign, kept until their last token expires, removed at once when retired.

mod algorithms;
mod endpoints;
mod load;
mod rotation;

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

use crate::support::{Node, Response, eventually, part};

const LEAD: Duration = Duration::from_mins(30);
const DAY: Duration = Duration::from_hours(24);

/// The key id in the header of a token.
pub(crate) fn kid(token: &str) -> String {
    part(token, 0)["kid"].as_str().unwrap().to_owned()
}

/// The key ids in the published JWK Set.
pub(crate) async fn published(node: &Node) -> BTreeSet<String> {
    let set = node.get("/.well-known/jwks.json", "").await.is(200).json["keys"].clone();
    let kids = set.as_array().unwrap().iter().map(|key| &key["kid"]);
    kids.map(|kid| kid.as_str().unwrap().to_owned()).collect()
}

/// Repeats a request until the node answers: after the clock moves, its state is stale until the next poll.
async fn until_available(request: impl AsyncFn() -> Response) -> Response {
    let response = tokio::sync::Mutex::new(None);
    eventually("the node is available", async || {
        let got = request().await;
        let available = got.status != 503;
        *response.lock().await = Some(got);
        available
    })
    .await;
    response.into_inner().unwrap()
}

pub(crate) async fn rotate(node: &Node, body: Value) -> Response {
    // a new token each time, because the clock moves in these tests
    let admin = node.log_in("admin").await;
    until_available(async || node.post("/api/keys/rotate", &admin, body.clone()).await).await
}

/// The ids of the keys with this status.
pub(crate) async fn keys_of(node: &Node, status: &str) -> Vec<String> {
    let admin = node.log_in("admin").await;
    let keys = until_available(async || node.get("/api/keys?limit=200", &admin).await).await;
    let keys = keys.is(200).json["items"].as_array().unwrap().clone();
    let with = keys.iter().filter(|key| key["status"] == status);
    with.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}
