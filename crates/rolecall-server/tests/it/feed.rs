//! What guards elsewhere are told: `GET /api/feed`.

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

use crate::support::{Answer, Node, Served, TestApp, eventually, on_both};

on_both![
    the_whole_state_is_told_first_and_then_only_what_is_new,
    a_request_that_waits_is_answered_when_something_is_lost,
    a_loss_at_another_node_wakes_those_who_wait_here,
    a_request_that_waits_ends_with_the_token_it_came_with,
    only_a_client_that_may_reads_the_feed,
    a_cursor_of_another_era_gives_the_whole_state,
    a_cursor_ahead_of_the_node_is_led_back_to_it,
    what_is_no_cursor_or_no_wait_is_refused,
    a_server_that_stops_lets_those_who_wait_go,
    the_age_of_a_cut_off_node_is_told,
];

impl TestApp {
    /// The token of a client that may read the feed.
    pub(crate) async fn reader(&self) -> String {
        let members = json!({ "roles": ["rolecall.resource-server"] });
        let client = self.client("reader", members).await;
        self.act_as(&client).await
    }
}

async fn read(node: &Node, token: &str, after: &str, wait: u64) -> Answer {
    let path = format!("/api/feed?after={after}&wait={wait}");
    node.get(path, token).await
}

fn floors(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let floors = answer.json["floors"].as_array().unwrap();
    floors
        .iter()
        .map(|floor| (text(&floor["kind"]), text(&floor["key"])))
        .collect()
}

/// Reads until the node has taken in `key`.
async fn read_up_to(node: &Node, token: &str, key: &str) -> Answer {
    let has = |answer: &Answer| floors(answer).iter().any(|floor| floor.1 == key);
    eventually("the node takes it in", async || {
        has(&read(node, token, "", 0).await)
    })
    .await;
    let answer = read(node, token, "", 0).await;
    answer.is(200);
    answer
}

async fn the_whole_state_is_told_first_and_then_only_what_is_new(app: TestApp) {
    let token = app.reader().await;
    let [alice, bob] = [
        app.user("alice", &["user"]).await,
        app.user("bob", &["user"]).await,
    ];
    app.unassign(&alice, "user").await;
    // before that a node may tell what it has done itself, and tell it again
    settled(&app, &token).await;
    let first = read_up_to(&app, &token, &alice).await;
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

async fn a_request_that_waits_is_answered_when_something_is_lost(app: TestApp) {
    let token = app.reader().await;
    let alice = app.user("alice", &["user"]).await;
    let known = settled(&app, &token).await;
    let waiting = read(&app, &token, &known, 10);
    let lost = async {
        app.unassign(&alice, "user").await;
    };
    let started = std::time::Instant::now();
    let (answer, ()) = tokio::join!(waiting, lost);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(floors(&answer), [("subject".to_owned(), alice)]);
}

/// The cursor of a node that has taken in everything.
async fn settled(app: &TestApp, token: &str) -> String {
    let revision = app.db.revision().await;
    let position = async || {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let cursor = read(app, token, "", 0).await.is(200).text("cursor");
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&cursor).unwrap()).unwrap();
        (cursor, text)
    };
    eventually("all is taken in", async || {
        position().await.1.ends_with(&format!("\n{revision}"))
    })
    .await;
    position().await.0
}

async fn a_loss_at_another_node_wakes_those_who_wait_here(app: TestApp) {
    let other = app.second_node().await;
    let token = app.reader().await;
    let alice = app.user("alice", &["user"]).await;
    let known = settled(&app, &token).await;
    let path = format!("/api/users/{alice}/roles/user");
    let waiting = read(&app, &token, &known, 10);
    let lost = async {
        other.delete(path, app.admin().await).await.done();
    };
    let started = std::time::Instant::now();
    let (answer, ()) = tokio::join!(waiting, lost);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(floors(&answer), [("subject".to_owned(), alice)]);
}

async fn a_request_that_waits_ends_with_the_token_it_came_with(app: TestApp) {
    let members = json!({ "roles": ["rolecall.resource-server"] });
    let client = app.client("first", members).await;
    let token = app.act_as(&client).await;
    let known = settled(&app, &token).await;
    let path = format!("/api/clients/{}/roles/rolecall.resource-server", client.id);
    let waiting = read(&app, &token, &known, 10);
    let lost = async {
        app.delete(path, app.admin().await).await.done();
    };
    let (answer, ()) = tokio::join!(waiting, lost);
    answer.ended();
    let token = app.act_as(&client).await;
    let answer = read(&app, &token, "", 0).await;
    answer.forbidden("rolecall.feed:read");
    // and with its time
    let other = app.reader().await;
    let known = settled(&app, &other).await;
    let waiting = read(&app, &other, &known, 10);
    let late = async { app.pass(Duration::from_mins(31)) };
    tokio::join!(waiting, late).0.ended();
}

async fn only_a_client_that_may_reads_the_feed(app: TestApp) {
    let without = app.client("nobody", json!({})).await;
    let token = app.act_as(&without).await;
    read(&app, &token, "", 0)
        .await
        .forbidden("rolecall.feed:read");
    read(&app, "", "", 0).await.is(401);
    // an administrator holds every permission, and is no client
    let answer = read(&app, app.admin().await, "", 0).await;
    answer.is(403);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Bearer error="insufficient_scope""#)
    );
}

async fn a_cursor_of_another_era_gives_the_whole_state(app: TestApp) {
    let members = json!({ "roles": ["rolecall.resource-server"] });
    let client = app.client("reader", members).await;
    let token = app.act_as(&client).await;
    let alice = app.user("alice", &["user"]).await;
    app.unassign(&alice, "user").await;
    let before = read_up_to(&app, &token, &alice).await;
    app.db.execute("UPDATE head SET era = 'another'").await;
    eventually("the era is taken in", async || {
        app.get("/api/feed", &token).await.status == 401
    })
    .await;
    let token = app.act_as(&client).await;
    let after = read(&app, &token, &before.text("cursor"), 10).await;
    assert_eq!(after.json["era"], "another");
    assert_eq!(floors(&after), floors(&read(&app, &token, "", 0).await));
    assert!(floors(&after).iter().any(|floor| floor.1 == alice));
}

async fn a_cursor_ahead_of_the_node_is_led_back_to_it(app: TestApp) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let token = app.reader().await;
    let known = settled(&app, &token).await;
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&known).unwrap()).unwrap();
    let era = text.split('\n').next().unwrap();
    let ahead = URL_SAFE_NO_PAD.encode(format!("{era}\n{}", i64::MAX));
    let answer = read(&app, &token, &ahead, 0).await;
    assert_eq!(answer.is(200).text("cursor"), known);
    assert_eq!(answer.json["floors"], json!([]));
}

async fn what_is_no_cursor_or_no_wait_is_refused(app: TestApp) {
    let token = app.reader().await;
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
        let answer = app.get(format!("/api/feed?{query}"), &token).await;
        assert_eq!(answer.status, 422, "{query}: {answer:?}");
    }
    app.get("/api/feed", &token).await.is(200);
}

async fn a_server_that_stops_lets_those_who_wait_go(app: TestApp) {
    let token = app.reader().await;
    let known = settled(&app, &token).await;
    let arrived = Arc::new(Notify::new());
    let notify = Arc::clone(&arrived);
    let router = app
        .router()
        .layer(from_fn(move |request: Request, next: Next| {
            notify.notify_one();
            next.run(request)
        }));
    let server = Served::new(router).await;
    let address = server.address;
    let request = format!(
        "GET /api/feed?after={known}&wait=10 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    let waiting = tokio::spawn(async move {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(body).unwrap()
    });
    arrived.notified().await;
    let started = std::time::Instant::now();
    server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(waiting.await.unwrap()["cursor"], known);
}

async fn the_age_of_a_cut_off_node_is_told(app: TestApp) {
    let token = app.reader().await;
    settled(&app, &token).await;
    app.db.execute("ALTER TABLE head RENAME TO head_gone").await;
    // a poll that began before may still end
    eventually("the age adds up", async || {
        app.clock.advance(Duration::from_millis(7));
        let answer = read(&app, &token, "", 0).await;
        answer.is(200).json["age_ms"].as_u64().unwrap() >= 1_000
    })
    .await;
    app.db.execute("ALTER TABLE head_gone RENAME TO head").await;
}
