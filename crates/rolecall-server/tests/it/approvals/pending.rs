//! Pending requests: what replaces, ends and settles them.

use std::time::Duration;

use serde_json::json;

use super::{HOUR, PATH, payer, refused};
use crate::support::{TestApp, on_both};

on_both![
    a_request_does_not_outlive_its_subject_or_role,
    what_is_over_is_not_confirmed,
    a_confirmation_is_of_what_was_seen,
    what_somebody_else_asked_for_is_not_replaced,
    whoever_asked_and_whoever_may_give_it_end_a_request_and_nobody_else,
    less_is_given_at_once_and_more_is_asked_for,
    what_is_settled_otherwise_is_no_longer_asked_for,
    a_role_that_needs_nobody_any_more_is_given_at_once,
    the_list_of_requests_is_paged_and_of_a_tenant,
    another_node_knows_that_a_role_needs_a_second_person,
];

async fn a_request_does_not_outlive_its_subject_or_role(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben, admin) = (
        app.login("ann").await,
        app.login("ben").await,
        app.admin().await,
    );
    let id = app.ask(&ann, &alice).await;
    app.delete(format!("/api/users/{alice}"), admin)
        .await
        .done();
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.db.count("assignment_requests").await, 0);
    // a role that is made anew is another one, whatever its name
    let bob = app.user("bob", &[]).await;
    let id = app.ask(&ann, &bob).await;
    app.delete("/api/roles/payer", admin).await.done();
    app.role("payer", &["payments:make"]).await;
    app.confirm(&ben, &id).await.is(404);
    app.approval("payer", true).await;
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.open().await, [""; 0]);
    let id = app.ask(&ann, &bob).await;
    app.confirm(&ben, &id).await.done();
}

async fn what_is_over_is_not_confirmed(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    let asked = app.put_json(payer(&alice), &ann, body).await;
    let id = asked.is(202).text("id");
    app.pass(Duration::from_mins(10));
    refused(&app, app.confirm(&ben, &id), "is over by now").await;
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    // it stands in nobody's way
    let id = app.ask(&ben, &alice).await;
    app.confirm(&ann, &id).await.done();
    assert_eq!(app.assigned(&alice).await, ["payer"]);
}

async fn a_confirmation_is_of_what_was_seen(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let until = |time: &str| json!({ "expires_at": time });
    let path = payer(&alice);
    let asked = app
        .put_json(&path, &ann, until("2030-02-01T00:00:00Z"))
        .await;
    let seen = asked.is(202).text("id");
    let asked = app.put_json(&path, &ann, json!({})).await;
    let replaced = asked.is(202).text("id");
    assert_ne!(seen, replaced);
    app.confirm(&ben, &seen).await.is(404);
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    assert_eq!(app.open().await, [replaced.as_str()]);
    // another reason, or another beginning, is another request too
    for body in [
        json!({ "reason": "x" }),
        json!({ "reason": "x", "valid_from": "2030-03-01T00:00:00Z" }),
    ] {
        let asked = app.put_json(&path, &ann, body).await;
        assert_ne!(asked.is(202).text("id"), replaced);
        app.confirm(&ben, &replaced).await.is(404);
    }
    let now = app.open().await.pop().unwrap();
    app.confirm(&ben, &now).await.done();
}

async fn what_somebody_else_asked_for_is_not_replaced(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let id = app.ask(&ann, &alice).await;
    let why = "somebody else has asked for it already";
    refused(&app, app.put(payer(&alice), &ben), why).await;
    let body = json!({ "reason": "mine" });
    refused(&app, app.put_json(payer(&alice), &ben, body), why).await;
    // elsewhere it is another one
    let there = format!("{}?tenant=acme", payer(&alice));
    let other = app.put(&there, app.admin().await).await;
    other.is(202);
    assert_eq!(app.open().await.len(), 2);
    app.confirm(&ben, &id).await.done();
}

async fn whoever_asked_and_whoever_may_give_it_end_a_request_and_nobody_else(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let some = ["rolecall.assignments:write", "rolecall.assignments:read"];
    app.role("some", &some).await;
    app.user("carl", &["some"]).await;
    let carl = app.login("carl").await;
    let own = app.login("alice").await;
    let id = app.ask(&ann, &alice).await;
    let path = format!("{PATH}/{id}");
    let revision = app.db.revision().await;
    app.delete(&path, &carl).await.forbidden("payments:make");
    app.delete(&path, &own)
        .await
        .forbidden("rolecall.assignments:write");
    app.delete(&path, "").await.not_authenticated();
    assert_eq!(app.db.revision().await, revision);
    app.delete(&path, &ann).await.done();
    app.delete(&path, &ann).await.done();
    assert_eq!(app.db.revision().await, revision + 1);
    app.confirm(&ben, &id).await.is(404);
    let id = app.ask(&ann, &alice).await;
    app.delete(format!("{PATH}/{id}"), &ben).await.done();
    assert_eq!(app.open().await, [""; 0]);
    assert_eq!(app.assigned(&alice).await, [""; 0]);
}

async fn less_is_given_at_once_and_more_is_asked_for(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let path = payer(&alice);
    let span =
        |from: Option<&str>, end: Option<&str>| json!({ "valid_from": from, "expires_at": end });
    let id = app
        .put_json(&path, &ann, span(None, Some("2030-06-01T00:00:00Z")))
        .await
        .is(202)
        .text("id");
    app.confirm(&ben, &id).await.done();
    let token = app.login("alice").await;
    // the same, and another reason, change nothing that counts
    let revision = app.db.revision().await;
    let same = span(None, Some("2030-06-01T00:00:00Z"));
    app.put_json(&path, &ann, same).await.done();
    assert_eq!(app.db.revision().await, revision);
    for (body, status) in [
        (
            json!({ "expires_at": "2030-06-01T00:00:00Z", "reason": "renamed" }),
            204,
        ),
        (span(None, Some("2030-05-01T00:00:00Z")), 204),
        (span(None, Some("2030-05-01T00:00:01Z")), 202),
        (span(None, None), 202),
        (
            span(Some("2030-01-01T00:00:00Z"), Some("2030-05-01T00:00:00Z")),
            204,
        ),
        (
            span(Some("2030-02-01T00:00:00Z"), Some("2030-05-01T00:00:00Z")),
            204,
        ),
        (
            span(Some("2030-01-31T00:00:00Z"), Some("2030-05-01T00:00:00Z")),
            202,
        ),
        (span(None, Some("2030-04-01T00:00:00Z")), 202),
        (
            span(Some("2030-03-01T00:00:00Z"), Some("2030-06-01T00:00:00Z")),
            202,
        ),
        (
            span(Some("2030-03-01T00:00:00Z"), Some("2030-04-01T00:00:00Z")),
            204,
        ),
    ] {
        let answer = app.put_json(&path, &ann, body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
    }
    app.get("/api/me", &token).await.ended();
    // what is over begins anew by two
    app.pass(HOUR * 24 * 100);
    let ann = app.login("ann").await;
    app.put_json(&path, &ann, span(None, Some("2030-04-12T00:00:00Z")))
        .await
        .is(202);
}

async fn what_is_settled_otherwise_is_no_longer_asked_for(app: TestApp) {
    let alice = app.payers().await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let path = payer(&alice);
    let until = |end: &str| json!({ "expires_at": end });
    let id = app
        .put_json(&path, &ann, until("2030-06-01T00:00:00Z"))
        .await
        .is(202)
        .text("id");
    app.confirm(&ben, &id).await.done();
    // more is asked for, and then it is taken away, or made less
    let more = app.ask(&ann, &alice).await;
    app.put_json(&path, &ben, until("2030-02-01T00:00:00Z"))
        .await
        .done();
    app.confirm(&ben, &more).await.is(404);
    let more = app.ask(&ann, &alice).await;
    app.delete(&path, &ben).await.done();
    app.confirm(&ben, &more).await.is(404);
    // also where nothing was given yet
    let id = app.ask(&ann, &alice).await;
    app.delete(&path, &ben).await.done();
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.assigned(&alice).await, [""; 0]);
    assert_eq!(app.open().await, [""; 0]);
}

async fn a_role_that_needs_nobody_any_more_is_given_at_once(app: TestApp) {
    let alice = app.payers().await;
    let bob = app.user("bob", &[]).await;
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let (hers, his) = (app.ask(&ann, &alice).await, app.ask(&ann, &bob).await);
    app.approval("payer", false).await;
    // what waits goes on waiting for another
    refused(&app, app.confirm(&ann, &his), "another person").await;
    app.confirm(&ben, &his).await.done();
    app.put(payer(&alice), &ann).await.done();
    app.approval("payer", true).await;
    app.confirm(&ben, &hers).await.is(404);
    // who has it keeps it
    assert_eq!(app.assigned(&alice).await, ["payer"]);
    app.put(payer(&alice), &ann).await.done();
}

async fn the_list_of_requests_is_paged_and_of_a_tenant(app: TestApp) {
    let alice = app.payers().await;
    let ann = app.login("ann").await;
    let mut made = vec![app.ask(&ann, &alice).await];
    for tenant in ["acme", "umbra", "wayne"] {
        app.pass(Duration::from_secs(1));
        let asked = app
            .put(format!("{}?tenant={tenant}", payer(&alice)), &ann)
            .await;
        made.push(asked.is(202).text("id"));
    }
    assert_eq!(app.get(PATH, &ann).await.items("id"), made);
    let mut found = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = app.get(format!("{PATH}{query}"), &ann).await;
        found.extend(page.items("id"));
        match page.json["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, made);
    let acme = app.get(format!("{PATH}?tenant=acme"), &ann).await;
    assert_eq!(acme.items("id"), made[1..2]);
    app.get(format!("{PATH}?tenant=ACME"), &ann)
        .await
        .invalid(&["query", "tenant"]);
    app.get(format!("{PATH}?limit=0"), &ann)
        .await
        .invalid(&["query", "limit"]);
    app.user("carl", &["user"]).await;
    let carl = app.login("carl").await;
    app.get(PATH, &carl)
        .await
        .forbidden("rolecall.assignments:read");
}

async fn another_node_knows_that_a_role_needs_a_second_person(app: TestApp) {
    let alice = app.payers().await;
    let bob = app.user("bob", &[]).await;
    let other = app.second_node().await;
    app.approval("payer", false).await;
    let ann = app.login("ann").await;
    other.put(payer(&alice), &ann).await.done();
    app.approval("payer", true).await;
    let id = other.ask(&ann, &bob).await;
    let ben = other.login("ben").await;
    app.confirm(&ben, &id).await.done();
    let app = app.restart().await;
    let asked = app.put(format!("{}?tenant=acme", payer(&bob)), &ann).await;
    asked.is(202);
}
