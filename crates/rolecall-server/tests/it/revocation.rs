//! `/revoke` (RFC 7009) and `/introspect` (RFC 7662).

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::{
    Credentials, ISSUER, PASSWORD, Response, TestApp, TokenPair, claims, on_both,
};

on_both![
    o094_revoking_a_refresh_token_ends_its_session,
    o095_a_revoked_access_token_is_refused_at_once_and_its_session_continues,
    o096_an_unknown_token_counts_as_revoked,
    o097_a_wrong_hint_does_not_matter,
    o098_a_client_cannot_revoke_anothers_token,
    o099_a_revocation_without_a_token_or_by_an_unknown_client_is_refused,
    o101_only_an_authenticated_client_with_the_permission_introspects,
    o102_an_active_token_is_described_as_issued,
    o103_nothing_is_revealed_about_an_inactive_token,
    o104_a_token_for_another_audience_is_not_active,
    o105_introspection_finds_a_token_whatever_the_hint,
    o106_a_token_in_the_query_is_refused,
];

async fn revoke(app: &TestApp, form: &[(&str, &str)]) -> Response {
    app.request(Method::POST, "/revoke").form(form).send().await
}

async fn o094_revoking_a_refresh_token_ends_its_session(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (first, other) = (
        app.open_session("alice").await,
        app.open_session("alice").await,
    );
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    let response = revoke(&app, &[("token", &second.refresh)]).await;
    assert!(response.is(200).body.is_empty());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    app.get("/api/me", &first.access).await.ended_token();
    app.get("/api/me", &second.access).await.ended_token();
    app.refresh(&second.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    app.get("/api/me", &other.access).await.is(200);
}

async fn o095_a_revoked_access_token_is_refused_at_once_and_its_session_continues(app: TestApp) {
    app.create_user("alice", &[]).await;
    let pair = app.open_session("alice").await;
    revoke(&app, &[("token", &pair.access)]).await.is(200);
    app.get("/api/me", &pair.access).await.ended_token();
    let next = app.refresh(&pair.refresh).await;
    app.get("/api/me", &next.is(200).text("access_token"))
        .await
        .is(200);
}

async fn o096_an_unknown_token_counts_as_revoked(app: TestApp) {
    app.create_user("alice", &[]).await;
    let pair = app.open_session("alice").await;
    revoke(&app, &[("token", &pair.access)]).await.is(200);
    let revision = app.db.revision().await;
    let forged = format!("{}A", pair.refresh);
    for token in [pair.access.as_str(), "garbage", "a.b.c", &forged, "rcr_"] {
        revoke(&app, &[("token", token)]).await.is(200);
    }
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    app.refresh(&pair.refresh).await.is(200);
}

async fn o097_a_wrong_hint_does_not_matter(app: TestApp) {
    app.create_user("alice", &[]).await;
    let pair = app.open_session("alice").await;
    let form = [
        ("token", pair.access.as_str()),
        ("token_type_hint", "refresh_token"),
    ];
    revoke(&app, &form).await.is(200);
    app.get("/api/me", &pair.access).await.ended_token();
    let form = [
        ("token", pair.refresh.as_str()),
        ("token_type_hint", "pizza"),
    ];
    revoke(&app, &form).await.is(200);
    app.refresh(&pair.refresh)
        .await
        .oauth_error(400, "invalid_grant");
}

async fn o098_a_client_cannot_revoke_anothers_token(app: TestApp) {
    app.create_user("alice", &[]).await;
    let (one, two) = (
        app.create_client("one", json!({})).await,
        app.create_client("two", json!({})).await,
    );
    let token = app.log_in_through(&one, &[]).await;
    let (access, refresh) = (
        token.is(200).text("access_token"),
        token.text("refresh_token"),
    );
    for token in [&access, &refresh] {
        let form = [("token", token.as_str())];
        let refused = app.form_as(&two, "/revoke", &form).send().await;
        refused.oauth_error(400, "invalid_grant");
        revoke(&app, &form).await.oauth_error(401, "invalid_client");
    }
    app.get("/api/me", &access).await.is(200);
    let first_party = app.open_session("alice").await;
    let form = [("token", first_party.refresh.as_str())];
    app.form_as(&two, "/revoke", &form)
        .send()
        .await
        .oauth_error(400, "invalid_grant");
    app.refresh(&first_party.refresh).await.is(200);
    let form = [("token", refresh.as_str())];
    app.form_as(&one, "/revoke", &form).send().await.is(200);
    app.get("/api/me", &access).await.ended_token();
    // tokens of a public client can be revoked without naming it
    let public = app
        .create_client(
            "phone",
            json!({ "public": true, "grants": ["password", "refresh_token"] }),
        )
        .await;
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("client_id", &public.id),
    ];
    let token = app.token(&form).await;
    revoke(&app, &[("token", &token.is(200).text("refresh_token"))])
        .await
        .is(200);
    app.get("/api/me", &token.text("access_token"))
        .await
        .ended_token();
}

async fn o099_a_revocation_without_a_token_or_by_an_unknown_client_is_refused(app: TestApp) {
    revoke(&app, &[]).await.oauth_error(400, "invalid_request");
    revoke(&app, &[("token", "")])
        .await
        .oauth_error(400, "invalid_request");
    let wrong = Credentials::new("nobody", "x");
    let form = [("token", "x")];
    app.form_as(&wrong, "/revoke", &form)
        .send()
        .await
        .oauth_error(401, "invalid_client");
    for path in ["/revoke", "/introspect"] {
        let response = app.get(path, "").await;
        assert_eq!(response.is(405).header("allow"), Some("POST"));
    }
    let json = app
        .request(Method::POST, "/revoke")
        .json(&json!({ "token": "x" }));
    json.send().await.oauth_error(400, "invalid_request");
}

async fn o101_only_an_authenticated_client_with_the_permission_introspects(app: TestApp) {
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let form = [("token", token.as_str())];
    let nobody = app.request(Method::POST, "/introspect").form(&form);
    let refused = nobody.send().await;
    refused.oauth_error(401, "invalid_client");
    let plain = app.create_client("plain", json!({})).await;
    let refused = app.introspect(&plain, &token).await;
    refused.is(403);
    let server = app.create_resource_server("api").await;
    let wrong = Credentials::new(&server.id, &plain.secret);
    app.introspect(&wrong, &token)
        .await
        .oauth_error(401, "invalid_client");
    let bearer = app.act_as(&server).await;
    let request = app
        .request(Method::POST, "/introspect")
        .form(&form)
        .token(&bearer);
    request.send().await.oauth_error(401, "invalid_client");
    app.introspect(&server, &token).await.is(200);
    app.introspect(&server, "")
        .await
        .oauth_error(400, "invalid_request");
    // losing the permission takes effect at once
    let path = format!("/api/clients/{}/roles/rolecall.resource-server", server.id);
    app.delete(path, app.admin().await).await.no_content();
    app.introspect(&server, &token).await.is(403);
}

async fn o102_an_active_token_is_described_as_issued(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader"]).await;
    let server = app.create_resource_server("api").await;
    let token = app.log_in("alice").await;
    let claims = claims(&token);
    let seen = app.introspect(&server, &token).await;
    assert_eq!(seen.is(200).header("cache-control"), Some("no-store"));
    assert_eq!(seen.json["active"], true);
    assert_eq!(seen.json["token_type"], "Bearer");
    for same in [
        "scope",
        "client_id",
        "sub",
        "exp",
        "iat",
        "iss",
        "aud",
        "jti",
        "username",
        "sid",
        "roles",
        "subject_kind",
    ] {
        assert_eq!(seen.json[same], claims[same], "{same}");
    }
    let own = app.act_as(&server).await;
    let seen = app.introspect(&server, &own).await;
    assert_eq!(seen.json["active"], true);
    assert_eq!(seen.json["subject_kind"], "client");
}

async fn o103_nothing_is_revealed_about_an_inactive_token(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["reader"]).await;
    let server = app.create_resource_server("api").await;
    let other = app.second_node().await;
    let inactive = async |token: &str| {
        let seen = app.introspect(&server, token).await;
        assert_eq!(seen.is(200).json, json!({ "active": false }), "{token}");
    };
    let pair = app.open_session("alice").await;
    for token in [
        "garbage",
        "a.b.c",
        &pair.refresh,
        &format!("{}A", pair.access),
    ] {
        inactive(token).await;
    }
    // removed on the other node, and refused before any poll
    let admin = other.log_in("admin").await;
    let path = format!("/api/users/{alice}/roles/reader");
    other.delete(path, &admin).await.no_content();
    inactive(&pair.access).await;
    let pair = app.open_session("alice").await;
    other.delete("/api/roles/reader", &admin).await.no_content();
    app.get("/api/me", &pair.access).await.is(200);
    revoke(&app, &[("token", &pair.access)]).await.is(200);
    inactive(&pair.access).await;
    let pair = app.open_session("alice").await;
    app.pass_time(Duration::from_mins(30));
    inactive(&pair.access).await;
    let pair = app.open_session("alice").await;
    let path = format!("/api/users/{alice}");
    let disable = json!({ "status": "disabled" });
    other
        .patch(path, &other.log_in("admin").await, disable)
        .await
        .is(200);
    inactive(&pair.access).await;
}

async fn o104_a_token_for_another_audience_is_not_active(app: TestApp) {
    app.create_user("alice", &[]).await;
    let app_client = app
        .create_client("app", json!({ "audiences": ["https://one.example"] }))
        .await;
    let members = json!({
        "grants": ["client_credentials"], "roles": ["rolecall.resource-server"],
        "audiences": ["https://one.example"],
    });
    let one = app.create_client("one", members).await;
    let own = app.create_resource_server("api").await;
    let for_one = app
        .log_in_through(&app_client, &[])
        .await
        .is(200)
        .text("access_token");
    let for_issuer = app.log_in("alice").await;
    let active = async |client: &Credentials, token: &str| {
        app.introspect(client, token).await.is(200).json["active"].clone()
    };
    assert_eq!(active(&one, &for_one).await, true);
    assert_eq!(active(&one, &for_issuer).await, false);
    assert_eq!(active(&own, &for_issuer).await, true);
    assert_eq!(active(&own, &for_one).await, false);
    assert_eq!(claims(&for_issuer)["aud"], ISSUER);
}

async fn o106_a_token_in_the_query_is_refused(app: TestApp) {
    app.create_user("alice", &[]).await;
    let pair = app.open_session("alice").await;
    let path = format!("/revoke?token={}", pair.access);
    app.request(Method::POST, path)
        .form(&[])
        .send()
        .await
        .oauth_error(400, "invalid_request");
    app.get("/api/me", &pair.access).await.is(200);
}

async fn o105_introspection_finds_a_token_whatever_the_hint(app: TestApp) {
    app.create_user("alice", &[]).await;
    let server = app.create_resource_server("api").await;
    let token = app.log_in("alice").await;
    for hint in ["access_token", "refresh_token", "pizza", ""] {
        let form = [("token", token.as_str()), ("token_type_hint", hint)];
        let seen = app.form_as(&server, "/introspect", &form).send().await;
        assert_eq!(seen.is(200).json["active"], true, "{hint}");
    }
}
