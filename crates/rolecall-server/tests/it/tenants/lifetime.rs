//! The lifetime of the tenant in a session.

use std::time::Duration;

use serde_json::json;

use super::roles;
use crate::support::{PASSWORD, TestApp, TokenPair, claims, on_both};

on_both![
    losing_a_role_in_a_tenant_revokes_the_token_and_a_refresh_continues_without_it,
    a_token_loses_its_tenant_when_the_role_there_is_deleted,
    a_refresh_keeps_the_tenant_of_its_login,
    a_token_expires_with_the_role_in_its_tenant,
    a_future_assignment_opens_its_tenant_only_when_it_begins,
];

async fn losing_a_role_in_a_tenant_revokes_the_token_and_a_refresh_continues_without_it(
    app: TestApp,
) {
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    app.assign_in(&alice, "reader", "acme").await;
    app.assign_in(&alice, "user", "acme").await;
    let first = app.log_in_to("alice", "acme").await;
    app.get("/t/acme/items/", &first.access).await.is(200);
    app.unassign_in(&alice, "reader", "acme").await;
    app.get("/t/acme/items/", &first.access).await.ended_token();
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    assert_eq!(claims(&second.access)["tenant"], "acme");
    app.get("/t/acme/items/", &second.access)
        .await
        .forbidden("items:read");
    // the last role in the tenant
    app.unassign_in(&alice, "user", "acme").await;
    app.get("/api/me", &second.access).await.ended_token();
    let response = app.refresh(&second.refresh).await;
    assert!(response.is(200).json.get("tenant").is_none());
    let third = TokenPair::of(&response);
    assert!(claims(&third.access).get("tenant").is_none());
    assert_eq!(roles(&third.access), json!(["user"]));
    // once a role there is assigned again, the session is for the tenant again
    app.assign_in(&alice, "reader", "acme").await;
    let fourth = TokenPair::of(&app.refresh(&third.refresh).await);
    assert_eq!(claims(&fourth.access)["tenant"], "acme");
    app.get("/t/acme/items/", &fourth.access).await.is(200);
}

async fn a_token_loses_its_tenant_when_the_role_there_is_deleted(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    for by_document in [false, true] {
        app.create_role("member", &[]).await;
        let name = if by_document { "alice" } else { "bob" };
        let id = app.create_user(name, &["reader"]).await;
        app.assign_in(&id, "member", "acme").await;
        // the active role of this token is global, so it is not removed itself
        let narrow = app.try_log_in_to(name, "acme", Some("role:reader")).await;
        let pair = TokenPair::of(&narrow);
        app.get("/t/acme/items/", &pair.access).await.is(200);
        if by_document {
            let policy = json!({
                "permissions": { "items:read": "" },
                "roles": { "reader": { "permissions": ["items:read"] } },
            });
            let request = app.request(http::Method::PUT, "/api/policy");
            let request = request.header("if-match", "*").token(app.admin().await);
            request.json(&policy).send().await.is(200);
        } else {
            let path = "/api/roles/member";
            app.delete(path, app.admin().await).await.no_content();
        }
        app.get("/t/acme/items/", &pair.access).await.ended_token();
        let next = TokenPair::of(&app.refresh(&pair.refresh).await);
        assert!(claims(&next.access).get("tenant").is_none());
        app.get("/t/acme/items/", &next.access).await.forbidden("");
    }
}

async fn a_refresh_keeps_the_tenant_of_its_login(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
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
            .oauth_error(400, "invalid_scope");
    }
    // the refusals do not use up the token
    let pair = TokenPair::of(&refresh_for(&pair.refresh, "acme").await);
    assert_eq!(claims(&pair.access)["tenant"], "acme");
    let pair = app.open_session("alice").await;
    refresh_for(&pair.refresh, "acme")
        .await
        .oauth_error(400, "invalid_scope");
    assert!(
        claims(&TokenPair::of(&app.refresh(&pair.refresh).await).access)
            .get("tenant")
            .is_none()
    );
}

async fn a_token_expires_with_the_role_in_its_tenant(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/reader?tenant=acme");
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(&path, app.admin().await, body)
        .await
        .no_content();
    let response = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(response.is(200).json["expires_in"], 600);
    let pair = TokenPair::of(&response);
    // the requested role is global, but the tenant depends on the assignment there
    let response = app.try_log_in_to("alice", "acme", Some("role:user")).await;
    assert_eq!(response.is(200).json["expires_in"], 600);
    assert_eq!(
        app.password_grant("alice", PASSWORD).await.json["expires_in"],
        1800
    );
    app.pass_time(Duration::from_secs(599));
    app.get("/t/acme/items/", &pair.access).await.is(200);
    app.pass_time(Duration::from_secs(1));
    app.get("/t/acme/items/", &pair.access).await.ended_token();
    // the row still exists: time alone ended the assignment
    assert_eq!(app.db.count("role_assignments").await, 4);
    let pair = TokenPair::of(&app.refresh(&pair.refresh).await);
    assert!(claims(&pair.access).get("tenant").is_none());
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth_error(400, "invalid_scope");
}

async fn a_future_assignment_opens_its_tenant_only_when_it_begins(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/user?tenant=acme");
    let body =
        json!({ "valid_from": "2030-01-01T01:00:00Z", "expires_at": "2030-01-01T02:00:00Z" });
    app.put_json(&path, app.admin().await, body)
        .await
        .no_content();
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth_error(400, "invalid_scope");
    app.pass_time(Duration::from_hours(1));
    app.log_in_to("alice", "acme").await;
    // what is left is short, but the tenant was asked for
    app.pass_time(Duration::from_mins(56));
    let response = app.try_log_in_to("alice", "acme", None).await;
    assert_eq!(response.is(200).json["expires_in"], 240);
    // an assignment with less than half a minute left is ignored, and so is its tenant
    app.pass_time(Duration::from_secs(240 - 29));
    app.try_log_in_to("alice", "acme", None)
        .await
        .oauth_error(400, "invalid_scope");
}
