//! How long a token stays one for its tenant.

use std::time::Duration;

use serde_json::json;

use super::roles;
use crate::{
    refresh::Pair,
    support::{PASSWORD, TestApp, claims, on_both},
};

on_both![
    losing_a_role_in_a_tenant_ends_the_token_and_the_refresh_goes_on_without_it,
    the_tenant_goes_with_the_role_that_led_there,
    a_refresh_is_for_the_tenant_of_its_log_in,
    a_token_ends_with_the_role_in_the_tenant,
    an_assignment_that_begins_later_opens_no_tenant_before,
];

async fn losing_a_role_in_a_tenant_ends_the_token_and_the_refresh_goes_on_without_it(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    app.assign_in(&alice, "reader", "acme").await;
    app.assign_in(&alice, "user", "acme").await;
    let first = app.log_in_to("alice", "acme").await;
    app.get("/t/acme/items/", &first.access).await.is(200);
    app.unassign_in(&alice, "reader", "acme").await;
    app.get("/t/acme/items/", &first.access).await.ended();
    let second = Pair::of(&app.refresh(&first.refresh).await);
    assert_eq!(claims(&second.access)["tenant"], "acme");
    app.get("/t/acme/items/", &second.access)
        .await
        .forbidden("items:read");
    // the last one there
    app.unassign_in(&alice, "user", "acme").await;
    app.get("/api/me", &second.access).await.ended();
    let answer = app.refresh(&second.refresh).await;
    assert!(answer.is(200).json.get("tenant").is_none());
    let third = Pair::of(&answer);
    assert!(claims(&third.access).get("tenant").is_none());
    assert_eq!(roles(&third.access), json!(["user"]));
    // and when it is given back, the session is for the tenant again
    app.assign_in(&alice, "reader", "acme").await;
    let fourth = Pair::of(&app.refresh(&third.refresh).await);
    assert_eq!(claims(&fourth.access)["tenant"], "acme");
    app.get("/t/acme/items/", &fourth.access).await.is(200);
}

async fn the_tenant_goes_with_the_role_that_led_there(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    for by_document in [false, true] {
        app.role("member", &[]).await;
        let name = if by_document { "alice" } else { "bob" };
        let id = app.user(name, &["reader"]).await;
        app.assign_in(&id, "member", "acme").await;
        // of what is active in this one, nothing is taken away
        let narrow = app.try_log_in_to(name, "acme", Some("role:reader")).await;
        let pair = Pair::of(&narrow);
        app.get("/t/acme/items/", &pair.access).await.is(200);
        if by_document {
            let policy = json!({
                "permissions": { "items:read": "" },
                "roles": { "reader": { "permissions": ["items:read"] } },
            });
            let put = app.request(http::Method::PUT, "/api/policy");
            let put = put.header("if-match", "*").token(app.admin().await);
            put.json(&policy).send().await.is(200);
        } else {
            let path = "/api/roles/member";
            app.delete(path, app.admin().await).await.done();
        }
        app.get("/t/acme/items/", &pair.access).await.ended();
        let next = Pair::of(&app.refresh(&pair.refresh).await);
        assert!(claims(&next.access).get("tenant").is_none());
        app.get("/t/acme/items/", &next.access).await.forbidden("");
    }
}

async fn a_refresh_is_for_the_tenant_of_its_log_in(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    for tenant in ["acme", "other"] {
        app.assign_in(&alice, "user", tenant).await;
    }
    let refresh_for = async |token: &str, tenant: &str| {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("tenant", tenant),
        ];
        app.token(&form).await
    };
    let pair = app.log_in_to("alice", "acme").await;
    for wrong in ["other", "nowhere", "Acme"] {
        refresh_for(&pair.refresh, wrong)
            .await
            .oauth(400, "invalid_scope");
    }
    // the refusals cost nothing: the token still works
    let pair = Pair::of(&refresh_for(&pair.refresh, "acme").await);
    assert_eq!(claims(&pair.access)["tenant"], "acme");
    let pair = app.log_in("alice").await;
    refresh_for(&pair.refresh, "acme")
        .await
        .oauth(400, "invalid_scope");
    assert!(
        claims(&Pair::of(&app.refresh(&pair.refresh).await).access)
            .get("tenant")
            .is_none()
    );
}

async fn a_token_ends_with_the_role_in_the_tenant(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/reader?tenant=acme");
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(&path, app.admin().await, body).await.done();
    let answer = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(answer.is(200).json["expires_in"], 600);
    let pair = Pair::of(&answer);
    // the role that was asked for is global: that the token is for the tenant is not
    let answer = app.try_log_in_to("alice", "acme", Some("role:user")).await;
    assert_eq!(answer.is(200).json["expires_in"], 600);
    assert_eq!(
        app.password_grant("alice", PASSWORD).await.json["expires_in"],
        1800
    );
    app.pass(Duration::from_secs(599));
    app.get("/t/acme/items/", &pair.access).await.is(200);
    app.pass(Duration::from_secs(1));
    app.get("/t/acme/items/", &pair.access).await.ended();
    // nobody swept: time alone took it
    assert_eq!(app.db.count("role_assignments").await, 4);
    let pair = Pair::of(&app.refresh(&pair.refresh).await);
    assert!(claims(&pair.access).get("tenant").is_none());
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
}

async fn an_assignment_that_begins_later_opens_no_tenant_before(app: TestApp) {
    let alice = app.user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/user?tenant=acme");
    let body =
        json!({ "valid_from": "2030-01-01T01:00:00Z", "expires_at": "2030-01-01T02:00:00Z" });
    app.put_json(&path, app.admin().await, body).await.done();
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
    app.pass(Duration::from_hours(1));
    app.log_in_to("alice", "acme").await;
    // with less than half a minute left a role is left out, and with it the tenant
    app.pass(Duration::from_secs(3600 - 29));
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth(400, "invalid_scope");
}
