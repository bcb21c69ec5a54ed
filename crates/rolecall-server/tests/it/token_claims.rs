//! What stands in an access token, and how `scope`, `audience` and the end of an assignment narrow it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ISSUER, PASSWORD, START, TestApp, claims, on_both, part};

on_both![
    o080_o082_a_token_holds_what_rfc_9068_asks_for_and_no_more,
    o033_o083_inherited_roles_and_wildcards_are_written_out,
    permissions_alone_cut_the_scope_and_leave_the_roles,
    a_role_alone_makes_that_role_active_and_no_other,
    roles_and_permissions_together_give_the_intersection,
    a_narrowed_token_cannot_change_the_account,
    o084_the_issuer_is_an_audience_by_either_name,
    o084_an_audience_that_does_not_exist_is_refused,
    a_token_never_outlives_the_assignment_it_rests_on,
    an_assignment_that_has_not_begun_or_is_about_to_end_gives_nothing,
    a_token_too_long_loses_its_scope_but_never_what_was_asked_for,
];

async fn o080_o082_a_token_holds_what_rfc_9068_asks_for_and_no_more(app: TestApp) {
    let id = app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
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
        "username": "alice", "roles": ["user"], "scope": "",
        "rev": app.db.revision().await, "era": era[0],
    });
    assert_eq!(claims, expected);
}

/// `editor` holds `items:*` and inherits `reader`, which holds `docs:read`; alice has `editor`.
async fn editors(app: &TestApp) -> String {
    app.role("reader", &["docs:read"]).await;
    app.role("writer", &["items:read", "items:write"]).await;
    app.role("editor", &["items:*"]).await;
    app.inherit("editor", "reader").await;
    app.user("alice", &["editor", "user"]).await
}

fn roles(claims: &Value) -> Vec<&str> {
    let roles = claims["roles"].as_array().unwrap();
    roles.iter().map(|role| role.as_str().unwrap()).collect()
}

async fn o033_o083_inherited_roles_and_wildcards_are_written_out(app: TestApp) {
    editors(&app).await;
    let token = app.login("alice").await;
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

async fn permissions_alone_cut_the_scope_and_leave_the_roles(app: TestApp) {
    editors(&app).await;
    let answer = app.try_login_for("alice", "items:write docs:read").await;
    assert_eq!(answer.is(200).text("scope"), "items:write docs:read");
    let token = answer.text("access_token");
    let claims = claims(&token);
    assert_eq!(roles(&claims), ["editor", "reader", "user"]);
    assert_eq!(claims["scope"], "docs:read items:write");
    assert_eq!(claims["narrowed"], true);
    app.get("/items/", &token).await.forbidden("items:read");
    app.get("/edit", &token).await.is(200);
}

async fn a_role_alone_makes_that_role_active_and_no_other(app: TestApp) {
    editors(&app).await;
    let answer = app.try_login_for("alice", "role:reader").await;
    assert_eq!(answer.is(200).text("scope"), "role:reader");
    let token = answer.text("access_token");
    let claims = claims(&token);
    assert_eq!(roles(&claims), ["reader"]);
    assert_eq!(claims["scope"], "docs:read");
    assert_eq!(claims["narrowed"], true);
    app.get("/edit", &token).await.forbidden("role:editor");
    app.get("/items/", &token).await.forbidden("items:read");
    let whole = app.login_for("alice", "role:editor").await;
    app.get("/edit", &whole).await.is(200);
}

async fn roles_and_permissions_together_give_the_intersection(app: TestApp) {
    editors(&app).await;
    let answer = app.try_login_for("alice", "role:editor items:read").await;
    assert_eq!(answer.is(200).text("scope"), "role:editor items:read");
    let held = claims(&answer.text("access_token"));
    assert_eq!(roles(&held), ["editor", "reader"]);
    assert_eq!(held["scope"], "items:read");
    // `items:read` is alice's, but not by way of `reader`
    let answer = app.try_login_for("alice", "role:reader items:read").await;
    let held = claims(&answer.is(200).text("access_token"));
    assert_eq!(held["scope"], "");
    assert_eq!(answer.text("scope"), "role:reader");
}

async fn a_narrowed_token_cannot_change_the_account(app: TestApp) {
    editors(&app).await;
    for scope in [
        "items:read",
        "role:editor",
        "docs:read items:read items:write",
    ] {
        let token = app.login_for("alice", scope).await;
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
    app.login("alice").await;
}

async fn o084_the_issuer_is_an_audience_by_either_name(app: TestApp) {
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

async fn o084_an_audience_that_does_not_exist_is_refused(app: TestApp) {
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
        app.token(&form).await.oauth(400, "invalid_target");
    }
    assert_eq!(app.db.count("sessions").await, 0);
}

/// The end of a token from now, in seconds.
fn lifetime(token: &str) -> i64 {
    let claims = claims(token);
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

fn after(seconds: u64) -> String {
    let time = jiff::Timestamp::from_second(START.seconds()).unwrap();
    (time + Duration::from_secs(seconds)).to_string()
}

async fn a_token_never_outlives_the_assignment_it_rests_on(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    let body = json!({ "expires_at": after(600) });
    app.put_json(&path, app.admin().await, body).await.done();
    let answer = app.password_grant("alice", PASSWORD).await;
    assert_eq!(answer.is(200).json["expires_in"], 600);
    let token = answer.text("access_token");
    assert_eq!(lifetime(&token), 600);
    // a log-in that does not ask for that role does not end with it
    assert_eq!(lifetime(&app.login_for("alice", "role:user").await), 1800);
    app.pass(Duration::from_secs(599));
    app.get("/edit", &token).await.is(200);
    app.pass(Duration::from_secs(1));
    app.get("/edit", &token).await.ended();
    let later = app.login("alice").await;
    app.get("/edit", &later).await.forbidden("role:editor");
    assert_eq!(
        app.get(
            format_args!("/api/users/{alice}"),
            &app.login("admin").await
        )
        .await
        .texts("roles"),
        ["user"]
    );
}

async fn an_assignment_that_has_not_begun_or_is_about_to_end_gives_nothing(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &[]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    let put = async |body: Value| {
        app.put_json(&path, app.admin().await, body).await.done();
        roles(&claims(&app.login("alice").await)).len()
    };
    assert_eq!(put(json!({ "expires_at": after(29) })).await, 0);
    assert_eq!(put(json!({ "expires_at": after(30) })).await, 1);
    assert_eq!(put(json!({ "valid_from": after(60) })).await, 0);
    app.try_login_for("alice", "role:editor")
        .await
        .oauth(400, "invalid_scope");
    app.pass(Duration::from_mins(1));
    assert_eq!(roles(&claims(&app.login("alice").await)), ["editor"]);
}

async fn a_token_too_long_loses_its_scope_but_never_what_was_asked_for(app: TestApp) {
    app.role("everything", &[]).await;
    let admin = app.admin().await;
    let mut all = Vec::new();
    for n in 0..60 {
        let name = format!("a-rather-long-object-name-{n}:and-a-rather-long-operation-name-too");
        let made = app.post("/api/permissions", admin, json!({ "name": name }));
        made.await.is(201);
        let path = format!("/api/roles/everything/permissions/{name}");
        app.put(path, admin).await.done();
        all.push(name);
    }
    app.user("alice", &["everything"]).await;
    let answer = app.password_grant("alice", PASSWORD).await;
    let token = answer.is(200).text("access_token");
    assert!(token.len() <= 4096, "{}", token.len());
    assert_eq!(claims(&token)["scope"], Value::Null);
    assert_eq!(answer.text("scope").split(' ').count(), 60);
    // rolecall's guard knows the policy and derives the scope from the roles
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.texts("permissions").len(), 60);
    let sessions = app.db.count("sessions").await;
    let answer = app.try_login_for("alice", &all.join(" ")).await;
    answer.oauth(400, "invalid_scope");
    assert_eq!(app.db.count("sessions").await, sessions, "none was opened");
    assert!(answer.text("detail").contains("scope=role:"), "{answer:?}");
    let few = app.login_for("alice", &all[..3].join(" ")).await;
    assert_eq!(claims(&few)["scope"], all[..3].join(" "));
}
