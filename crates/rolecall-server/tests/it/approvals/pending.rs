//! Replacing, withdrawing and settling pending requests.

use std::time::Duration;

use serde_json::json;

use super::{HOUR, PATH, expect_refusal, payer};
use crate::support::{TestApp, on_both};

on_both![
    a_request_does_not_outlive_its_subject_or_role,
    an_expired_request_cannot_be_confirmed,
    a_replaced_request_cannot_be_confirmed,
    another_persons_request_is_not_replaced,
    only_the_author_or_a_possible_approver_withdraws_a_request,
    a_shorter_validity_applies_at_once_and_a_longer_one_needs_approval,
    a_direct_change_drops_the_pending_request,
    a_role_that_no_longer_needs_approval_is_assigned_at_once,
    requests_are_listed_in_pages_and_by_tenant,
    another_node_knows_which_roles_need_approval,
];

async fn a_request_does_not_outlive_its_subject_or_role(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben, admin) = (
        app.log_in("ann").await,
        app.log_in("ben").await,
        app.admin().await,
    );
    let id = app.request_payer(&ann, &alice).await;
    app.delete(format!("/api/users/{alice}"), admin)
        .await
        .no_content();
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.db.count("assignment_requests").await, 0);
    // a role created again is another role, even with the same name
    let bob = app.create_user("bob", &[]).await;
    let id = app.request_payer(&ann, &bob).await;
    app.delete("/api/roles/payer", admin).await.no_content();
    app.create_plain_role("payer", &["payments:make"]).await;
    app.confirm(&ben, &id).await.is(404);
    app.set_approval("payer", true).await;
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.pending_requests().await, [""; 0]);
    let id = app.request_payer(&ann, &bob).await;
    app.confirm(&ben, &id).await.no_content();
}

async fn an_expired_request_cannot_be_confirmed(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    let requested = app.put_json(payer(&alice), &ann, body).await;
    let id = requested.is(202).text("id");
    app.pass_time(Duration::from_mins(10));
    expect_refusal(
        &app,
        app.confirm(&ben, &id),
        "the requested time has passed",
    )
    .await;
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    // it does not block new requests
    let id = app.request_payer(&ben, &alice).await;
    app.confirm(&ann, &id).await.no_content();
    assert_eq!(app.assigned_roles(&alice).await, ["payer"]);
}

async fn a_replaced_request_cannot_be_confirmed(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let until = |time: &str| json!({ "expires_at": time });
    let path = payer(&alice);
    let requested = app
        .put_json(&path, &ann, until("2030-02-01T00:00:00Z"))
        .await;
    let seen = requested.is(202).text("id");
    let requested = app.put_json(&path, &ann, json!({})).await;
    let replaced = requested.is(202).text("id");
    assert_ne!(seen, replaced);
    app.confirm(&ben, &seen).await.is(404);
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    assert_eq!(app.pending_requests().await, [replaced.as_str()]);
    // another reason or another start makes another request too
    for body in [
        json!({ "reason": "x" }),
        json!({ "reason": "x", "valid_from": "2030-03-01T00:00:00Z" }),
    ] {
        let requested = app.put_json(&path, &ann, body).await;
        assert_ne!(requested.is(202).text("id"), replaced);
        app.confirm(&ben, &replaced).await.is(404);
    }
    let now = app.pending_requests().await.pop().unwrap();
    app.confirm(&ben, &now).await.no_content();
}

async fn another_persons_request_is_not_replaced(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let id = app.request_payer(&ann, &alice).await;
    let reason = "another person has requested it already";
    expect_refusal(&app, app.put(payer(&alice), &ben), reason).await;
    let body = json!({ "reason": "mine" });
    expect_refusal(&app, app.put_json(payer(&alice), &ben, body), reason).await;
    // a request in a tenant is another request
    let there = format!("{}?tenant=acme", payer(&alice));
    let other = app.put(&there, app.admin().await).await;
    other.is(202);
    assert_eq!(app.pending_requests().await.len(), 2);
    app.confirm(&ben, &id).await.no_content();
}

async fn only_the_author_or_a_possible_approver_withdraws_a_request(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let some = ["rolecall.assignments:write", "rolecall.assignments:read"];
    app.create_role("some", &some).await;
    app.create_user("carl", &["some"]).await;
    let carl = app.log_in("carl").await;
    let own = app.log_in("alice").await;
    let id = app.request_payer(&ann, &alice).await;
    let path = format!("{PATH}/{id}");
    let revision = app.db.revision().await;
    app.delete(&path, &carl).await.forbidden("payments:make");
    app.delete(&path, &own)
        .await
        .forbidden("rolecall.assignments:write");
    app.delete(&path, "").await.not_authenticated();
    assert_eq!(app.db.revision().await, revision);
    app.delete(&path, &ann).await.no_content();
    app.delete(&path, &ann).await.no_content();
    assert_eq!(app.db.revision().await, revision + 1);
    app.confirm(&ben, &id).await.is(404);
    let id = app.request_payer(&ann, &alice).await;
    app.delete(format!("{PATH}/{id}"), &ben).await.no_content();
    assert_eq!(app.pending_requests().await, [""; 0]);
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
}

async fn a_shorter_validity_applies_at_once_and_a_longer_one_needs_approval(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let path = payer(&alice);
    let span =
        |from: Option<&str>, end: Option<&str>| json!({ "valid_from": from, "expires_at": end });
    let id = app
        .put_json(&path, &ann, span(None, Some("2030-06-01T00:00:00Z")))
        .await
        .is(202)
        .text("id");
    app.confirm(&ben, &id).await.no_content();
    let token = app.log_in("alice").await;
    // the same validity changes nothing
    let revision = app.db.revision().await;
    let same = span(None, Some("2030-06-01T00:00:00Z"));
    app.put_json(&path, &ann, same).await.no_content();
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
        let response = app.put_json(&path, &ann, body.clone()).await;
        assert_eq!(response.status, status, "{body}");
    }
    app.get("/api/me", &token).await.ended_token();
    // an expired assignment needs approval again
    app.pass_time(HOUR * 24 * 100);
    let ann = app.log_in("ann").await;
    app.put_json(&path, &ann, span(None, Some("2030-04-12T00:00:00Z")))
        .await
        .is(202);
}

async fn a_direct_change_drops_the_pending_request(app: TestApp) {
    let alice = app.create_payers().await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let path = payer(&alice);
    let until = |end: &str| json!({ "expires_at": end });
    let id = app
        .put_json(&path, &ann, until("2030-06-01T00:00:00Z"))
        .await
        .is(202)
        .text("id");
    app.confirm(&ben, &id).await.no_content();
    // a longer validity is requested, and then the assignment is shortened or removed
    let longer = app.request_payer(&ann, &alice).await;
    app.put_json(&path, &ben, until("2030-02-01T00:00:00Z"))
        .await
        .no_content();
    app.confirm(&ben, &longer).await.is(404);
    let longer = app.request_payer(&ann, &alice).await;
    app.delete(&path, &ben).await.no_content();
    app.confirm(&ben, &longer).await.is(404);
    // also before anything was assigned
    let id = app.request_payer(&ann, &alice).await;
    app.delete(&path, &ben).await.no_content();
    app.confirm(&ben, &id).await.is(404);
    assert_eq!(app.assigned_roles(&alice).await, [""; 0]);
    assert_eq!(app.pending_requests().await, [""; 0]);
}

async fn a_role_that_no_longer_needs_approval_is_assigned_at_once(app: TestApp) {
    let alice = app.create_payers().await;
    let bob = app.create_user("bob", &[]).await;
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let (for_alice, for_bob) = (
        app.request_payer(&ann, &alice).await,
        app.request_payer(&ann, &bob).await,
    );
    app.set_approval("payer", false).await;
    // a pending request still needs another person
    expect_refusal(&app, app.confirm(&ann, &for_bob), "another person").await;
    app.confirm(&ben, &for_bob).await.no_content();
    app.put(payer(&alice), &ann).await.no_content();
    app.set_approval("payer", true).await;
    app.confirm(&ben, &for_alice).await.is(404);
    // existing assignments stay
    assert_eq!(app.assigned_roles(&alice).await, ["payer"]);
    app.put(payer(&alice), &ann).await.no_content();
}

async fn requests_are_listed_in_pages_and_by_tenant(app: TestApp) {
    let alice = app.create_payers().await;
    let ann = app.log_in("ann").await;
    let mut created = vec![app.request_payer(&ann, &alice).await];
    for tenant in ["acme", "umbra", "wayne"] {
        app.pass_time(Duration::from_secs(1));
        let requested = app
            .put(format!("{}?tenant={tenant}", payer(&alice)), &ann)
            .await;
        created.push(requested.is(202).text("id"));
    }
    assert_eq!(app.get(PATH, &ann).await.items("id"), created);
    let pages = app.pages(format!("{PATH}?limit=3"), &ann).await;
    let found: Vec<String> = pages.iter().flat_map(|page| page.items("id")).collect();
    assert_eq!(found, created);
    let acme = app.get(format!("{PATH}?tenant=acme"), &ann).await;
    assert_eq!(acme.items("id"), created[1..2]);
    app.get(format!("{PATH}?tenant=ACME"), &ann)
        .await
        .invalid(&["query", "tenant"]);
    app.get(format!("{PATH}?limit=0"), &ann)
        .await
        .invalid(&["query", "limit"]);
    app.create_user("carl", &["user"]).await;
    let carl = app.log_in("carl").await;
    app.get(PATH, &carl)
        .await
        .forbidden("rolecall.assignments:read");
}

async fn another_node_knows_which_roles_need_approval(app: TestApp) {
    let alice = app.create_payers().await;
    let bob = app.create_user("bob", &[]).await;
    let other = app.second_node().await;
    app.set_approval("payer", false).await;
    let ann = app.log_in("ann").await;
    other.put(payer(&alice), &ann).await.no_content();
    app.set_approval("payer", true).await;
    let id = other.request_payer(&ann, &bob).await;
    let ben = other.log_in("ben").await;
    app.confirm(&ben, &id).await.no_content();
    let app = app.restart().await;
    let requested = app.put(format!("{}?tenant=acme", payer(&bob)), &ann).await;
    requested.is(202);
}
