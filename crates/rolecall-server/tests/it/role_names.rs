//! Roles that work by their name, and the roles that registration gives: who may assign and change them.

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, Response, TestApp, on_both, run, run_failing};

on_both![
    y001_a_role_does_not_become_assignable_by_a_permission,
    y001_only_a_holder_changes_whether_a_role_works_by_its_name,
    y001_a_document_states_whether_a_role_works_by_its_name,
    y002_registration_gives_no_permission_of_rolecalls_own,
    y002_only_a_holder_changes_a_role_of_registration,
    y002_nobody_registers_for_a_permission_that_was_granted_before,
];

/// Creates `limited`, who may administer roles and assignments and holds `items:read`, and returns their token.
async fn log_in_limited(app: &TestApp) -> String {
    let held = [
        "items:read",
        "rolecall.assignments:write",
        "rolecall.policy:read",
        "rolecall.policy:write",
        "rolecall.roles:write",
    ];
    app.create_role("manager", &held).await;
    app.create_user("limited", &["manager"]).await;
    app.log_in("limited").await
}

/// Replaces the policy with a JSON document.
async fn put(app: &TestApp, token: &str, document: &str) -> Response {
    let request = app.request(Method::PUT, "/api/policy").token(token);
    let request = request.header("if-match", "*");
    request
        .raw("application/json", document.to_owned())
        .send()
        .await
}

async fn y001_a_role_does_not_become_assignable_by_a_permission(app: TestApp) {
    let token = log_in_limited(&app).await;
    app.create_role("named", &[]).await;
    let bob = app.create_user("bob", &[]).await;
    let path = format!("/api/users/{bob}/roles/named");
    app.put(&path, &token).await.forbidden("role:named");
    let admin = app.admin().await;
    app.put("/api/roles/named/permissions/items:read", admin)
        .await
        .no_content();
    let refused = app.put(&path, &token).await;
    refused.forbidden("role:named");
    assert_eq!(refused.json["roles"], json!(["named"]));
    assert_eq!(refused.json["permissions"], json!([]));
    // a role that does not work by its name gives its permissions alone
    let plain = json!({ "by_name": false });
    let changed = app.patch("/api/roles/named", admin, plain).await;
    assert_eq!(changed.is(200).json["by_name"], false);
    app.put(&path, &token).await.no_content();
    let named = json!({ "by_name": true });
    let changed = app.patch("/api/roles/named", admin, named).await;
    assert_eq!(changed.is(200).json["by_name"], true);
    app.delete(&path, &token).await.forbidden("role:named");
    assert_eq!(app.newest_entry().await["changes"][0]["by_name"], true);
}

async fn y001_only_a_holder_changes_whether_a_role_works_by_its_name(app: TestApp) {
    let token = log_in_limited(&app).await;
    app.create_role("named", &["items:read"]).await;
    app.create_plain_role("plain", &["items:read"]).await;
    let revision = app.db.revision().await;
    for (role, by_name) in [("named", false), ("plain", true)] {
        let path = format!("/api/roles/{role}");
        let refused = app.patch(&path, &token, json!({ "by_name": by_name }));
        refused.await.forbidden(&format!("role:{role}"));
    }
    // an application may check for the name of a role that does not exist yet
    let fresh = json!({ "name": "fresh", "by_name": false });
    let refused = app.post("/api/roles", &token, fresh).await;
    refused.forbidden("role:fresh");
    assert_eq!(app.db.revision().await, revision);
    let created = app.post("/api/roles", &token, json!({ "name": "fresh" }));
    assert_eq!(created.await.is(201).json["by_name"], true);
    // on the command line
    let limited = ["--as", "limited", "role"];
    let stderr = run_failing(&app, &[&limited[..], &["by-name", "named", "off"]].concat()).await;
    assert!(stderr.contains("named"), "{stderr}");
    let shown = run(&app, &["role", "by-name", "named", "off"]).await;
    assert!(shown.contains("(not by name)"), "{shown}");
    let shown = run(
        &app,
        &["--json", "role", "add", "other", "--by-name", "off"],
    )
    .await;
    assert!(shown.contains("\"by_name\": false"), "{shown}");
}

async fn y001_a_document_states_whether_a_role_works_by_its_name(app: TestApp) {
    let token = log_in_limited(&app).await;
    let admin = app.admin().await;
    let document = app.get("/api/policy", admin).await.is(200).json.clone();
    assert_eq!(document["roles"]["manager"]["by_name"], true);
    let with = |role: &str, by_name: bool| {
        let mut changed = document.clone();
        changed["roles"][role] = json!({ "permissions": ["items:read"], "by_name": by_name });
        changed.to_string()
    };
    let revision = app.db.revision().await;
    let refused = put(&app, &token, &with("fresh", false)).await;
    refused.is(403);
    assert_eq!(refused.json["roles"], json!(["fresh"]));
    assert_eq!(app.db.revision().await, revision);
    let done = put(&app, admin, &with("fresh", false)).await;
    let actions = done.is(200).json["changes"].clone();
    assert_eq!(
        actions[1],
        json!({ "action": "role.by_name", "role": "fresh", "by_name": false })
    );
    let read = app.get("/api/roles/fresh", admin).await;
    assert_eq!(read.is(200).json["by_name"], false);
    put(&app, &token, &with("fresh", true)).await.is(403);
    let other = app.second_node().await;
    let read = other.get("/api/roles/fresh", admin).await;
    assert_eq!(read.is(200).json["by_name"], false);
}

async fn y002_registration_gives_no_permission_of_rolecalls_own(app: TestApp) {
    let admin = app.admin().await;
    app.create_role("bridge", &[]).await;
    app.create_role("staff", &["rolecall.roles:write"]).await;
    app.inherit("user", "bridge").await;
    let document = app.get("/api/policy", admin).await.is(200).json.clone();
    let revision = app.db.revision().await;
    let rule = "registration_roles";
    for path in [
        "/api/roles/user/permissions/rolecall.roles:write",
        "/api/roles/user/permissions/rolecall.users:*",
        "/api/roles/bridge/permissions/rolecall.roles:write",
        "/api/roles/user/juniors/rolecall.resource-server",
        "/api/roles/bridge/juniors/staff",
    ] {
        app.put(path, admin).await.violates(rule);
    }
    let mut changed = document.clone();
    changed["roles"]["bridge"]["juniors"] = json!(["staff"]);
    let refused = put(&app, admin, &changed.to_string()).await;
    refused.violates(rule);
    assert_eq!(refused.json["path"], json!(["user", "bridge", "staff"]));
    let plan = app.post("/api/policy/plan", admin, changed).await;
    plan.violates(rule);
    let stderr = run_failing(&app, &["role", "allow", "user", "rolecall.roles:write"]).await;
    assert!(stderr.contains("registration.roles"), "{stderr}");
    assert_eq!(app.db.revision().await, revision);
    // permissions of the application are for everyone who registers
    put(&app, admin, &document.to_string()).await.is(200);
    app.create_permission("items:read").await;
    app.put("/api/roles/user/permissions/items:read", admin)
        .await
        .no_content();
}

async fn y002_only_a_holder_changes_a_role_of_registration(app: TestApp) {
    let token = log_in_limited(&app).await;
    let limited = app.id_of("limited").await;
    let document = app.get("/api/policy", &token).await.is(200).json.clone();
    let revision = app.db.revision().await;
    let grant = "/api/roles/user/permissions/items:read";
    app.put(grant, &token).await.forbidden("role:user");
    app.delete(grant, &token).await.forbidden("role:user");
    let mine = json!({ "description": "mine" });
    app.patch("/api/roles/user", &token, mine)
        .await
        .forbidden("role:user");
    app.put("/api/roles/user/juniors/manager", &token)
        .await
        .forbidden("role:user");
    let mut changed = document.clone();
    changed["roles"]["user"]["permissions"] = json!(["items:read"]);
    let refused = put(&app, &token, &changed.to_string()).await;
    refused.forbidden("role:user");
    assert_eq!(app.db.revision().await, revision);
    // assigning it takes no role: everyone gets it
    app.put(format_args!("/api/users/{limited}/roles/user"), &token)
        .await
        .no_content();
    let token = app.log_in("limited").await;
    app.put(grant, &token).await.no_content();
    let done = put(&app, &token, &document.to_string()).await;
    done.is(200);
}

async fn y002_nobody_registers_for_a_permission_that_was_granted_before(app: TestApp) {
    app.db
        .execute(
            "INSERT INTO role_permissions (role, permission) VALUES ('user', 'rolecall.roles:write')",
        )
        .await;
    // any change of the policy as a whole makes the node read it again
    let admin = app.admin().await;
    let constraint =
        json!({ "name": "apart", "kind": "static", "roles": ["admin", "user"], "at_most": 1 });
    app.post("/api/constraints", admin, constraint)
        .await
        .is(201);
    let body = json!({ "username": "mole", "password": PASSWORD });
    let refused = app.post("/register", "", body).await;
    refused.problem(403, "Registration is closed");
    app.delete("/api/roles/user/permissions/rolecall.roles:write", admin)
        .await
        .no_content();
    let body = json!({ "username": "mole", "password": PASSWORD });
    app.post("/register", "", body).await.is(201);
}
