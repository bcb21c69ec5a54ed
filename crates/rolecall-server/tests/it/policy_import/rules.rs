//! Rules that an import cannot get around.

use serde_json::json;

use super::{PLAIN, counts, import_casbin, import_keycloak};
use crate::support::{TestApp, audit_is_whole, on_both, run};

on_both![
    an_existing_role_with_more_permissions_is_not_reused,
    nobody_imports_more_than_they_may_assign,
    writing_policies_alone_permits_only_imports_without_users,
    y278_a_limited_user_imports_no_password_of_a_realm,
    a_temporary_or_future_assignment_is_made_permanent,
    each_import_that_changes_something_is_in_the_audit_log,
    one_violating_assignment_means_nothing_is_written,
];

async fn an_existing_role_with_more_permissions_is_not_reused(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let before = counts(&app).await;
    let policy = "p, editor, data1, read\ng, alice, editor\n";
    let arguments = ["--apply", "--leave-out", "--create-users"];
    let (status, _, error) = import_casbin(&app, PLAIN, policy, &arguments).await;
    assert!(
        status == 1
            && error.contains(
                "role `editor` already exists and grants `items:read`, which the source does not; use another --prefix"
            ),
        "{error}"
    );
    assert_eq!(counts(&app).await, before);
    let arguments = [&arguments[..], &["--prefix", "shop"]].concat();
    let (status, out, _) = import_casbin(&app, PLAIN, policy, &arguments).await;
    assert!(
        status == 0 && out.contains("+ alice has shop.editor"),
        "{out}"
    );
}

async fn nobody_imports_more_than_they_may_assign(app: TestApp) {
    app.create_role(
        "manager",
        &[
            "data1:read",
            "rolecall.policy:write",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.create_role("writer", &["rolecall.policy:write"]).await;
    app.create_user("mary", &["manager"]).await;
    app.create_user("walt", &["writer"]).await;
    app.create_user("alice", &[]).await;
    let before = counts(&app).await;
    let policy = "p, editor, data1, read\ng, alice, editor\n";
    for (user, arguments) in [
        ("alice", &["--apply"][..]),
        ("walt", &["--apply"]),
        ("mary", &["--apply"]),
        ("mary", &[]),
    ] {
        let arguments = [arguments, &["--as", user]].concat();
        let (status, out, error) = import_casbin(&app, PLAIN, policy, &arguments).await;
        assert!(
            status == 1 && error.contains("not permitted"),
            "{user}: {out}{error}"
        );
        assert_eq!(counts(&app).await, before, "{user}");
    }
}

async fn writing_policies_alone_permits_only_imports_without_users(app: TestApp) {
    app.create_role("writer", &["data1:read", "rolecall.policy:write"])
        .await;
    app.create_user("walt", &["writer"]).await;
    let realm = r#"{ "realm": "x", "roles": { "realm": [{ "name": "editor" }] }, "users": [] }"#;
    let (status, out, error) = import_keycloak(&app, realm, &["--apply", "--as", "walt"]).await;
    assert!(status == 0 && out.contains("+ role editor"), "{out}{error}");
    // but none that name a user, even one without a role
    let realm = realm.replace("[] }", r#"[{ "username": "walt", "enabled": true }] }"#);
    let (status, out, error) = import_keycloak(&app, &realm, &["--apply", "--as", "walt"]).await;
    assert!(
        status == 1 && error.contains("rolecall.assignments:write"),
        "{out}{error}"
    );
}

async fn y278_a_limited_user_imports_no_password_of_a_realm(app: TestApp) {
    let permissions = [
        "rolecall.policy:write",
        "rolecall.assignments:write",
        "rolecall.users:write",
    ];
    app.create_role("manager", &permissions).await;
    app.create_user("mary", &["manager"]).await;
    let before = counts(&app).await;
    let secret = json!({ "value": "uL/sNVbF3rNOYQa3SSOOzQhcvVcNJ23GXi31Paix19ATF7tUcslvYZfSjm/kR5jje9kK6cgsbNbTi+3oS09m8g==",
        "salt": "MDEyMzQ1Njc4OWFiY2RlZg==" });
    let kind = json!({"hashIterations": 27500, "algorithm": "pbkdf2-sha256"});
    let credential = json!({ "type": "password", "secretData": secret.to_string(), "credentialData": kind.to_string() });
    let realm = json!({ "realm": "x", "roles": { "realm": [{ "name": "editor" }] },
        "users": [{ "username": "bob", "enabled": true, "credentials": [credential] }] });
    let realm = realm.to_string();
    let arguments = ["--apply", "--create-users", "--as", "mary"];
    let (status, out, error) = import_keycloak(&app, &realm, &arguments).await;
    assert!(
        status == 1 && error.contains("without hashes"),
        "{out}{error}"
    );
    assert_eq!(counts(&app).await, before);
    let (status, out, error) = import_keycloak(&app, &realm, &arguments[..2]).await;
    assert_eq!(status, 0, "{out}{error}");
}

async fn a_temporary_or_future_assignment_is_made_permanent(app: TestApp) {
    app.create_role("editor", &["data1:read"]).await;
    for (user, times) in [
        ("lasting", json!({ "valid_from": "2020-01-01T00:00:00Z" })),
        ("ending", json!({ "expires_at": "2100-01-01T00:00:00Z" })),
        ("coming", json!({ "valid_from": "2099-01-01T00:00:00Z" })),
        (
            "both",
            json!({ "valid_from": "2020-01-01T00:00:00Z", "expires_at": "2100-01-01T00:00:00Z" }),
        ),
    ] {
        let id = app.create_user(user, &[]).await;
        let path = format!("/api/users/{id}/roles/editor");
        app.put_json(path, app.admin().await, times)
            .await
            .no_content();
    }
    let policy = "p, editor, data1, read\ng, lasting, editor\ng, ending, editor\n\
        g, coming, editor\ng, both, editor\n";
    let (status, out, error) = import_casbin(&app, PLAIN, policy, &["--apply"]).await;
    assert!(
        status == 0 && out.contains("0 changes, 0 new users, 3 new assignments; "),
        "{out}{error}"
    );
    assert!(!out.contains("+ lasting has"), "{out}");
    let lasting =
        "SELECT COUNT(*) FROM role_assignments WHERE expires_at IS NULL AND role = 'editor'";
    assert_eq!(app.db.number(lasting).await, 4);
}

/// For each import in the audit log: policy changes, new users, new assignments.
async fn imports(app: &TestApp) -> Vec<[u64; 3]> {
    let page = app.get("/api/audit?limit=200", app.admin().await).await;
    let entries = page.is(200).json["items"].as_array().unwrap();
    let changes = entries
        .iter()
        .flat_map(|entry| entry["changes"].as_array().unwrap());
    let imports = changes.filter(|change| change["action"] == "policy.imported");
    imports
        .map(|change| {
            ["changes", "users", "assignments"].map(|member| change[member].as_u64().unwrap())
        })
        .collect()
}

async fn each_import_that_changes_something_is_in_the_audit_log(app: TestApp) {
    for user in ["ann", "ben"] {
        app.create_user(user, &[]).await;
    }
    let roles = r#"{ "realm": "x", "roles": { "realm": [{ "name": "editor" }] }"#;
    let user = |name: &str, roles: &str| {
        format!(r#"{{ "username": "{name}", "enabled": true, "realmRoles": [{roles}] }}"#)
    };
    for (users, counts_of_import) in [
        // a new role alone, an assignment alone, a new user alone, and nothing
        (String::new(), Some([1, 0, 0])),
        (user("ann", "\"editor\""), Some([0, 0, 1])),
        (user("new", ""), Some([0, 1, 0])),
        (user("ann", "\"editor\""), None),
        (
            [user("ben", "\"editor\""), user("other", "")].join(","),
            Some([0, 1, 1]),
        ),
    ] {
        let before = imports(&app).await;
        let realm = format!(r#"{roles}, "users": [{users}] }}"#);
        let (status, out, error) =
            import_keycloak(&app, &realm, &["--apply", "--create-users"]).await;
        assert_eq!(status, 0, "{out}{error}");
        let expected: Vec<[u64; 3]> = counts_of_import.into_iter().chain(before).collect();
        assert_eq!(imports(&app).await, expected, "{realm}");
    }
    assert!(audit_is_whole(&app).await);
}

async fn one_violating_assignment_means_nothing_is_written(app: TestApp) {
    for role in ["payer", "approver"] {
        app.create_role(role, &[]).await;
    }
    app.create_user("alice", &["payer"]).await;
    let constraint = [
        "constraint",
        "add",
        "apart",
        "--static",
        "--at-most",
        "1",
        "payer",
        "approver",
    ];
    run(&app, &constraint).await;
    let before = counts(&app).await;
    let policy = "p, approver, data1, read\ng, bob, approver\ng, alice, approver\n";
    for arguments in [
        &["--create-users", "--apply", "--leave-out"][..],
        &["--create-users"],
    ] {
        let (status, out, error) = import_casbin(&app, PLAIN, policy, arguments).await;
        assert!(
            status == 1 && error.contains("policy.csv:3: ") && error.contains("`apart`"),
            "{out}{error}"
        );
        assert_eq!(counts(&app).await, before);
    }
}
