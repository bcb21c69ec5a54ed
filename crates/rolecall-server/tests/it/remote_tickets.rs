//! One-use tickets at guards in other processes, which redeem them at the server.

use std::time::Duration;

use axum::Router;
use http::Method;
use rolecall::{Guard, GuardedRouter, Require, routing::any};
use serde_json::{Value, json};

use crate::{
    remote_guard::World,
    support::{Credentials, RequestBuilder, Response, TestApp, eventually, may, on_both},
};

on_both![
    y273_a_ticket_opens_one_connection_over_all_processes,
    y273_of_many_that_use_a_ticket_at_once_one_succeeds,
    y274_a_ticket_of_somebody_who_lost_access_is_refused_elsewhere_too,
    y274_an_expired_ticket_is_refused_elsewhere_too,
    y275_a_ticket_is_for_the_audience_and_path_of_its_token_only,
    y276_without_the_server_a_ticket_gives_nothing_and_stays_unused,
    y277_only_resource_servers_redeem_tickets,
];

async fn greet(caller: Require<may::ReadItems>) -> String {
    caller.username().to_owned()
}

fn application(guard: &Guard) -> Router {
    GuardedRouter::new(guard.with_tickets())
        .route("/stream", any(greet))
        .route("/other", any(greet))
        .into_axum()
}

async fn open(app: &Router, path: &str, ticket: &str) -> Response {
    let path = format!("{path}?ticket={ticket}");
    RequestBuilder::new(app.clone(), Method::GET, path)
        .send()
        .await
}

async fn ticket(app: &TestApp, token: &str, body: Value) -> String {
    let issued = app.post("/api/tickets", token, body).await;
    issued.is(200).text("ticket")
}

/// Creates `alice`, who can read items, and returns her id and a token.
async fn alice(app: &TestApp) -> (String, String) {
    app.create_role("reader", &["items:read"]).await;
    let id = app.create_user("alice", &["reader"]).await;
    (id, app.log_in("alice").await)
}

async fn connected(guard: &Guard) {
    eventually("the guard has keys and reads the feed", async || {
        let status = guard.status();
        status.keys > 0 && status.connected
    })
    .await;
}

/// A guard of another process that outlives changes of the clock.
async fn patient(world: &World) -> Guard {
    let guard = world
        .builder()
        .max_staleness(Duration::from_mins(10))
        .build()
        .unwrap();
    connected(&guard).await;
    guard
}

async fn y273_a_ticket_opens_one_connection_over_all_processes(world: World) {
    let second = patient(&world).await;
    let apps = [
        application(&world.guard),
        application(&second),
        application(&world.app.guard()),
    ];
    let (_, token) = alice(&world.app).await;
    for first in 0..apps.len() {
        let ticket = ticket(&world.app, &token, json!({})).await;
        let opened = open(&apps[first], "/stream", &ticket).await;
        assert_eq!(&*opened.is(200).body, b"alice");
        for again in &apps {
            open(again, "/stream", &ticket).await.ended_token();
        }
    }
    for invented in ["invented", &"A".repeat(43), &"A".repeat(200)] {
        open(&apps[0], "/stream", invented).await.ended_token();
    }
}

async fn y273_of_many_that_use_a_ticket_at_once_one_succeeds(world: World) {
    let second = patient(&world).await;
    let apps = [
        application(&world.guard),
        application(&second),
        application(&world.app.guard()),
    ];
    let (_, token) = alice(&world.app).await;
    for _ in 0..4 {
        let ticket = ticket(&world.app, &token, json!({})).await;
        let uses: Vec<_> = (0..9)
            .map(|number| {
                let (app, ticket) = (apps[number % 3].clone(), ticket.clone());
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

async fn y274_a_ticket_of_somebody_who_lost_access_is_refused_elsewhere_too(world: World) {
    let (app, there) = (&world.app, application(&world.guard));
    let (id, token) = alice(app).await;
    // the end of the session, a lost role, a disabled account: each after the ticket was issued
    let before = ticket(app, &token, json!({})).await;
    app.post("/api/me/logout", &token, json!({}))
        .await
        .no_content();
    open(&there, "/stream", &before).await.ended_token();
    let token = app.log_in("alice").await;
    let before = ticket(app, &token, json!({})).await;
    app.unassign(&id, "reader").await;
    open(&there, "/stream", &before).await.ended_token();
    app.assign(&id, "reader").await;
    let token = app.log_in("alice").await;
    let before = ticket(app, &token, json!({})).await;
    let body = json!({ "status": "disabled" });
    app.patch(format!("/api/users/{id}"), app.admin().await, body)
        .await
        .is(200);
    open(&there, "/stream", &before).await.ended_token();
}

async fn y274_an_expired_ticket_is_refused_elsewhere_too(world: World) {
    let guard = patient(&world).await;
    let there = application(&guard);
    let (_, token) = alice(&world.app).await;
    let (old, older) = (
        ticket(&world.app, &token, json!({})).await,
        ticket(&world.app, &token, json!({})).await,
    );
    world.app.pass_time(Duration::from_secs(29));
    open(&there, "/stream", &old).await.is(200);
    world.app.pass_time(Duration::from_secs(2));
    open(&there, "/stream", &older).await.ended_token();
}

async fn y275_a_ticket_is_for_the_audience_and_path_of_its_token_only(world: World) {
    const ITEMS: &str = "https://items.example";
    let app = &world.app;
    let (_, own) = alice(app).await;
    let members = json!({ "roles": ["rolecall.resource-server"], "audiences": [ITEMS] });
    let server = app.create_client("items-api", members).await;
    let page = app
        .create_client("page", json!({ "audiences": [ITEMS] }))
        .await;
    let items = world
        .builder()
        .audience(ITEMS)
        .client(&server.id, &server.secret)
        .build()
        .unwrap();
    connected(&items).await;
    let (items, issuer) = (application(&items), application(&world.guard));
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", crate::support::PASSWORD),
        ("audience", ITEMS),
    ];
    let token = app.form_as(&page, "/token", &form).send().await;
    let token = token.is(200).text("access_token");
    // tickets are issued for tokens of every audience, and each works at that audience only
    let for_items = ticket(app, &token, json!({})).await;
    open(&items, "/stream", &for_items).await.is(200);
    for (there, token) in [(&issuer, &token), (&items, &own)] {
        let elsewhere = ticket(app, token, json!({})).await;
        open(there, "/stream", &elsewhere).await.ended_token();
    }
    let embedded = application(&app.guard());
    let elsewhere = ticket(app, &token, json!({})).await;
    open(&embedded, "/stream", &elsewhere).await.is(401);
    let for_path = json!({ "path": "/other" });
    let other = ticket(app, &token, for_path.clone()).await;
    open(&items, "/other", &other).await.is(200);
    let other = ticket(app, &token, for_path).await;
    open(&items, "/stream", &other).await.ended_token();
    open(&items, "/other", &other).await.ended_token();
}

async fn y276_without_the_server_a_ticket_gives_nothing_and_stays_unused(world: World) {
    let there = application(&world.guard);
    let (_, token) = alice(&world.app).await;
    let ticket = ticket(&world.app, &token, json!({})).await;
    world.relay.disconnect();
    let refused = open(&there, "/stream", &ticket).await;
    assert!(refused.is(503).header("retry-after").is_some());
    world.relay.point_to(world.server.address);
    connected(&world.guard).await;
    open(&there, "/stream", &ticket).await.is(200);
    open(&there, "/stream", &ticket).await.ended_token();
}

async fn y277_only_resource_servers_redeem_tickets(app: TestApp) {
    let (_, token) = alice(&app).await;
    let unused = ticket(&app, &token, json!({})).await;
    let body = json!({ "ticket": unused, "path": "/stream" });
    let path = "/api/tickets/redeem";
    app.post(path, "", body.clone()).await.not_authenticated();
    app.post(path, &token, body.clone())
        .await
        .forbidden("rolecall.tokens:introspect");
    // a user with the permission is no resource server
    app.post(path, app.admin().await, body.clone())
        .await
        .is(403);
    let plain = app.create_client("plain", json!({})).await;
    let plain = client_token(&app, &plain).await;
    app.post(path, &plain, body.clone())
        .await
        .forbidden("rolecall.tokens:introspect");
    let server = app.create_resource_server("server").await;
    let server = client_token(&app, &server).await;
    for wrong in [
        json!({}),
        json!({ "ticket": unused }),
        json!({ "ticket": unused, "path": "/stream", "more": 1 }),
        json!({ "ticket": 7, "path": "/stream" }),
    ] {
        app.post(path, &server, wrong).await.is(422);
    }
    // none of them has used it up
    let redeemed = app.post(path, &server, body.clone()).await;
    assert_eq!(
        redeemed.is(200).json,
        json!({ "active": true, "access_token": token })
    );
    assert_eq!(redeemed.header("cache-control"), Some("no-store"));
    let again = app.post(path, &server, body).await;
    assert_eq!(again.is(200).json, json!({ "active": false }));
}

async fn client_token(app: &TestApp, client: &Credentials) -> String {
    let answer = app.try_act_as(client, &[]).await;
    answer.is(200).text("access_token")
}
