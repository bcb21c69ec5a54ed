//! Assurance per role: a role with `acr` is in the tokens of sessions that reach it, and in no others.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, TestApp, TokenPair, claims, on_both, run, run_failing};

on_both![
    y350_m190_a_role_is_only_in_the_tokens_of_sessions_that_reach_it,
    y350_m188_a_guard_asks_for_a_stronger_sign_in_where_only_that_lacks,
    y350_what_another_role_gives_too_stays,
    y350_a_token_for_a_tenant_needs_a_role_there_that_the_session_reaches,
    y351_raising_the_assurance_of_a_role_ends_its_tokens_and_lowering_does_not,
    y351_a_document_that_raises_the_assurance_ends_tokens_too,
    y352_a_password_alone_does_not_sign_in_an_account_whose_role_needs_more,
    y352_a_client_has_no_role_that_needs_a_second_factor,
    y353_only_a_holder_changes_the_assurance_of_a_role,
    y354_a_legacy_session_and_a_narrowed_refresh_get_no_more_than_the_session,
    the_assurance_of_a_role_is_shown_and_checked_at_every_door,
    a_plan_names_the_holders_that_lose_the_role_in_sessions_below,
];

pub(crate) const AAL2: &str =
    r#"Bearer error="insufficient_user_authentication", acr_values="aal2""#;

/// Creates the role `payer` with `items:read`, which needs two factors, and `clerk`, which inherits it.
pub(crate) async fn create_payer(app: &TestApp) {
    app.create_role("viewer", &["items:list"]).await;
    app.create_role("payer", &["items:read"]).await;
    app.inherit("payer", "viewer").await;
    app.create_role("clerk", &["items:write"]).await;
    app.inherit("clerk", "payer").await;
    set_acr(app, "payer", "aal2").await.is(200);
}

pub(crate) async fn set_acr(app: &TestApp, role: &str, acr: &str) -> Response {
    let path = format!("/api/roles/{role}");
    app.patch(path, app.admin().await, json!({ "acr": acr }))
        .await
}

/// Opens a session of a new user and gives the user a role afterwards: with the role, a password alone opens none.
pub(crate) async fn open_session_with(app: &TestApp, name: &str, role: &str) -> TokenPair {
    let id = app.create_user(name, &[]).await;
    let session = app.open_session(name).await;
    app.assign(&id, role).await;
    TokenPair::of(&app.refresh(&session.refresh).await)
}

/// Lets every session have been opened by these methods.
pub(crate) async fn set_methods(app: &TestApp, amr: &str) {
    let sql = format!("UPDATE sessions SET amr = '{amr}'");
    app.db.execute(&sql).await;
}

fn list(claims: &Value, name: &str) -> Vec<String> {
    let items = claims[name].as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

async fn y350_m190_a_role_is_only_in_the_tokens_of_sessions_that_reach_it(app: TestApp) {
    create_payer(&app).await;
    let session = open_session_with(&app, "alice", "clerk").await;
    let below = claims(&session.access);
    assert_eq!(list(&below, "roles"), ["clerk"]);
    assert_eq!(below["scope"], "items:write");
    assert_eq!(
        (&below["acr"], list(&below, "amr")),
        (&json!("aal1"), vec!["pwd".to_owned()])
    );
    assert_eq!(list(&below, "step_up"), ["payer"]);
    assert_eq!(
        below.get("narrowed"),
        None,
        "nothing of the account was left out on purpose"
    );
    set_methods(&app, "pwd otp mfa").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    let reached = claims(&session.access);
    assert_eq!(list(&reached, "roles"), ["clerk", "payer", "viewer"]);
    assert_eq!(reached["scope"], "items:list items:read items:write");
    assert_eq!(reached["acr"], "aal2");
    assert_eq!(list(&reached, "amr"), ["pwd", "otp", "mfa"]);
    assert_eq!(reached.get("step_up"), None);
    let guard = app.create_resource_server("guard").await;
    let shown = app.introspect(&guard, &session.access).await;
    assert_eq!(shown.is(200).json["acr"], "aal2");
    for same in ["amr", "auth_time"] {
        assert_eq!(shown.json[same], reached[same], "{same}");
    }
    set_acr(&app, "payer", "phr").await.is(200);
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    assert_eq!(list(&claims(&session.access), "roles"), ["clerk"]);
    set_methods(&app, "hwk user mfa").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    assert_eq!(claims(&session.access)["acr"], "phr");
    assert_eq!(
        list(&claims(&session.access), "roles"),
        ["clerk", "payer", "viewer"]
    );
}

async fn y350_m188_a_guard_asks_for_a_stronger_sign_in_where_only_that_lacks(app: TestApp) {
    create_payer(&app).await;
    app.create_role("editor", &[]).await;
    set_acr(&app, "editor", "aal2").await.is(200);
    let session = open_session_with(&app, "alice", "clerk").await;
    let refused = app.get("/items/", &session.access).await;
    refused.is(401);
    assert_eq!(refused.header("www-authenticate"), Some(AAL2));
    assert_eq!(
        refused.json["type"],
        "urn:rolecall:problem:insufficient_user_authentication"
    );
    assert_eq!(refused.json["rule"], "items:read");
    // the role of the route is not hers: no sign-in would help
    app.get("/edit", &session.access)
        .await
        .forbidden("role:editor");
    app.create_user("bob", &[]).await;
    let bob = app.log_in("bob").await;
    app.get("/items/", &bob).await.forbidden("items:read");
    set_methods(&app, "pwd otp mfa").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    app.get("/items/", &session.access).await.is(200);
    app.get("/edit", &session.access)
        .await
        .forbidden("role:editor");
    let id = app.id_of("alice").await;
    app.assign(&id, "editor").await;
    set_methods(&app, "pwd").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    let refused = app.get("/edit", &session.access).await;
    assert_eq!(refused.is(401).header("www-authenticate"), Some(AAL2));
}

async fn y350_what_another_role_gives_too_stays(app: TestApp) {
    create_payer(&app).await;
    app.create_role("reader", &["items:read"]).await;
    app.inherit("reader", "viewer").await;
    let id = app.create_user("alice", &["reader"]).await;
    let session = app.open_session("alice").await;
    app.assign(&id, "clerk").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    let below = claims(&session.access);
    assert_eq!(list(&below, "roles"), ["clerk", "reader", "viewer"]);
    assert_eq!(below["scope"], "items:list items:read items:write");
    assert_eq!(list(&below, "step_up"), ["payer"]);
}

async fn y350_a_token_for_a_tenant_needs_a_role_there_that_the_session_reaches(app: TestApp) {
    create_payer(&app).await;
    let id = app.create_user("alice", &[]).await;
    app.assign_in(&id, "viewer", "acme").await;
    let session = app.log_in_to("alice", "acme").await;
    app.assign_in(&id, "payer", "acme").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    let below = claims(&session.access);
    assert_eq!(
        (list(&below, "roles"), &below["tenant"]),
        (vec!["viewer".to_owned()], &json!("acme"))
    );
    let refused = app.get("/t/acme/items/", &session.access).await;
    assert_eq!(refused.is(401).header("www-authenticate"), Some(AAL2));
    app.unassign_in(&id, "viewer", "acme").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    let nothing = claims(&session.access);
    assert_eq!(list(&nothing, "roles"), [""; 0]);
    assert_eq!(
        nothing.get("tenant"),
        None,
        "no role that is reached lets her into the tenant"
    );
    set_methods(&app, "pwd otp mfa").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    app.get("/t/acme/items/", &session.access).await.is(200);
}

async fn y351_raising_the_assurance_of_a_role_ends_its_tokens_and_lowering_does_not(app: TestApp) {
    create_payer(&app).await;
    set_acr(&app, "payer", "aal1").await.is(200);
    let other = app.second_node().await;
    let through = open_session_with(&app, "alice", "clerk").await;
    app.create_user("bob", &["payer"]).await;
    // a role below it is active alone, through the role that is raised
    let below = app.log_in_with_scope("bob", "role:viewer").await;
    app.create_user("carol", &["viewer"]).await;
    for token in [&through.access, &below] {
        app.get("/api/me", token).await.is(200);
        other.get("/api/me", token).await.is(200);
    }
    set_acr(&app, "payer", "aal2").await.is(200);
    let entry = app.newest_entry().await;
    assert_eq!(
        entry["changes"],
        json!([{ "action": "role.acr", "role": "payer", "acr": "aal2" }])
    );
    for token in [&through.access, &below] {
        app.get("/api/me", token).await.ended_token();
        crate::support::eventually("another node refuses the token", async || {
            other.get("/api/me", token).await.status == 401
        })
        .await;
    }
    let session = TokenPair::of(&app.refresh(&through.refresh).await);
    assert_eq!(list(&claims(&session.access), "roles"), ["clerk"]);
    let revision = app.db.revision().await;
    set_acr(&app, "payer", "aal2").await.is(200);
    assert_eq!(app.db.revision().await, revision, "nothing changes");
    set_acr(&app, "payer", "aal1").await.is(200);
    app.get("/api/me", &session.access).await.is(200);
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    assert_eq!(
        list(&claims(&session.access), "roles"),
        ["clerk", "payer", "viewer"]
    );
}

async fn y351_a_document_that_raises_the_assurance_ends_tokens_too(app: TestApp) {
    create_payer(&app).await;
    set_acr(&app, "payer", "aal1").await.is(200);
    let session = open_session_with(&app, "alice", "clerk").await;
    let admin = app.admin().await;
    let mut document = app.get("/api/policy", admin).await.is(200).json.clone();
    assert_eq!(document["roles"]["payer"]["acr"], "aal1");
    document["roles"]["payer"]["acr"] = json!("phr");
    let request = app.request(http::Method::PUT, "/api/policy").token(admin);
    let request = request.header("if-match", "*");
    let done = request
        .raw("application/json", document.to_string())
        .send()
        .await;
    assert_eq!(
        done.is(200).json["changes"],
        json!([{ "action": "role.acr", "role": "payer", "acr": "phr" }])
    );
    app.get("/api/me", &session.access).await.ended_token();
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    assert_eq!(list(&claims(&session.access), "roles"), ["clerk"]);
    let exported = run(&app, &["policy", "export"]).await;
    assert!(exported.contains("acr = \"phr\""), "{exported}");
}

async fn y352_a_password_alone_does_not_sign_in_an_account_whose_role_needs_more(app: TestApp) {
    create_payer(&app).await;
    for role in ["payer", "clerk"] {
        app.create_user(role, &[role]).await;
        let refused = app.password_grant(role, PASSWORD).await;
        refused.oauth_error(400, "invalid_grant");
        assert_eq!(refused.json["detail"], "Second factor required");
        // only the right password learns of it
        app.password_grant(role, "wrong").await.wrong_password();
    }
    app.create_user("viewer", &["viewer"]).await;
    app.log_in("viewer").await;
    assert_eq!(app.db.count("sessions").await, 2, "of admin and viewer");
}

async fn y352_a_client_has_no_role_that_needs_a_second_factor(app: TestApp) {
    create_payer(&app).await;
    let robot = app
        .create_client("robot", json!({ "roles": ["clerk"] }))
        .await;
    let token = app.act_as(&robot).await;
    let claims = claims(&token);
    assert_eq!(
        (list(&claims, "roles"), &claims["scope"]),
        (vec!["clerk".to_owned()], &json!("items:write"))
    );
    for absent in ["acr", "amr", "step_up", "auth_time"] {
        assert_eq!(claims.get(absent), None, "{absent}");
    }
    // nobody can sign in for a client
    app.get("/items/", &token).await.forbidden("items:read");
    let refused = app.try_act_as(&robot, &[("scope", "role:payer")]).await;
    refused.oauth_error(400, "invalid_scope");
}

async fn y353_only_a_holder_changes_the_assurance_of_a_role(app: TestApp) {
    create_payer(&app).await;
    app.create_role("manager", &["rolecall.roles:write", "items:list"])
        .await;
    app.create_user("limited", &["manager"]).await;
    let token = app.log_in("limited").await;
    for acr in ["aal1", "phr"] {
        let refused = app
            .patch("/api/roles/payer", &token, json!({ "acr": acr }))
            .await;
        refused.is(403);
    }
    // a holder who has not proven a second factor does not have the role, and cannot take the need for one away
    let id = app.id_of("limited").await;
    let session = app.open_session("limited").await;
    app.assign(&id, "payer").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    let change = json!({ "acr": "aal1" });
    app.patch("/api/roles/payer", &session.access, change.clone())
        .await
        .is(403);
    set_methods(&app, "pwd otp mfa").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    app.patch("/api/roles/payer", &session.access, change)
        .await
        .is(200);
    let fixed = app.patch(
        "/api/roles/rolecall.admin",
        app.admin().await,
        json!({ "acr": "aal2" }),
    );
    fixed.await.violates("builtin_role");
}

async fn y354_a_legacy_session_and_a_narrowed_refresh_get_no_more_than_the_session(app: TestApp) {
    create_payer(&app).await;
    let session = open_session_with(&app, "alice", "clerk").await;
    // a session from before methods were kept
    app.db.execute("UPDATE sessions SET amr = NULL").await;
    let refused = app.refresh_with_scope(&session.refresh, "role:payer").await;
    refused.oauth_error(400, "invalid_scope");
    assert!(
        refused.text("detail").contains("stronger sign-in"),
        "{refused:?}"
    );
    let narrowed = app.refresh_with_scope(&session.refresh, "role:clerk").await;
    let narrowed = TokenPair::of(&narrowed);
    assert_eq!(list(&claims(&narrowed.access), "roles"), ["clerk"]);
    assert_eq!(
        claims(&narrowed.access).get("step_up"),
        None,
        "it was asked for less"
    );
    for unknown in ["", "mfa", "otp", "pwd otp", "MFA hwk"] {
        set_methods(&app, unknown).await;
        let session = app.refresh(&narrowed.refresh).await;
        if unknown == "mfa" {
            // two factors of an unknown kind are two factors
            continue;
        }
        let token = session.is(200).text("access_token");
        assert_eq!(claims(&token)["acr"], "aal1", "{unknown}");
        break;
    }
}

async fn the_assurance_of_a_role_is_shown_and_checked_at_every_door(app: TestApp) {
    let admin = app.admin().await;
    let created = app
        .post(
            "/api/roles",
            admin,
            json!({ "name": "payer", "acr": "aal2" }),
        )
        .await;
    assert_eq!(created.is(201).json["acr"], "aal2");
    let plain = app
        .post("/api/roles", admin, json!({ "name": "plain" }))
        .await;
    assert_eq!(plain.is(201).json["acr"], "aal1");
    assert_eq!(
        app.get("/api/roles/payer", admin).await.is(200).json["acr"],
        "aal2"
    );
    for wrong in [json!("aal3"), json!("AAL2"), json!(""), json!(2)] {
        let refused = app
            .post("/api/roles", admin, json!({ "name": "x", "acr": wrong }))
            .await;
        refused.invalid(&["body", "acr"]);
    }
    let refused = app
        .patch("/api/roles/payer", admin, json!({ "acr": "high" }))
        .await;
    refused.invalid(&["body", "acr"]);
    let added = run(&app, &["--json", "role", "add", "signer", "--acr", "phr"]).await;
    assert!(added.contains("\"acr\": \"phr\""), "{added}");
    let shown = run(&app, &["role", "acr", "signer", "aal2"]).await;
    assert!(shown.contains("(aal2)"), "{shown}");
    let shown = run(&app, &["role", "show", "signer"]).await;
    assert!(shown.contains("(aal2)"), "{shown}");
    let wrong = run_failing(&app, &["role", "acr", "signer", "aal9"]).await;
    assert!(wrong.contains("aal2"), "{wrong}");
    // another node reads the role alone, not the whole policy
    let other = app.second_node().await;
    assert_eq!(
        other.get("/api/roles/signer", admin).await.is(200).json["acr"],
        "aal2"
    );
    let document = "[roles.signer]\nacr = \"aal9\"\n";
    let refused = app.plan_policy(admin, document).await;
    assert!(
        refused.is(422).json.to_string().contains("aal2"),
        "{refused:?}"
    );
}

async fn a_plan_names_the_holders_that_lose_the_role_in_sessions_below(app: TestApp) {
    create_payer(&app).await;
    set_acr(&app, "payer", "aal1").await.is(200);
    app.create_user("alice", &["clerk"]).await;
    app.create_user("bob", &["viewer"]).await;
    let admin = app.admin().await;
    let exported = run(&app, &["policy", "export"]).await;
    let raised = exported.replace("[roles.payer]\n", "[roles.payer]\nacr = \"aal2\"\n");
    let plan = app.plan_policy(admin, &raised).await;
    let plan = plan.is(200).json.clone();
    assert_eq!(
        plan["counts"],
        json!({ "changes": 1, "roles": 2, "gaining": 0, "losing": 1 })
    );
    assert_eq!(plan["subjects"][0]["name"], "alice");
    let needs = json!({ "payer": "aal2", "viewer": "aal2" });
    assert_eq!(plan["subjects"][0]["needs_acr"], needs);
    assert_eq!(plan["subjects"][0]["loses"], json!([]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, &raised).unwrap();
    let planned = crate::support::rolecall(&app, &["policy", "plan", file.to_str().unwrap()]).await;
    let printed = String::from_utf8(planned.stdout).unwrap();
    assert!(printed.contains("~ role payer needs aal2"), "{printed}");
    assert!(
        printed.contains("role payer in sessions below aal2"),
        "{printed}"
    );
    assert_eq!(
        plan["subjects"][0]["needed_acr"],
        json!({ "payer": "aal1", "viewer": "aal1" })
    );
    // and back again: nobody loses anything
    set_acr(&app, "payer", "aal2").await.is(200);
    std::fs::write(&file, exported).unwrap();
    let planned = crate::support::rolecall(&app, &["policy", "plan", file.to_str().unwrap()]).await;
    let printed = String::from_utf8(planned.stdout).unwrap();
    assert!(printed.contains("role payer in every session"), "{printed}");
    assert!(!printed.contains("below"), "{printed}");
    // nor by less of more than one factor
    set_acr(&app, "payer", "phr").await.is(200);
    std::fs::write(&file, &raised).unwrap();
    let planned = crate::support::rolecall(&app, &["policy", "plan", file.to_str().unwrap()]).await;
    let printed = String::from_utf8(planned.stdout).unwrap();
    let gained = "role payer in sessions from aal2 on";
    assert!(printed.contains(gained), "{printed}");
    assert!(!printed.contains("below"), "{printed}");
}
