//! One-use tickets, for connections that cannot send a header.

use std::time::Duration;

use axum::Router;
use http::Method;
use rolecall::{GuardedRouter, Require, SessionCookie, routing::any};
use rolecall_server::config::Quotas;
use serde_json::{Value, json};

use crate::support::{
    Database, Fixture, Node, RequestBuilder, Response, TestApp, eventually, may, on_both,
};

on_both![
    y182_a_ticket_opens_one_connection_on_whatever_node,
    y182_of_many_that_use_a_ticket_at_once_one_succeeds,
    y183_a_ticket_of_somebody_who_lost_access_is_refused,
    y184_a_ticket_is_for_routes_that_accept_tickets_only,
    y184_a_ticket_for_a_path_opens_no_other,
    y186_the_database_holds_neither_tickets_nor_tokens,
    y187_a_user_gets_429_beyond_the_quota_of_tickets,
    y188_an_expired_ticket_is_refused,
    y189_one_credential_in_a_request,
    a_ticket_carries_what_the_token_carries,
    a_connection_learns_within_a_second_that_its_caller_lost_access,
    what_is_no_path_is_refused,
];

async fn greet(caller: Require<may::ReadItems>) -> String {
    caller.username().to_owned()
}

/// Stands for a connection: answers when the caller has lost access.
async fn stay(caller: Require<may::ReadItems>) -> &'static str {
    caller.lost().await;
    "lost"
}

/// An application on a node: `/stream`, `/other` and `/stay` accept tickets, `/plain` does not.
fn application(node: &Node) -> Router {
    let streams = GuardedRouter::new(node.guard().with_tickets())
        .route("/stream", any(greet))
        .route("/other", any(greet))
        .route("/stay", any(stay));
    GuardedRouter::new(node.guard())
        .route("/plain", any(greet))
        .merge(streams)
        .into_axum()
}

async fn open_with(app: &Router, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = RequestBuilder::new(app.clone(), method, path.to_owned());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await
}

async fn open(app: &Router, path: &str, ticket: &str) -> Response {
    open_with(app, Method::GET, &format!("{path}?ticket={ticket}"), &[]).await
}

async fn ticket(node: &Node, token: &str) -> String {
    ticket_for(node, token, json!({})).await
}

async fn ticket_for(node: &Node, token: &str, body: Value) -> String {
    let issued = node.post("/api/tickets", token, body).await;
    issued.is(200);
    assert_eq!(issued.json["expires_in"], 30);
    issued.text("ticket")
}

/// Creates `alice`, who can read items, and returns a token of her.
async fn alice(app: &TestApp) -> (String, String) {
    app.create_role("reader", &["items:read"]).await;
    let id = app.create_user("alice", &["reader"]).await;
    (id, app.log_in("alice").await)
}

async fn y182_a_ticket_opens_one_connection_on_whatever_node(app: TestApp) {
    let other = app.second_node().await;
    let (here, there) = (application(&app), application(&other));
    let (_, token) = alice(&app).await;
    for (first, second) in [(&here, &there), (&there, &here), (&here, &here)] {
        let ticket = ticket(&app, &token).await;
        let opened = open(first, "/stream", &ticket).await;
        assert_eq!(&*opened.is(200).body, b"alice");
        assert_eq!(opened.header("cache-control"), Some("no-store"));
        for again in [second, first] {
            open(again, "/stream", &ticket).await.ended_token();
        }
    }
    app.post("/api/tickets", "", json!({}))
        .await
        .not_authenticated();
    open(&here, "/stream", "invented").await.ended_token();
    open(&here, "/stream", &"A".repeat(43)).await.ended_token();
}

async fn y182_of_many_that_use_a_ticket_at_once_one_succeeds(app: TestApp) {
    let other = app.second_node().await;
    let (here, there) = (application(&app), application(&other));
    let (_, token) = alice(&app).await;
    for _ in 0..4 {
        let ticket = ticket(&app, &token).await;
        let uses: Vec<_> = (0..8)
            .map(|number| {
                let (app, ticket) = ([&here, &there][number % 2].clone(), ticket.clone());
                tokio::spawn(async move { open(&app, "/stream", &ticket).await.status.as_u16() })
            })
            .collect();
        let mut opened = 0;
        for one in uses {
            match one.await.unwrap() {
                200 => opened += 1,
                401 => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!(opened, 1);
    }
}

async fn y183_a_ticket_of_somebody_who_lost_access_is_refused(app: TestApp) {
    let streams = application(&app);
    let (id, token) = alice(&app).await;
    let before = ticket(&app, &token).await;
    app.unassign(&id, "reader").await;
    open(&streams, "/stream", &before).await.ended_token();
    app.post("/api/tickets", &token, json!({}))
        .await
        .ended_token();
    // a new token has a new ticket, which gives as little as the token
    let later = app.log_in("alice").await;
    let ticket_of_later = ticket(&app, &later).await;
    open(&streams, "/stream", &ticket_of_later)
        .await
        .forbidden("items:read");
    // another node learns of it with its next poll, as it does for tokens
    app.assign(&id, "reader").await;
    let other = app.second_node().await;
    let there = application(&other);
    let token = app.log_in("alice").await;
    let (first, second) = (ticket(&app, &token).await, ticket(&app, &token).await);
    open(&there, "/stream", &first).await.is(200);
    let path = format!("/api/users/{id}/sessions");
    app.delete(&path, app.admin().await).await.no_content();
    eventually("the other node refuses", async || {
        other.get("/items/", &token).await.status == 401
    })
    .await;
    open(&there, "/stream", &second).await.ended_token();
}

async fn y184_a_ticket_is_for_routes_that_accept_tickets_only(app: TestApp) {
    let streams = application(&app);
    let (_, token) = alice(&app).await;
    let ticket = ticket(&app, &token).await;
    open(&streams, "/plain", &ticket).await.not_authenticated();
    let routed = app.router();
    for path in ["/items/", "/api/me", "/api/tickets"] {
        assert_ne!(open(&routed, path, &ticket).await.status, 200, "{path}");
    }
    let path = format!("/stream?ticket={ticket}");
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
        let answer = open_with(&streams, method.clone(), &path, &[]).await;
        assert_eq!(answer.status, 401, "{method}");
    }
    for other in [
        format!("/stream?Ticket={ticket}"),
        format!("/stream?%74icket={ticket}"),
        format!("/stream?x=ticket={ticket}"),
        format!("/stream?access_token={ticket}"),
        format!("/stream?x#ticket={ticket}"),
    ] {
        let answer = open_with(&streams, Method::GET, &other, &[]).await;
        answer.not_authenticated();
    }
    let as_bearer = format!("Bearer {ticket}");
    let as_bearer = [("authorization", &*as_bearer)];
    let answer = open_with(&streams, Method::GET, "/stream", &as_bearer).await;
    answer.invalid_token();
    for malformed in ["", "a+b", "%41", "a.b.c", "a=b"] {
        open(&streams, "/stream", malformed).await.invalid_token();
    }
    // nothing of that has used it up
    let path = format!("/stream?x=1&ticket={ticket}&y=2");
    open_with(&streams, Method::GET, &path, &[]).await.is(200);
}

async fn y184_a_ticket_for_a_path_opens_no_other(app: TestApp) {
    let streams = application(&app);
    let (_, token) = alice(&app).await;
    let only = json!({ "path": "/stream" });
    let ticket = ticket_for(&app, &token, only.clone()).await;
    open(&streams, "/stream", &ticket).await.is(200);
    for other in ["/other", "/stay"] {
        let ticket = ticket_for(&app, &token, only.clone()).await;
        open(&streams, other, &ticket).await.ended_token();
        // whoever tried it elsewhere has it, so it is used up
        open(&streams, "/stream", &ticket).await.ended_token();
    }
}

async fn y186_the_database_holds_neither_tickets_nor_tokens(app: TestApp) {
    let streams = application(&app);
    let (_, token) = alice(&app).await;
    let ticket = ticket(&app, &token).await;
    let rows = app
        .db
        .texts("SELECT id || ' ' || sealed FROM access_tickets")
        .await;
    let [row] = &rows[..] else {
        panic!("{rows:?}");
    };
    let (id, sealed) = row.split_once(' ').unwrap();
    for secret in std::iter::once(&*ticket).chain(token.split('.')) {
        assert!(!row.contains(secret), "{row}");
    }
    let as_tickets = [
        id.to_owned(),
        id.repeat(2)[..43].to_owned(),
        sealed[..43].replace('.', "A"),
    ];
    for stored in as_tickets {
        assert_eq!(open(&streams, "/stream", &stored).await.status, 401);
    }
    // a row that was exchanged with another opens nothing: the key is that of the ticket
    let of_admin = app.admin().await.to_owned();
    let stolen = self::ticket(&app, &of_admin).await;
    app.db
        .execute(&format!(
            "UPDATE access_tickets SET sealed = (SELECT sealed FROM access_tickets WHERE id <> '{id}') WHERE id = '{id}'"
        ))
        .await;
    open(&streams, "/stream", &ticket).await.is(503);
    drop(stolen);
}

/// A node with a small quota of refreshes, which tickets share the size of.
struct Small(TestApp);

impl Fixture for Small {
    async fn on(db: Database) -> Self {
        let quotas = Quotas {
            refreshes_per_hour: 10,
            ..Quotas::default()
        };
        Self(TestApp::configured(db, |builder| builder.quotas(quotas)).await)
    }
}

async fn y187_a_user_gets_429_beyond_the_quota_of_tickets(app: Small) {
    let app = app.0;
    let (_, token) = alice(&app).await;
    for _ in 0..10 {
        ticket(&app, &token).await;
    }
    let refused = app.post("/api/tickets", &token, json!({})).await;
    refused.is(429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(app.db.count("access_tickets").await, 10);
    ticket(&app, app.admin().await).await;
    // and whatever was asked for, nobody is kept from the routes themselves
    app.get("/items/", &token).await.is(200);
}

async fn y188_an_expired_ticket_is_refused(app: TestApp) {
    let streams = application(&app);
    let (_, token) = alice(&app).await;
    let (early, late) = (ticket(&app, &token).await, ticket(&app, &token).await);
    app.pass_time(Duration::from_secs(29));
    open(&streams, "/stream", &early).await.is(200);
    app.pass_time(Duration::from_secs(1));
    open(&streams, "/stream", &late).await.ended_token();
    // a ticket never lasts longer than its token
    app.pass_time(Duration::from_secs(1755));
    let last = ticket(&app, &token).await;
    app.pass_time(Duration::from_secs(20));
    open(&streams, "/stream", &last).await.ended_token();
}

async fn y189_one_credential_in_a_request(app: TestApp) {
    let (_, token) = alice(&app).await;
    let admins = app.admin().await;
    let cookie = SessionCookie::new("__Host-session", "https://app.example").unwrap();
    let guard = app.guard().with_cookie(cookie).with_tickets();
    let streams = GuardedRouter::new(guard)
        .route("/stream", any(greet))
        .into_axum();
    let first = ticket(&app, &token).await;
    let path = format!("/stream?ticket={first}");
    let bearer = format!("Bearer {admins}");
    let both = [("authorization", &*bearer)];
    let answer = open_with(&streams, Method::GET, &path, &both).await;
    assert_eq!(answer.is(400).json["detail"], "Send one credential");
    let two = format!("{path}&ticket={first}");
    open_with(&streams, Method::GET, &two, &[]).await.is(400);
    // the page chose to send the ticket, and the browser adds the cookie
    let session = format!("__Host-session={admins}");
    let with_cookie = [("cookie", &*session), ("upgrade", "websocket")];
    let answer = open_with(&streams, Method::GET, &path, &with_cookie).await;
    assert_eq!(&*answer.is(200).body, b"alice");
    let used = open_with(&streams, Method::GET, &path, &with_cookie).await;
    used.ended_token();
    let answer = open_with(&streams, Method::GET, "/stream", &with_cookie).await;
    assert_eq!(
        answer.is(403).json["type"],
        "urn:rolecall:problem:cross_site"
    );
}

async fn a_ticket_carries_what_the_token_carries(app: TestApp) {
    let streams = application(&app);
    alice(&app).await;
    app.create_permission("items:write").await;
    app.create_role("writer", &["items:write"]).await;
    app.assign(&app.id_of("alice").await, "writer").await;
    let narrowed = app.log_in_with_scope("alice", "items:write").await;
    let ticket_of_narrowed = ticket(&app, &narrowed).await;
    open(&streams, "/stream", &ticket_of_narrowed)
        .await
        .forbidden("items:read");
    let whole = app.log_in("alice").await;
    let ticket_of_whole = ticket(&app, &whole).await;
    open(&streams, "/stream", &ticket_of_whole).await.is(200);
}

async fn a_connection_learns_within_a_second_that_its_caller_lost_access(app: TestApp) {
    let other = app.second_node().await;
    let (id, token) = alice(&app).await;
    let mut connections = Vec::new();
    for node in [&*app, &other] {
        let streams = application(node);
        let ticket = ticket(&app, &token).await;
        connections.push(tokio::spawn(async move {
            open(&streams, "/stay", &ticket).await
        }));
    }
    // both are open as soon as their tickets are used
    eventually("both tickets are used", async || {
        app.db.count("access_tickets").await == 0
    })
    .await;
    assert!(
        connections
            .iter()
            .all(|connection| !connection.is_finished())
    );
    app.unassign(&id, "reader").await;
    for connection in connections {
        // the promise is a second; the bound is generous because tests share the machine
        let bound = Duration::from_secs(20);
        let closed = tokio::time::timeout(bound, connection).await.unwrap();
        assert_eq!(&*closed.unwrap().is(200).body, b"lost");
    }
}

async fn what_is_no_path_is_refused(app: TestApp) {
    let (_, token) = alice(&app).await;
    let long = format!("/{}", "a".repeat(1024));
    for path in ["", "stream", "/a?b", "/a#b", "/a b", "/\u{e9}", &long] {
        let answer = app
            .post("/api/tickets", &token, json!({ "path": path }))
            .await;
        answer.invalid(&["body", "path"]);
    }
    for body in [json!({ "paths": "/a" }), json!({ "path": 1 })] {
        app.post("/api/tickets", &token, body).await.is(422);
    }
    ticket_for(&app, &token, json!({ "path": null })).await;
    ticket_for(&app, &token, json!({ "path": "/a/%20\"\\" })).await;
}
