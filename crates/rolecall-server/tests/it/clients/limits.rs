//! How much a token from a client may permit.

use serde_json::json;

use crate::support::{Answer, ISSUER, TestApp, claims, on_both};

on_both![
    o054_a_client_gets_nothing_beyond_its_own_roles,
    x046_what_a_user_gets_through_a_client_is_cut_to_the_client,
    a_narrowed_client_loses_it_at_once,
    what_is_for_an_audience_that_a_client_loses_ends,
    o084_a_client_asks_only_for_its_own_audiences,
];

async fn o054_a_client_gets_nothing_beyond_its_own_roles(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    let client = app.client("worker", json!({ "roles": ["reader"] })).await;
    let token = app.try_act_as(&client, &[]).await;
    assert_eq!(token.is(200).text("scope"), "items:read");
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    for beyond in ["items:write", "role:admin", "rolecall.users:read"] {
        let refused = app.try_act_as(&client, &[("scope", beyond)]).await;
        refused.oauth(400, "invalid_scope");
    }
    let path = format!("/api/clients/{}/roles/reader", client.id);
    app.delete(path, app.admin().await).await.done();
    app.get("/items/", &token.text("access_token"))
        .await
        .ended();
    assert_eq!(app.try_act_as(&client, &[]).await.is(200).text("scope"), "");
}

async fn x046_what_a_user_gets_through_a_client_is_cut_to_the_client(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    app.user("alice", &["editor", "rolecall.admin"]).await;
    let client = app.client("app", json!({ "scope": "items:read" })).await;
    let token = app.log_in_through(&client, &[]).await;
    assert_eq!(token.is(200).text("scope"), "items:read");
    let access = token.text("access_token");
    assert_eq!(claims(&access)["narrowed"], true);
    app.get("/api/users", &access)
        .await
        .forbidden("rolecall.users:read");
    let made = app
        .post("/api/roles", &access, json!({ "name": "mine" }))
        .await;
    made.forbidden("rolecall.roles:write");
    for beyond in [
        "items:write",
        "rolecall.users:read",
        "items:read items:write",
    ] {
        let refused = app.log_in_through(&client, &[("scope", beyond)]).await;
        refused.oauth(400, "invalid_scope");
    }
    let next = app
        .refresh_through(&client, &token.text("refresh_token"))
        .await;
    assert_eq!(next.is(200).text("scope"), "items:read");
}

async fn a_narrowed_client_loses_it_at_once(app: TestApp) {
    app.role("editor", &["items:read", "items:write"]).await;
    app.user("alice", &["editor"]).await;
    let client = app.client("app", json!({})).await;
    let path = format!("/api/clients/{}", client.id);
    let other = app.log_in("alice").await;
    let mut token = app.log_in_through(&client, &[]).await;
    let wider = json!({ "redirect_uris": ["https://app.example/cb"] });
    app.patch(&path, app.admin().await, wider).await.is(200);
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    for narrower in [
        json!({ "scope": "items:read items:write" }),
        json!({ "scope": "items:read" }),
        json!({ "grants": ["password", "refresh_token"] }),
    ] {
        app.patch(&path, app.admin().await, narrower).await.is(200);
        app.get("/items/", &token.text("access_token"))
            .await
            .ended();
        token = app
            .refresh_through(&client, &token.text("refresh_token"))
            .await;
        app.get("/items/", &token.is(200).text("access_token"))
            .await
            .is(200);
    }
    app.patch(&path, app.admin().await, json!({ "scope": null }))
        .await
        .is(200);
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    app.get("/items/", &other.access).await.is(200);
}

async fn what_is_for_an_audience_that_a_client_loses_ends(app: TestApp) {
    app.user("alice", &[]).await;
    let members = json!({ "audiences": ["https://one.example", "https://two.example"] });
    let client = app.client("app", members).await;
    let path = format!("/api/clients/{}", client.id);
    let one = app.log_in_through(&client, &[]).await;
    let resource = [("resource", "https://two.example")];
    let two = app.log_in_through(&client, &resource).await;
    let own = app.log_in_through(&client, &[("audience", ISSUER)]).await;
    let left = json!({ "audiences": ["https://one.example"] });
    app.patch(&path, app.admin().await, left).await.is(200);
    app.get("/api/me", &own.text("access_token")).await.ended();
    let refresh = async |answer: &Answer| {
        let token = answer.text("refresh_token");
        app.refresh_through(&client, &token).await
    };
    refresh(&two).await.oauth(400, "invalid_grant");
    refresh(&one).await.is(200);
    let own = refresh(&own).await;
    let more = json!({ "audiences": ["https://one.example", "https://three.example"] });
    app.patch(&path, app.admin().await, more).await.is(200);
    app.get("/api/me", &own.text("access_token")).await.is(200);
}

async fn o084_a_client_asks_only_for_its_own_audiences(app: TestApp) {
    app.role("reader", &["items:read"]).await;
    app.user("alice", &["reader", "rolecall.admin"]).await;
    let members = json!({ "audiences": ["https://one.example", "https://two.example"] });
    let client = app.client("app", members).await;
    let audience = async |form: &[(&str, &str)]| {
        let answer = app.log_in_through(&client, form).await;
        answer
            .status
            .is_success()
            .then(|| claims(&answer.text("access_token")))
    };
    let first = audience(&[]).await.unwrap();
    assert_eq!(first["aud"], "https://one.example");
    assert_eq!(first["scope"], "items:read", "nothing of rolecall's own");
    assert_eq!(
        audience(&[("resource", "https://two.example")])
            .await
            .unwrap()["aud"],
        "https://two.example"
    );
    let two = "https://two.example";
    let both = audience(&[("resource", two), ("audience", two)]).await;
    assert_eq!(both.unwrap()["aud"], two);
    let differ = [("resource", two), ("audience", "https://one.example")];
    assert!(audience(&differ).await.is_none());
    let own = audience(&[("audience", ISSUER)]).await.unwrap();
    assert!(
        own["scope"]
            .as_str()
            .unwrap()
            .contains("rolecall.users:read")
    );
    for wrong in ["https://three.example", "https://one.example/", ""] {
        let got = audience(&[("audience", wrong)]).await;
        assert_eq!(got.is_some(), wrong.is_empty(), "{wrong:?}");
    }
}
