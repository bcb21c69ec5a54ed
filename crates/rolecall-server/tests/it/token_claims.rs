//! The claims of an access token, and how `scope`, `audience` and the end of an assignment narrow it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ISSUER, PASSWORD, START, TestApp, claims, on_both, part};

on_both![
    o080_o082_a_token_has_the_claims_of_rfc_9068_and_no_unexpected_ones,
    o033_o083_inherited_roles_and_wildcards_are_expanded,
    requesting_permissions_narrows_the_scope_and_keeps_the_roles,
    requesting_a_role_activates_only_that_role,
    requesting_roles_and_permissions_yields_the_intersection,
    a_narrowed_token_cannot_change_the_account,
    o084_the_issuer_is_an_audience_under_either_parameter,
    o084_an_unknown_audience_is_refused,
    a_token_never_outlives_the_assignment_it_rests_on,
    an_assignment_that_has_not_begun_or_is_about_to_expire_grants_nothing,
    y107_a_short_role_shortens_a_log_in_only_if_it_was_asked_for,
    a_token_that_is_too_long_loses_its_scope_but_never_a_requested_one,
];

async fn o080_o082_a_token_has_the_claims_of_rfc_9068_and_no_unexpected_ones(app: TestApp) {
    let id = app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    let header = part(&token, 0);
    let keys = app.get("/.well-known/jwks.json", "").await.json;
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["typ"], "at+jwt");
    let keys = keys["keys"].as_array().unwrap();
    assert!(keys.iter().any(|key| key["kid"] == header["kid"]));
    let claims = claims(&token);
    let now = START.seconds();
    let sid = app
        .db
        .texts(&format!(
            "SELECT id FROM sessions WHERE subject_id = '{id}'"
        ))
        .await;
    let era = app.db.texts("SELECT era FROM head").await;
    let expected = json!({
        "iss": ISSUER, "sub": id, "subject_kind": "user", "aud": ISSUER, "client_id": "rolecall",
        "iat": now, "exp": now + 1800, "auth_time": now, "jti": claims["jti"], "sid": sid[0],
        "acr": "aal1", "amr": ["pwd"], "username": "alice", "roles": ["user"], "scope": "",
        "rev": app.db.revision().await, "era": era[0],
    });
    assert_eq!(claims, expected);
}

/// Creates `editor`, which holds `items:*` and inherits `reader` with `docs:read`, and alice, who has it.
async fn create_editor(app: &TestApp) -> String {
    app.create_role("reader", &["docs:read"]).await;
    app.create_role("writer", &["items:read", "items:write"])
        .await;
    app.create_role("editor", &["items:*"]).await;
    app.inherit("editor", "reader").await;
    app.create_user("alice", &["editor", "user"]).await
}

fn roles(claims: &Value) -> Vec<&str> {
    let roles = claims["roles"].as_array().unwrap();
    roles.iter().map(|role| role.as_str().unwrap()).collect()
}

async fn o033_o083_inherited_roles_and_wildcards_are_expanded(app: TestApp) {
    create_editor(&app).await;
    let token = app.log_in("alice").await;
    let claims = claims(&token);
    assert_eq!(roles(&claims), ["editor", "reader", "user"]);
    assert_eq!(claims["scope"], "docs:read items:read items:write");
    assert_eq!(claims["narrowed"], Value::Null);
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.texts("roles"), ["editor", "reader", "user"]);
    assert_eq!(
        me.texts("permissions"),
        ["docs:read", "items:read", "items:write"]
    );
    app.get("/items/", &token).await.is(200);
    app.get("/edit", &token).await.is(200);
    app.get("/admin-only", &token).await.forbidden("role:admin");
}

async fn requesting_permissions_narrows_the_scope_and_keeps_the_roles(app: TestApp) {
    create_editor(&app).await;
    let response = app
        .try_log_in_with_scope("alice", "items:write docs:read")
        .await;
    assert_eq!(response.is(200).text("scope"), "items:write docs:read");
    let token = response.text("access_token");
    let claims = claims(&token);
    assert_eq!(roles(&claims), ["editor", "reader", "user"]);
    assert_eq!(claims["scope"], "docs:read items:write");
    assert_eq!(claims["narrowed"], true);
    app.get("/items/", &token).await.forbidden("items:read");
    app.get("/edit", &token).await.is(200);
}

async fn requesting_a_role_activates_only_that_role(app: TestApp) {
    create_editor(&app).await;
    let response = app.try_log_in_with_scope("alice", "role:reader").await;
    assert_eq!(response.is(200).text("scope"), "role:reader");
    let token = response.text("access_token");
    let claims = claims(&token);
    assert_eq!(roles(&claims), ["reader"]);
    assert_eq!(claims["scope"], "docs:read");
    assert_eq!(claims["narrowed"], true);
    app.get("/edit", &token).await.forbidden("role:editor");
    app.get("/items/", &token).await.forbidden("items:read");
    let whole = app.log_in_with_scope("alice", "role:editor").await;
    app.get("/edit", &whole).await.is(200);
}

async fn requesting_roles_and_permissions_yields_the_intersection(app: TestApp) {
    create_editor(&app).await;
    let response = app
        .try_log_in_with_scope("alice", "role:editor items:read")
        .await;
    assert_eq!(response.is(200).text("scope"), "role:editor items:read");
    let held = claims(&response.text("access_token"));
    assert_eq!(roles(&held), ["editor", "reader"]);
    assert_eq!(held["scope"], "items:read");
    // alice holds `items:read`, but not through `reader`
    let response = app
        .try_log_in_with_scope("alice", "role:reader items:read")
        .await;
    let held = claims(&response.is(200).text("access_token"));
    assert_eq!(held["scope"], "");
    assert_eq!(response.text("scope"), "role:reader");
}

async fn a_narrowed_token_cannot_change_the_account(app: TestApp) {
    create_editor(&app).await;
    for scope in [
        "items:read",
        "role:editor",
        "docs:read items:read items:write",
    ] {
        let token = app.log_in_with_scope("alice", scope).await;
        app.get("/api/me", &token).await.is(200);
        let body = json!({ "email": "new@mail.example" });
        app.patch("/api/me", &token, body).await.forbidden("");
        let body = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
        app.put_json("/api/me/password", &token, body)
            .await
            .forbidden("");
    }
    assert_eq!(
        app.db
            .texts("SELECT email FROM users WHERE email IS NOT NULL")
            .await,
        [""; 0]
    );
    app.log_in("alice").await;
}

async fn o084_the_issuer_is_an_audience_under_either_parameter(app: TestApp) {
    for name in ["audience", "resource"] {
        let form = [
            ("grant_type", "password"),
            ("username", "admin"),
            ("password", PASSWORD),
            (name, ISSUER),
        ];
        let token = app.token(&form).await.is(200).text("access_token");
        assert_eq!(claims(&token)["aud"], ISSUER);
        app.get("/api/users", &token).await.is(200);
    }
}

async fn o084_an_unknown_audience_is_refused(app: TestApp) {
    let good = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    for more in [
        [("audience", "https://elsewhere.example")].as_slice(),
        &[("resource", "https://elsewhere.example")],
        &[
            ("audience", ISSUER),
            ("resource", "https://elsewhere.example"),
        ],
        &[("audience", "http://127.0.0.1:8000/")],
    ] {
        let form = [good.as_slice(), more].concat();
        app.token(&form).await.oauth_error(400, "invalid_target");
    }
    assert_eq!(app.db.count("sessions").await, 0);
}

/// The lifetime of a token in seconds.
fn lifetime(token: &str) -> i64 {
    let claims = claims(token);
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

/// The time that many seconds after the start.
fn after(seconds: u64) -> String {
    let time = jiff::Timestamp::from_second(START.seconds()).unwrap();
    (time + Duration::from_secs(seconds)).to_string()
}

async fn a_token_never_outlives_the_assignment_it_rests_on(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    let body = json!({ "expires_at": after(600) });
    app.put_json(&path, app.admin().await, body)
        .await
        .no_content();
    let response = app.password_grant("alice", PASSWORD).await;
    assert_eq!(response.is(200).json["expires_in"], 600);
    let token = response.text("access_token");
    assert_eq!(lifetime(&token), 600);
    // a login without that role does not expire with it
    assert_eq!(
        lifetime(&app.log_in_with_scope("alice", "role:user").await),
        1800
    );
    app.pass_time(Duration::from_secs(599));
    app.get("/edit", &token).await.is(200);
    app.pass_time(Duration::from_secs(1));
    app.get("/edit", &token).await.ended_token();
    let later = app.log_in("alice").await;
    app.get("/edit", &later).await.forbidden("role:editor");
    assert_eq!(
        app.get(
            format_args!("/api/users/{alice}"),
            &app.log_in("admin").await
        )
        .await
        .texts("roles"),
        ["user"]
    );
}

async fn an_assignment_that_has_not_begun_or_is_about_to_expire_grants_nothing(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &[]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    let put = async |body: Value| {
        app.put_json(&path, app.admin().await, body)
            .await
            .no_content();
        roles(&claims(&app.log_in("alice").await)).len()
    };
    assert_eq!(put(json!({ "expires_at": after(299) })).await, 0);
    assert_eq!(put(json!({ "expires_at": after(300) })).await, 1);
    assert_eq!(put(json!({ "valid_from": after(60) })).await, 0);
    app.try_log_in_with_scope("alice", "role:editor")
        .await
        .oauth_error(400, "invalid_scope");
    app.pass_time(Duration::from_mins(1));
    assert_eq!(roles(&claims(&app.log_in("alice").await)), ["editor"]);
}

async fn y107_a_short_role_shortens_a_log_in_only_if_it_was_asked_for(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_role("reader", &["items:read"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    let session = app.password_grant("alice", PASSWORD).await;
    let session = session.is(200).text("refresh_token");
    for seconds in [45, 299] {
        let body = json!({ "expires_at": after(seconds) });
        app.put_json(&path, app.admin().await, body)
            .await
            .no_content();
        let token = app.log_in("alice").await;
        assert_eq!(
            (roles(&claims(&token)), lifetime(&token)),
            (vec!["user"], 1800)
        );
        for asked in ["role:editor", "role:editor role:user", "items:read"] {
            let token = app.log_in_with_scope("alice", asked).await;
            assert_eq!(lifetime(&token), i64::try_from(seconds).unwrap(), "{asked}");
            assert!(roles(&claims(&token)).contains(&"editor"));
        }
        app.try_log_in_with_scope("alice", "role:reader")
            .await
            .oauth_error(400, "invalid_scope");
    }
    let refreshed = app.refresh(&session).await;
    assert_eq!(lifetime(&refreshed.is(200).text("access_token")), 1800);
    // what another role gives for longer does not rest on the short one
    app.assign(&alice, "reader").await;
    assert_eq!(
        lifetime(&app.log_in_with_scope("alice", "items:read").await),
        1800
    );
    let refresh = refreshed.text("refresh_token");
    let asked = app.refresh_with_scope(&refresh, "role:editor").await;
    assert_eq!(lifetime(&asked.is(200).text("access_token")), 299);
}

async fn a_token_that_is_too_long_loses_its_scope_but_never_a_requested_one(app: TestApp) {
    app.create_role("everything", &[]).await;
    let admin = app.admin().await;
    let mut all = Vec::new();
    for n in 0..60 {
        let name = format!("a-rather-long-object-name-{n}:and-a-rather-long-operation-name-too");
        let created = app.post("/api/permissions", admin, json!({ "name": name }));
        created.await.is(201);
        let path = format!("/api/roles/everything/permissions/{name}");
        app.put(path, admin).await.no_content();
        all.push(name);
    }
    app.create_user("alice", &["everything"]).await;
    let response = app.password_grant("alice", PASSWORD).await;
    let token = response.is(200).text("access_token");
    assert!(token.len() <= 4096, "{}", token.len());
    assert_eq!(claims(&token)["scope"], Value::Null);
    assert_eq!(response.text("scope").split(' ').count(), 60);
    // the server's own guard derives the scope from the roles
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.texts("permissions").len(), 60);
    let sessions = app.db.count("sessions").await;
    let response = app.try_log_in_with_scope("alice", &all.join(" ")).await;
    response.oauth_error(400, "invalid_scope");
    assert_eq!(app.db.count("sessions").await, sessions, "none was opened");
    assert!(
        response.text("detail").contains("scope=role:"),
        "{response:?}"
    );
    let few = app.log_in_with_scope("alice", &all[..3].join(" ")).await;
    assert_eq!(claims(&few)["scope"], all[..3].join(" "));
}
