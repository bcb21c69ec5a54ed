//! Rules that an import cannot get around.

use serde_json::json;

use super::{PLAIN, casbin, counts, keycloak};
use crate::{
    command_line::audit_is_whole,
    support::{TestApp, on_both},
};

on_both![
    a_role_that_is_there_and_gives_more_is_not_taken_for_that_of_the_source,
    nobody_imports_more_than_they_may_hand_on,
    who_may_write_policies_alone_imports_those_that_give_nobody_a_role,
    an_assignment_that_ends_or_has_not_begun_is_made_to_last,
    each_import_that_changes_something_stands_in_the_audit_log,
    a_rule_that_stands_against_one_assignment_leaves_everything_as_it_was,
];

async fn a_role_that_is_there_and_gives_more_is_not_taken_for_that_of_the_source(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let before = counts(&app).await;
    let policy = "p, editor, data1, read\ng, alice, editor\n";
    let wanted = ["--apply", "--leave-out", "--create-users"];
    let (status, _, error) = casbin(&app, PLAIN, policy, &wanted).await;
    assert!(
        status == 1
            && error.contains(
                "role `editor` is there already, with `items:read`: give another --prefix"
            ),
        "{error}"
    );
    assert_eq!(counts(&app).await, before);
    let wanted = [&wanted[..], &["--prefix", "shop"]].concat();
    let (status, out, _) = casbin(&app, PLAIN, policy, &wanted).await;
    assert!(
        status == 0 && out.contains("+ alice has shop.editor"),
        "{out}"
    );
}

async fn nobody_imports_more_than_they_may_hand_on(app: TestApp) {
    app.role(
        "manager",
        &[
            "data1:read",
            "rolecall.policy:write",
            "rolecall.assignments:write",
        ],
    )
    .await;
    app.role("writer", &["rolecall.policy:write"]).await;
    app.user("mary", &["manager"]).await;
    app.user("walt", &["writer"]).await;
    app.user("alice", &[]).await;
    let before = counts(&app).await;
    let policy = "p, editor, data1, read\ng, alice, editor\n";
    for (user, arguments) in [
        ("alice", &["--apply"][..]),
        ("walt", &["--apply"]),
        ("mary", &["--apply"]),
        ("mary", &[]),
    ] {
        let arguments = [arguments, &["--as", user]].concat();
        let (status, out, error) = casbin(&app, PLAIN, policy, &arguments).await;
        assert!(
            status == 1 && error.contains("not permitted"),
            "{user}: {out}{error}"
        );
        assert_eq!(counts(&app).await, before, "{user}");
    }
}

async fn who_may_write_policies_alone_imports_those_that_give_nobody_a_role(app: TestApp) {
    app.role("writer", &["data1:read", "rolecall.policy:write"])
        .await;
    app.user("walt", &["writer"]).await;
    let realm = r#"{ "realm": "x", "roles": { "realm": [{ "name": "editor" }] }, "users": [] }"#;
    let (status, out, error) = keycloak(&app, realm, &["--apply", "--as", "walt"]).await;
    assert!(status == 0 && out.contains("+ role editor"), "{out}{error}");
    // and none that name a user, though they have no role
    let realm = realm.replace("[] }", r#"[{ "username": "walt", "enabled": true }] }"#);
    let (status, out, error) = keycloak(&app, &realm, &["--apply", "--as", "walt"]).await;
    assert!(
        status == 1 && error.contains("rolecall.assignments:write"),
        "{out}{error}"
    );
}

async fn an_assignment_that_ends_or_has_not_begun_is_made_to_last(app: TestApp) {
    app.role("editor", &["data1:read"]).await;
    for (user, times) in [
        ("lasting", json!({ "valid_from": "2020-01-01T00:00:00Z" })),
        ("ending", json!({ "expires_at": "2100-01-01T00:00:00Z" })),
        ("coming", json!({ "valid_from": "2099-01-01T00:00:00Z" })),
        (
            "both",
            json!({ "valid_from": "2020-01-01T00:00:00Z", "expires_at": "2100-01-01T00:00:00Z" }),
        ),
    ] {
        let id = app.user(user, &[]).await;
        let path = format!("/api/users/{id}/roles/editor");
        app.put_json(path, app.admin().await, times).await.done();
    }
    let policy = "p, editor, data1, read\ng, lasting, editor\ng, ending, editor\n\
        g, coming, editor\ng, both, editor\n";
    let (status, out, error) = casbin(&app, PLAIN, policy, &["--apply"]).await;
    assert!(
        status == 0 && out.contains("0 changes, 0 new users, 3 new assignments; "),
        "{out}{error}"
    );
    assert!(!out.contains("+ lasting has"), "{out}");
    let lasting =
        "SELECT COUNT(*) FROM role_assignments WHERE expires_at IS NULL AND role = 'editor'";
    assert_eq!(app.db.number(lasting).await, 4);
}

/// Changes of the policy, new users and new assignments of each import, as the audit log has them.
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

async fn each_import_that_changes_something_stands_in_the_audit_log(app: TestApp) {
    for user in ["ann", "ben"] {
        app.user(user, &[]).await;
    }
    let roles = r#"{ "realm": "x", "roles": { "realm": [{ "name": "editor" }] }"#;
    let user = |name: &str, roles: &str| {
        format!(r#"{{ "username": "{name}", "enabled": true, "realmRoles": [{roles}] }}"#)
    };
    for (users, told) in [
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
        let (status, out, error) = keycloak(&app, &realm, &["--apply", "--create-users"]).await;
        assert_eq!(status, 0, "{out}{error}");
        let expected: Vec<[u64; 3]> = told.into_iter().chain(before).collect();
        assert_eq!(imports(&app).await, expected, "{realm}");
    }
    assert!(audit_is_whole(&app).await);
}

async fn a_rule_that_stands_against_one_assignment_leaves_everything_as_it_was(app: TestApp) {
    for role in ["payer", "approver"] {
        app.role(role, &[]).await;
    }
    app.user("alice", &["payer"]).await;
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
    crate::command_line::run(&app, &constraint).await;
    let before = counts(&app).await;
    let policy = "p, approver, data1, read\ng, bob, approver\ng, alice, approver\n";
    for arguments in [
        &["--create-users", "--apply", "--leave-out"][..],
        &["--create-users"],
    ] {
        let (status, out, error) = casbin(&app, PLAIN, policy, arguments).await;
        assert!(
            status == 1 && error.contains("policy.csv:3: ") && error.contains("`apart`"),
            "{out}{error}"
        );
        assert_eq!(counts(&app).await, before);
    }
}
