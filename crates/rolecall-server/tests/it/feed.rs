//! `GET /api/feed`, which remote guards follow.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};

use crate::support::{Node, Response, RunningServer, TestApp, eventually, on_both};

on_both![
    the_first_read_returns_everything_and_later_ones_only_what_is_new,
    a_loss_answers_a_waiting_request,
    a_loss_on_another_node_answers_a_waiting_request,
    a_waiting_request_ends_with_its_token,
    only_a_client_with_the_permission_reads_the_feed,
    a_cursor_from_another_era_returns_the_whole_state,
    a_cursor_ahead_of_the_node_is_reset,
    an_invalid_cursor_or_wait_is_refused,
    a_stopping_server_answers_waiting_requests,
    a_disconnected_node_reports_its_age,
];

impl TestApp {
    /// The token of a client that may read the feed.
    async fn feed_token(&self) -> String {
        let client = self.create_resource_server("reader").await;
        self.act_as(&client).await
    }
}

async fn read(node: &Node, token: &str, after: &str, wait: u64) -> Response {
    let path = format!("/api/feed?after={after}&wait={wait}");
    node.get(path, token).await
}

fn floors(response: &Response) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let floors = response.json["floors"].as_array().unwrap();
    floors
        .iter()
        .map(|floor| (text(&floor["kind"]), text(&floor["key"])))
        .collect()
}

/// Reads the whole state once the node has applied a loss of `key`.
async fn read_with(node: &Node, token: &str, key: &str) -> Response {
    let has = |response: &Response| floors(response).iter().any(|floor| floor.1 == key);
    eventually("the node applies the loss", async || {
        has(&read(node, token, "", 0).await)
    })
    .await;
    let response = read(node, token, "", 0).await;
    response.is(200);
    response
}

async fn the_first_read_returns_everything_and_later_ones_only_what_is_new(app: TestApp) {
    let token = app.feed_token().await;
    let [alice, bob] = [
        app.create_user("alice", &["user"]).await,
        app.create_user("bob", &["user"]).await,
    ];
    app.unassign(&alice, "user").await;
    // until then a node may return its own change twice
    settled_cursor(&app, &token).await;
    let first = read_with(&app, &token, &alice).await;
    let whole = first.json["floors"].as_array().unwrap();
    let of_alice = whole.iter().find(|floor| floor["key"] == alice).unwrap();
    assert_eq!(of_alice["kind"], "subject");
    assert_eq!(of_alice["until"], "2030-01-01T00:31:30Z");
    assert_eq!(of_alice["revision"], app.db.revision().await);
    assert_eq!(first.json["age_ms"], 0);
    assert_eq!(first.json["more"], false);
    app.unassign(&bob, "user").await;
    let next = read(&app, &token, &first.text("cursor"), 10).await;
    assert_eq!(floors(&next), [("subject".to_owned(), bob)]);
    assert_eq!(next.json["era"], first.json["era"]);
    let idle = read(&app, &token, &next.text("cursor"), 0).await;
    assert_eq!(idle.json["floors"], json!([]));
    assert_eq!(idle.json["cursor"], next.json["cursor"]);
}

async fn a_loss_answers_a_waiting_request(app: TestApp) {
    let token = app.feed_token().await;
    let alice = app.create_user("alice", &["user"]).await;
    let cursor = settled_cursor(&app, &token).await;
    let waiting = read(&app, &token, &cursor, 10);
    let lost = async {
        app.unassign(&alice, "user").await;
    };
    let started = std::time::Instant::now();
    let (response, ()) = tokio::join!(waiting, lost);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(floors(&response), [("subject".to_owned(), alice)]);
}

/// The cursor of a node that has applied every change.
async fn settled_cursor(app: &TestApp, token: &str) -> String {
    let revision = app.db.revision().await;
    let position = async || {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let cursor = read(app, token, "", 0).await.is(200).text("cursor");
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&cursor).unwrap()).unwrap();
        (cursor, text)
    };
    eventually("every change is applied", async || {
        position().await.1.contains(&format!("\n{revision}\n"))
    })
    .await;
    position().await.0
}

async fn a_loss_on_another_node_answers_a_waiting_request(app: TestApp) {
    let other = app.second_node().await;
    let token = app.feed_token().await;
    let alice = app.create_user("alice", &["user"]).await;
    let cursor = settled_cursor(&app, &token).await;
    let path = format!("/api/users/{alice}/roles/user");
    let waiting = read(&app, &token, &cursor, 10);
    let lost = async {
        other.delete(path, app.admin().await).await.no_content();
    };
    let started = std::time::Instant::now();
    let (response, ()) = tokio::join!(waiting, lost);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(floors(&response), [("subject".to_owned(), alice)]);
}

async fn a_waiting_request_ends_with_its_token(app: TestApp) {
    let client = app.create_resource_server("first").await;
    let token = app.act_as(&client).await;
    let cursor = settled_cursor(&app, &token).await;
    let path = format!("/api/clients/{}/roles/rolecall.resource-server", client.id);
    let waiting = read(&app, &token, &cursor, 10);
    let lost = async {
        app.delete(path, app.admin().await).await.no_content();
    };
    let (response, ()) = tokio::join!(waiting, lost);
    response.ended_token();
    let token = app.act_as(&client).await;
    let response = read(&app, &token, "", 0).await;
    response.forbidden("rolecall.feed:read");
    // and when the token expires
    let other = app.feed_token().await;
    let cursor = settled_cursor(&app, &other).await;
    let waiting = read(&app, &other, &cursor, 10);
    let late = async { app.pass_time(Duration::from_mins(31)) };
    tokio::join!(waiting, late).0.ended_token();
}

async fn only_a_client_with_the_permission_reads_the_feed(app: TestApp) {
    let without = app.create_client("nobody", json!({})).await;
    let token = app.act_as(&without).await;
    read(&app, &token, "", 0)
        .await
        .forbidden("rolecall.feed:read");
    read(&app, "", "", 0).await.is(401);
    // an administrator holds every permission, but is not a client
    let response = read(&app, app.admin().await, "", 0).await;
    response.is(403);
    assert_eq!(
        response.header("www-authenticate"),
        Some(r#"Bearer error="insufficient_scope""#)
    );
}

async fn a_cursor_from_another_era_returns_the_whole_state(app: TestApp) {
    let client = app.create_resource_server("reader").await;
    let token = app.act_as(&client).await;
    let alice = app.create_user("alice", &["user"]).await;
    app.unassign(&alice, "user").await;
    let before = read_with(&app, &token, &alice).await;
    app.db.execute("UPDATE head SET era = 'another'").await;
    eventually("the node applies the era", async || {
        app.get("/api/feed", &token).await.status == 401
    })
    .await;
    let token = app.act_as(&client).await;
    let after = read(&app, &token, &before.text("cursor"), 10).await;
    assert_eq!(after.json["era"], "another");
    assert_eq!(floors(&after), floors(&read(&app, &token, "", 0).await));
    assert!(floors(&after).iter().any(|floor| floor.1 == alice));
}

async fn a_cursor_ahead_of_the_node_is_reset(app: TestApp) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let token = app.feed_token().await;
    let cursor = settled_cursor(&app, &token).await;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&cursor).unwrap()).unwrap();
    let era = text.split('\n').next().unwrap();
    let ahead = URL_SAFE_NO_PAD.encode(format!("{era}\n{}", i64::MAX));
    let response = read(&app, &token, &ahead, 0).await;
    assert_eq!(response.is(200).text("cursor"), cursor);
    assert_eq!(response.json["floors"], json!([]));
}

async fn an_invalid_cursor_or_wait_is_refused(app: TestApp) {
    let token = app.feed_token().await;
    for query in [
        "wait=11",
        "wait=-1",
        "wait=1.5",
        "wait=",
        "wait=ten",
        "after=%21",
        "after=YQ",
        "after=YQox%0a",
        "after=YQotMQ",
        "since=1",
        "after=&after=",
    ] {
        let response = app.get(format!("/api/feed?{query}"), &token).await;
        assert_eq!(response.status, 422, "{query}: {response:?}");
    }
    app.get("/api/feed", &token).await.is(200);
}

async fn a_stopping_server_answers_waiting_requests(app: TestApp) {
    let token = app.feed_token().await;
    let cursor = settled_cursor(&app, &token).await;
    let arrived = Arc::new(Notify::new());
    let notify = Arc::clone(&arrived);
    let router = app
        .router()
        .layer(from_fn(move |request: Request, next: Next| {
            notify.notify_one();
            next.run(request)
        }));
    let server = RunningServer::new(router).await;
    let address = server.address;
    let request = format!(
        "GET /api/feed?after={cursor}&wait=10 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let waiting = tokio::spawn(async move {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).await.unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(body).unwrap()
    });
    arrived.notified().await;
    let started = std::time::Instant::now();
    server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(waiting.await.unwrap()["cursor"], cursor);
}

async fn a_disconnected_node_reports_its_age(app: TestApp) {
    let token = app.feed_token().await;
    settled_cursor(&app, &token).await;
    app.db.execute("ALTER TABLE head RENAME TO head_gone").await;
    // a poll that began before may still succeed
    eventually("the age increases", async || {
        app.clock.advance(Duration::from_millis(7));
        let response = read(&app, &token, "", 0).await;
        response.is(200).json["age_ms"].as_u64().unwrap() >= 1_000
    })
    .await;
    app.db.execute("ALTER TABLE head_gone RENAME TO head").await;
}
