//! `/revoke` (RFC 7009) and `/introspect` (RFC 7662).

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::{
    clients::Credentials,
    support::{Answer, ISSUER, TestApp, claims, on_both},
};

on_both![
    o094_a_revoked_refresh_token_takes_its_session_along,
    o095_a_revoked_access_token_is_refused_at_once_and_its_session_goes_on,
    o096_what_is_unknown_counts_as_revoked,
    o097_a_wrong_hint_does_not_matter,
    o098_the_token_of_another_client_stays,
    o099_a_revocation_without_a_token_or_by_a_wrong_client_is_refused,
    o101_only_a_proven_client_with_the_permission_introspects,
    o102_an_active_token_is_described_as_issued,
    o103_what_is_not_active_is_told_nothing_more,
    o104_a_token_for_somebody_else_is_not_active,
    o105_introspection_finds_a_token_under_any_hint,
    o106_nothing_is_read_from_a_query,
];

async fn revoke(app: &TestApp, form: &[(&str, &str)]) -> Answer {
    app.request(Method::POST, "/revoke").form(form).send().await
}

async fn resource_server(app: &TestApp) -> Credentials {
    let members =
        json!({ "grants": ["client_credentials"], "roles": ["rolecall.resource-server"] });
    app.client("api", members).await
}

async fn introspect(app: &TestApp, client: &Credentials, token: &str) -> Answer {
    let form = [("token", token)];
    app.form_as(client, "/introspect", &form).send().await
}

async fn o094_a_revoked_refresh_token_takes_its_session_along(app: TestApp) {
    app.user("alice", &[]).await;
    let (first, other) = (app.log_in("alice").await, app.log_in("alice").await);
    let second = crate::refresh::Pair::of(&app.refresh(&first.refresh).await);
    let answer = revoke(&app, &[("token", &second.refresh)]).await;
    assert!(answer.is(200).body.is_empty());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    app.get("/api/me", &first.access).await.ended();
    app.get("/api/me", &second.access).await.ended();
    app.refresh(&second.refresh)
        .await
        .oauth(400, "invalid_grant");
    app.get("/api/me", &other.access).await.is(200);
}

async fn o095_a_revoked_access_token_is_refused_at_once_and_its_session_goes_on(app: TestApp) {
    app.user("alice", &[]).await;
    let pair = app.log_in("alice").await;
    revoke(&app, &[("token", &pair.access)]).await.is(200);
    app.get("/api/me", &pair.access).await.ended();
    let next = app.refresh(&pair.refresh).await;
    app.get("/api/me", &next.is(200).text("access_token"))
        .await
        .is(200);
}

async fn o096_what_is_unknown_counts_as_revoked(app: TestApp) {
    app.user("alice", &[]).await;
    let pair = app.log_in("alice").await;
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
    app.user("alice", &[]).await;
    let pair = app.log_in("alice").await;
    let form = [
        ("token", pair.access.as_str()),
        ("token_type_hint", "refresh_token"),
    ];
    revoke(&app, &form).await.is(200);
    app.get("/api/me", &pair.access).await.ended();
    let form = [
        ("token", pair.refresh.as_str()),
        ("token_type_hint", "pizza"),
    ];
    revoke(&app, &form).await.is(200);
    app.refresh(&pair.refresh).await.oauth(400, "invalid_grant");
}

async fn o098_the_token_of_another_client_stays(app: TestApp) {
    app.user("alice", &[]).await;
    let (one, two) = (
        app.client("one", json!({})).await,
        app.client("two", json!({})).await,
    );
    let token = app.log_in_through(&one, &[]).await;
    let (access, refresh) = (
        token.is(200).text("access_token"),
        token.text("refresh_token"),
    );
    for token in [&access, &refresh] {
        let form = [("token", token.as_str())];
        let refused = app.form_as(&two, "/revoke", &form).send().await;
        refused.oauth(400, "invalid_grant");
        revoke(&app, &form).await.oauth(401, "invalid_client");
    }
    app.get("/api/me", &access).await.is(200);
    let first_party = app.log_in("alice").await;
    let form = [("token", first_party.refresh.as_str())];
    app.form_as(&two, "/revoke", &form)
        .send()
        .await
        .oauth(400, "invalid_grant");
    app.refresh(&first_party.refresh).await.is(200);
    let form = [("token", refresh.as_str())];
    app.form_as(&one, "/revoke", &form).send().await.is(200);
    app.get("/api/me", &access).await.ended();
    // a public client's tokens may be revoked without naming it
    let public = app
        .client(
            "phone",
            json!({ "public": true, "grants": ["password", "refresh_token"] }),
        )
        .await;
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", crate::support::PASSWORD),
        ("client_id", &public.id),
    ];
    let token = app.token(&form).await;
    revoke(&app, &[("token", &token.is(200).text("refresh_token"))])
        .await
        .is(200);
    app.get("/api/me", &token.text("access_token"))
        .await
        .ended();
}

async fn o099_a_revocation_without_a_token_or_by_a_wrong_client_is_refused(app: TestApp) {
    revoke(&app, &[]).await.oauth(400, "invalid_request");
    revoke(&app, &[("token", "")])
        .await
        .oauth(400, "invalid_request");
    let wrong = Credentials {
        id: "nobody".to_owned(),
        secret: "x".to_owned(),
    };
    let form = [("token", "x")];
    app.form_as(&wrong, "/revoke", &form)
        .send()
        .await
        .oauth(401, "invalid_client");
    for path in ["/revoke", "/introspect"] {
        let answer = app.get(path, "").await;
        assert_eq!(answer.is(405).header("allow"), Some("POST"));
    }
    let json = app
        .request(Method::POST, "/revoke")
        .json(&json!({ "token": "x" }));
    json.send().await.oauth(400, "invalid_request");
}

async fn o101_only_a_proven_client_with_the_permission_introspects(app: TestApp) {
    app.user("alice", &[]).await;
    let token = app.login("alice").await;
    let form = [("token", token.as_str())];
    let nobody = app.request(Method::POST, "/introspect").form(&form);
    let refused = nobody.send().await;
    refused.oauth(401, "invalid_client");
    let plain = app.client("plain", json!({})).await;
    let refused = introspect(&app, &plain, &token).await;
    refused.is(403);
    let server = resource_server(&app).await;
    let wrong = Credentials {
        id: server.id.clone(),
        secret: plain.secret,
    };
    introspect(&app, &wrong, &token)
        .await
        .oauth(401, "invalid_client");
    let bearer = app.act_as(&server).await;
    let ask = app
        .request(Method::POST, "/introspect")
        .form(&form)
        .token(&bearer);
    ask.send().await.oauth(401, "invalid_client");
    introspect(&app, &server, &token).await.is(200);
    introspect(&app, &server, "")
        .await
        .oauth(400, "invalid_request");
    // losing the permission bites at once
    let path = format!("/api/clients/{}/roles/rolecall.resource-server", server.id);
    app.delete(path, app.admin().await).await.done();
    introspect(&app, &server, &token).await.is(403);
}

async fn o102_an_active_token_is_described_as_issued(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.user("alice", &["reader"]).await;
    let server = resource_server(&app).await;
    let token = app.login("alice").await;
    let claims = claims(&token);
    let seen = introspect(&app, &server, &token).await;
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
    let seen = introspect(&app, &server, &own).await;
    assert_eq!(seen.json["active"], true);
    assert_eq!(seen.json["subject_kind"], "client");
}

async fn o103_what_is_not_active_is_told_nothing_more(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let alice = app.user("alice", &["reader"]).await;
    let server = resource_server(&app).await;
    let other = app.second_node().await;
    let inactive = async |token: &str| {
        let seen = introspect(&app, &server, token).await;
        assert_eq!(seen.is(200).json, json!({ "active": false }), "{token}");
    };
    let pair = app.log_in("alice").await;
    for token in [
        "garbage",
        "a.b.c",
        &pair.refresh,
        &format!("{}A", pair.access),
    ] {
        inactive(token).await;
    }
    // taken away on the other node: no poll is waited for
    let admin = other.login("admin").await;
    let path = format!("/api/users/{alice}/roles/reader");
    other.delete(path, &admin).await.done();
    inactive(&pair.access).await;
    let pair = app.log_in("alice").await;
    other.delete("/api/roles/reader", &admin).await.done();
    app.get("/api/me", &pair.access).await.is(200);
    revoke(&app, &[("token", &pair.access)]).await.is(200);
    inactive(&pair.access).await;
    let pair = app.log_in("alice").await;
    app.pass(Duration::from_mins(30));
    inactive(&pair.access).await;
    let pair = app.log_in("alice").await;
    let path = format!("/api/users/{alice}");
    let disable = json!({ "status": "disabled" });
    other
        .patch(path, &other.login("admin").await, disable)
        .await
        .is(200);
    inactive(&pair.access).await;
}

async fn o104_a_token_for_somebody_else_is_not_active(app: TestApp) {
    app.user("alice", &[]).await;
    let app_client = app
        .client("app", json!({ "audiences": ["https://one.example"] }))
        .await;
    let members = json!({
        "grants": ["client_credentials"], "roles": ["rolecall.resource-server"],
        "audiences": ["https://one.example"],
    });
    let one = app.client("one", members).await;
    let own = resource_server(&app).await;
    let for_one = app
        .log_in_through(&app_client, &[])
        .await
        .is(200)
        .text("access_token");
    let for_issuer = app.login("alice").await;
    let active = async |client: &Credentials, token: &str| {
        introspect(&app, client, token).await.is(200).json["active"].clone()
    };
    assert_eq!(active(&one, &for_one).await, true);
    assert_eq!(active(&one, &for_issuer).await, false);
    assert_eq!(active(&own, &for_issuer).await, true);
    assert_eq!(active(&own, &for_one).await, false);
    assert_eq!(claims(&for_issuer)["aud"], ISSUER);
}

async fn o106_nothing_is_read_from_a_query(app: TestApp) {
    app.user("alice", &[]).await;
    let pair = app.log_in("alice").await;
    let path = format!("/revoke?token={}", pair.access);
    app.request(Method::POST, path)
        .form(&[])
        .send()
        .await
        .oauth(400, "invalid_request");
    app.get("/api/me", &pair.access).await.is(200);
}

async fn o105_introspection_finds_a_token_under_any_hint(app: TestApp) {
    app.user("alice", &[]).await;
    let server = resource_server(&app).await;
    let token = app.login("alice").await;
    for hint in ["access_token", "refresh_token", "pizza", ""] {
        let form = [("token", token.as_str()), ("token_type_hint", hint)];
        let seen = app.form_as(&server, "/introspect", &form).send().await;
        assert_eq!(seen.is(200).json["active"], true, "{hint}");
    }
}
