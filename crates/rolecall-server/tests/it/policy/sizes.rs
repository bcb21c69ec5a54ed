//! A policy that is too large is refused before it costs much, whatever the way to make it.

use std::{
    convert::Infallible,
    fmt::Write as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use futures_core::Stream;
use http::Method;
use serde_json::json;
use tokio::sync::watch;

use super::{PLAN, POLICY, read_policy};
use crate::support::{TestApp, on_both};

on_both![
    y003_a_document_beyond_a_limit_is_refused,
    y003_a_document_with_very_many_effects_is_refused,
    y003_a_long_chain_with_many_permissions_is_planned_with_short_lists,
    y003_many_wildcards_in_one_role_are_planned,
    y003_single_edits_stay_within_the_limits,
    y150_a_document_that_would_take_much_memory_is_not_parsed,
    y151_bodies_wait_before_they_are_read_and_writers_do_not_wait_for_readers,
];

/// `roles` roles in a chain, and `permissions` permissions that the lowest one holds.
fn chain(roles: usize, permissions: usize) -> String {
    let mut text = "[permissions]\n".to_owned();
    for number in 0..permissions {
        let _ = writeln!(text, "\"items:p{number}\" = \"\"");
    }
    for number in 1..roles {
        let _ = writeln!(text, "[roles.r{}]\njuniors = [\"r{number}\"]", number - 1);
    }
    let _ = writeln!(text, "[roles.r{}]\npermissions = [\"items:*\"]", roles - 1);
    // the role of the test administrator stays
    text.push_str("[roles.admin]\n");
    text
}

async fn y003_a_document_beyond_a_limit_is_refused(app: TestApp) {
    let admin = app.admin().await;
    let revision = app.db.revision().await;
    let mut many_roles = String::new();
    for number in 0..10_001 {
        let _ = writeln!(many_roles, "[roles.r{number}]");
    }
    let many_permissions = chain(1, 20_001);
    for (document, key) in [
        (many_roles, "policy.max_roles"),
        (many_permissions, "policy.max_permissions"),
    ] {
        for refused in [
            app.plan_policy(admin, &document).await,
            app.put_policy(admin, &document, "*").await,
        ] {
            refused.is(422);
            assert!(refused.text("detail").contains(key), "{refused:?}");
        }
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn y003_a_document_with_very_many_effects_is_refused(app: TestApp) {
    let admin = app.admin().await;
    // 6000 roles, each of which gives 6000 permissions
    let refused = app.plan_policy(admin, &chain(6000, 6000)).await;
    refused.is(422);
    assert!(refused.text("detail").contains("policy.max_effects"));
    let whole = read_policy(&app, admin).await;
    assert!(!String::from_utf8_lossy(&whole.body).contains("r5999"));
}

async fn y003_a_long_chain_with_many_permissions_is_planned_with_short_lists(app: TestApp) {
    let admin = app.admin().await;
    let plan = app.plan_policy(admin, &chain(1000, 1000)).await;
    let counts = &plan.is(200).json["counts"];
    assert_eq!(counts["roles"], 1000);
    let roles = plan.json["roles"].as_array().unwrap();
    assert!(!roles.is_empty() && roles.len() < 200, "{}", roles.len());
    assert_eq!(roles[0]["gains"].as_array().unwrap().len(), 1000);
}

async fn y003_many_wildcards_in_one_role_are_planned(app: TestApp) {
    let admin = app.admin().await;
    let (mut permissions, mut held) = (json!({}), Vec::new());
    for number in 0..5_000 {
        permissions[format!("o{number}:read")] = json!("");
        held.push(format!("o{number}:*"));
    }
    let document = json!({ "permissions": permissions, "roles": { "admin": {}, "all": { "permissions": held } } });
    let plan = app.post(PLAN, admin, document).await;
    assert_eq!(plan.is(200).json["counts"]["changes"], 10_001);
    assert_eq!(
        app.get(POLICY, admin).await.json["roles"]["all"],
        json!(null)
    );
}

async fn y150_a_document_that_would_take_much_memory_is_not_parsed(app: TestApp) {
    let admin = app.admin().await;
    let dotted = format!("x0.{}=1\n", ["a"; 75].join("."));
    let braces = "x = {a={b={c={d=1}}}}\n";
    let shallow = "x.a.b.c.d.e.f=1\n";
    for (document, start) in [
        (dotted.repeat(4000), "line 1, column 19: "),
        (braces.repeat(100_000), "line "),
        (shallow.repeat(100_000), "line "),
    ] {
        for refused in [
            app.plan_policy(admin, &document).await,
            app.put_policy(admin, &document, "*").await,
        ] {
            let detail = refused.is(422).text("detail");
            assert!(detail.starts_with(start), "{detail}");
            assert_eq!(refused.json["errors"][0]["type"], "too_large");
        }
    }
    let json = format!("{{\"roles\":[{}1]}}", "{},".repeat(500_000));
    let request = app.request(Method::POST, PLAN).token(admin);
    let refused = request.raw("application/json", json).send().await;
    let detail = refused.is(422).text("detail");
    assert!(detail.contains("too large"), "{detail}");
}

/// A body that begins once it is released.
struct Withheld {
    released: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_sent: bool,
}

impl Stream for Withheld {
    type Item = Result<&'static str, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_sent {
            return Poll::Ready(None);
        }
        ready!(self.released.as_mut().poll(context));
        self.is_sent = true;
        Poll::Ready(Some(Ok("[roles.admin]")))
    }
}

async fn y151_bodies_wait_before_they_are_read_and_writers_do_not_wait_for_readers(app: TestApp) {
    let admin = app.admin().await;
    let (release, released) = watch::channel(false);
    // of unknown length, so that each may need all of the room for one
    let withheld = async || {
        let mut released = released.clone();
        let body = Body::from_stream(Withheld {
            released: Box::pin(async move {
                let _ = released.wait_for(|is_released| *is_released).await;
            }),
            is_sent: false,
        });
        let request = app.request(Method::POST, PLAN).token(admin);
        request.raw("application/toml", body).send().await
    };
    let write = async || {
        app.put_policy(admin, "[roles.admin]", "*").await.is(200);
    };
    let mut held = Box::pin(async { tokio::join!(withheld(), withheld()) });
    tokio::select! {
        biased;
        _ = &mut held => panic!("a body that was not sent"),
        () = write() => {}
    }
    let mut waiting = Box::pin(app.plan_policy(admin, "[roles.admin]"));
    for _ in 0..5 {
        tokio::select! {
            biased;
            early = &mut waiting => panic!("there is no room: {early:?}"),
            () = write() => {}
        }
    }
    release.send(true).unwrap();
    let (one, other) = held.await;
    one.is(200);
    other.is(200);
    waiting.await.is(200);
}

async fn y003_single_edits_stay_within_the_limits(app: TestApp) {
    let admin = app.admin().await;
    // with the three built-in roles and `admin` there are 10,000, as many as are allowed
    app.db
        .execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9996) \
             INSERT INTO roles (name, description, created_at, updated_at) SELECT 'r' || n, '', 0, 0 FROM numbers",
        )
        .await;
    let node = app.second_node().await;
    let more = || node.post("/api/roles", admin, json!({ "name": "more" }));
    let refused = more().await;
    refused.is(422);
    assert!(refused.text("detail").contains("policy.max_roles"));
    node.delete("/api/roles/r1", admin).await.no_content();
    more().await.is(201);
}
