//! Limits on the tokens issued to a client.

use serde_json::json;

use crate::support::{ISSUER, Response, TestApp, claims, on_both};

on_both![
    o054_a_client_gets_nothing_beyond_its_own_roles,
    x046_a_user_gets_no_more_through_a_client_than_the_client_may_have,
    y101_a_client_whose_scope_names_no_role_carries_none,
    y101_such_a_token_writes_with_its_permissions_alone,
    y102_a_role_that_loses_something_ends_tokens_that_hide_it,
    y101_roles_that_are_hidden_stay_separated,
    narrowing_a_client_takes_effect_at_once,
    y211_tokens_that_hide_roles_end_when_their_client_stops_hiding_them,
    tokens_for_an_audience_a_client_loses_are_revoked,
    o084_a_client_requests_only_its_own_audiences,
];

/// Such tokens end by a floor on the client with whatever a role loses, as long as the client hides the names of roles.
async fn y211_tokens_that_hide_roles_end_when_their_client_stops_hiding_them(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    app.create_user("alice", &["editor"]).await;
    for (number, wider) in [
        json!(null),
        json!("role:editor"),
        json!("items:read role:editor"),
    ]
    .into_iter()
    .enumerate()
    {
        let members = json!({ "scope": "items:read", "roles": ["editor"] });
        let client = app.create_client(&format!("app{number}"), members).await;
        let user = app.log_in_through(&client, &[]).await;
        let tokens = [user.is(200).text("access_token"), app.act_as(&client).await];
        for token in &tokens {
            assert_eq!(claims(token)["roles"], json!([]));
            app.get("/items/", token).await.is(200);
        }
        let path = format!("/api/clients/{}", client.id);
        // a change that hides them as before ends nothing
        let same = json!({ "scope": "items:read items:write" });
        app.patch(&path, app.admin().await, same).await.is(200);
        for token in &tokens {
            app.get("/items/", token).await.is(200);
        }
        let changed = app.patch(&path, app.admin().await, json!({ "scope": wider }));
        changed.await.is(200);
        for token in &tokens {
            app.get("/items/", token).await.ended_token();
        }
    }
}

async fn o054_a_client_gets_nothing_beyond_its_own_roles(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    let client = app
        .create_client("worker", json!({ "roles": ["reader"] }))
        .await;
    let token = app.try_act_as(&client, &[]).await;
    assert_eq!(token.is(200).text("scope"), "items:read");
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    for beyond in ["items:write", "role:admin", "rolecall.users:read"] {
        let refused = app.try_act_as(&client, &[("scope", beyond)]).await;
        refused.oauth_error(400, "invalid_scope");
    }
    let path = format!("/api/clients/{}/roles/reader", client.id);
    app.delete(path, app.admin().await).await.no_content();
    app.get("/items/", &token.text("access_token"))
        .await
        .ended_token();
    assert_eq!(app.try_act_as(&client, &[]).await.is(200).text("scope"), "");
}

async fn x046_a_user_gets_no_more_through_a_client_than_the_client_may_have(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    app.create_user("alice", &["editor", "rolecall.admin"])
        .await;
    let client = app
        .create_client("app", json!({ "scope": "items:read" }))
        .await;
    let token = app.log_in_through(&client, &[]).await;
    assert_eq!(token.is(200).text("scope"), "items:read");
    let access = token.text("access_token");
    assert_eq!(claims(&access)["narrowed"], true);
    app.get("/api/users", &access)
        .await
        .forbidden("rolecall.users:read");
    let created = app
        .post("/api/roles", &access, json!({ "name": "mine" }))
        .await;
    created.forbidden("rolecall.roles:write");
    for beyond in [
        "items:write",
        "rolecall.users:read",
        "items:read items:write",
    ] {
        let refused = app.log_in_through(&client, &[("scope", beyond)]).await;
        refused.oauth_error(400, "invalid_scope");
    }
    let next = app
        .refresh_through(&client, &token.text("refresh_token"))
        .await;
    assert_eq!(next.is(200).text("scope"), "items:read");
}

async fn y101_a_client_whose_scope_names_no_role_carries_none(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["admin", "reader", "rolecall.admin"])
        .await;
    let client = app
        .create_client("app", json!({ "scope": "items:read" }))
        .await;
    let token = app.log_in_through(&client, &[]).await;
    let access = token.is(200).text("access_token");
    assert_eq!(claims(&access)["roles"], json!([]));
    assert_eq!(token.text("scope"), "items:read");
    for query in ["role=admin", "role=reader", "role=rolecall.admin"] {
        let refused = app
            .get(format_args!("/forward-auth?{query}"), &access)
            .await;
        refused.forbidden(&query.replace('=', ":"));
    }
    app.get("/forward-auth?permission=items:read", &access)
        .await
        .is(200);
    let beyond = app
        .log_in_through(&client, &[("scope", "role:reader")])
        .await;
    beyond.oauth_error(400, "invalid_scope");
    let next = app
        .refresh_through(&client, &token.text("refresh_token"))
        .await;
    let next = claims(&next.is(200).text("access_token"));
    assert_eq!(
        (&next["roles"], &next["scope"]),
        (&json!([]), &json!("items:read"))
    );
    // the same for what the client itself holds
    let worker = json!({ "scope": "items:read", "roles": ["reader"] });
    let worker = app.create_client("worker", worker).await;
    let own = claims(&app.act_as(&worker).await);
    assert_eq!(
        (&own["roles"], &own["scope"]),
        (&json!([]), &json!("items:read"))
    );
    let named = json!({ "scope": "items:read role:reader" });
    let named = app.create_client("named", named).await;
    let token = app.log_in_through(&named, &[]).await;
    let named = claims(&token.is(200).text("access_token"));
    assert_eq!(named["roles"], json!(["reader"]));
}

async fn y101_such_a_token_writes_with_its_permissions_alone(app: TestApp) {
    app.create_user("alice", &["rolecall.admin"]).await;
    app.create_role("reader", &["items:read"]).await;
    let bob = app.create_user("bob", &[]).await;
    let scope = "rolecall.roles:write rolecall.roles:read rolecall.assignments:write";
    let client = app.create_client("app", json!({ "scope": scope })).await;
    let token = app.log_in_through(&client, &[("audience", ISSUER)]).await;
    let access = token.is(200).text("access_token");
    let made = json!({ "name": "made", "description": "over a client" });
    app.post("/api/roles", &access, made).await.is(201);
    app.get("/api/roles/made", &access).await.is(200);
    // what the role gives is not in the token
    let path = format!("/api/users/{bob}/roles/reader");
    app.put(&path, &access).await.forbidden("items:read");
    app.get("/api/users", &access)
        .await
        .forbidden("rolecall.users:read");
}

async fn y102_a_role_that_loses_something_ends_tokens_that_hide_it(app: TestApp) {
    app.create_role("reader", &["items:read", "items:write"])
        .await;
    app.create_user("alice", &["reader"]).await;
    let hiding = app
        .create_client("hiding", json!({ "scope": "items:read items:write" }))
        .await;
    let naming = app
        .create_client("naming", json!({ "scope": "items:read role:admin" }))
        .await;
    let server = app.create_resource_server("server").await;
    let token = app.log_in_through(&hiding, &[]).await;
    let other = app.log_in_through(&naming, &[]).await;
    let access = token.is(200).text("access_token");
    app.get("/forward-auth?permission=items:write", &access)
        .await
        .is(200);
    let path = "/api/roles/reader/permissions/items:write";
    app.delete(path, app.admin().await).await.no_content();
    app.get("/forward-auth?permission=items:write", &access)
        .await
        .ended_token();
    assert_eq!(app.introspect(&server, &access).await.json["active"], false);
    app.get("/forward-auth", &other.text("access_token"))
        .await
        .is(200);
    let next = app
        .refresh_through(&hiding, &token.text("refresh_token"))
        .await;
    assert_eq!(next.is(200).text("scope"), "items:read");
    app.get("/forward-auth", &next.text("access_token"))
        .await
        .is(200);
}

async fn y101_roles_that_are_hidden_stay_separated(app: TestApp) {
    app.create_role("payer", &["payments:make"]).await;
    app.create_role("approver", &["payments:approve"]).await;
    app.create_user("alice", &["payer", "approver"]).await;
    let apart =
        json!({ "name": "two", "kind": "dynamic", "roles": ["payer", "approver"], "at_most": 1 });
    app.post("/api/constraints", app.admin().await, apart)
        .await
        .is(201);
    let scope = "payments:make payments:approve";
    let client = app.create_client("app", json!({ "scope": scope })).await;
    let both = app.log_in_through(&client, &[("scope", scope)]).await;
    both.oauth_error(400, "invalid_scope");
    for one in ["payments:make", "payments:approve"] {
        let token = app.log_in_through(&client, &[("scope", one)]).await;
        assert_eq!(token.is(200).text("scope"), one);
    }
}

async fn narrowing_a_client_takes_effect_at_once(app: TestApp) {
    app.create_role("editor", &["items:read", "items:write"])
        .await;
    app.create_user("alice", &["editor"]).await;
    let client = app.create_client("app", json!({})).await;
    let path = format!("/api/clients/{}", client.id);
    let other = app.open_session("alice").await;
    let mut token = app.log_in_through(&client, &[]).await;
    let wider = json!({ "redirect_uris": ["https://app.example/cb"] });
    app.patch(&path, app.admin().await, wider).await.is(200);
    app.get("/items/", &token.text("access_token"))
        .await
        .is(200);
    for narrower in [
        json!({ "scope": "items:read items:write role:editor" }),
        json!({ "scope": "items:read items:write" }),
        json!({ "scope": "items:read" }),
        json!({ "grants": ["password", "refresh_token"] }),
    ] {
        app.patch(&path, app.admin().await, narrower).await.is(200);
        app.get("/items/", &token.text("access_token"))
            .await
            .ended_token();
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
    // a token without the names of roles would no longer end with what a role loses
    app.get("/items/", &token.text("access_token"))
        .await
        .ended_token();
    token = app
        .refresh_through(&client, &token.text("refresh_token"))
        .await;
    app.get("/items/", &token.is(200).text("access_token"))
        .await
        .is(200);
    app.get("/items/", &other.access).await.is(200);
}

async fn tokens_for_an_audience_a_client_loses_are_revoked(app: TestApp) {
    app.create_user("alice", &[]).await;
    let members = json!({ "audiences": ["https://one.example", "https://two.example"] });
    let client = app.create_client("app", members).await;
    let path = format!("/api/clients/{}", client.id);
    let one = app.log_in_through(&client, &[]).await;
    let resource = [("resource", "https://two.example")];
    let two = app.log_in_through(&client, &resource).await;
    let own = app.log_in_through(&client, &[("audience", ISSUER)]).await;
    let left = json!({ "audiences": ["https://one.example"] });
    app.patch(&path, app.admin().await, left).await.is(200);
    app.get("/api/me", &own.text("access_token"))
        .await
        .ended_token();
    let refresh = async |response: &Response| {
        let token = response.text("refresh_token");
        app.refresh_through(&client, &token).await
    };
    refresh(&two).await.oauth_error(400, "invalid_grant");
    refresh(&one).await.is(200);
    let own = refresh(&own).await;
    let more = json!({ "audiences": ["https://one.example", "https://three.example"] });
    app.patch(&path, app.admin().await, more).await.is(200);
    app.get("/api/me", &own.text("access_token")).await.is(200);
}

async fn o084_a_client_requests_only_its_own_audiences(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader", "rolecall.admin"])
        .await;
    let members = json!({ "audiences": ["https://one.example", "https://two.example"] });
    let client = app.create_client("app", members).await;
    let audience = async |form: &[(&str, &str)]| {
        let response = app.log_in_through(&client, form).await;
        response
            .status
            .is_success()
            .then(|| claims(&response.text("access_token")))
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
