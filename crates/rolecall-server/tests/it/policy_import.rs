//! `rolecall policy import`: what another system knows, whole or not at all.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    command_line::{audit_is_whole, command},
    support::{MASTER_KEY, PASSWORD, TestApp, on_both},
};

on_both![
    a_dry_run_shows_what_would_be_made_and_writes_nothing,
    what_was_imported_is_decided_by_the_server_as_the_model_says,
    what_has_no_counterpart_is_refused_unless_it_is_to_be_left_out,
    a_role_that_is_there_and_gives_more_is_not_taken_for_that_of_the_source,
    nobody_imports_more_than_they_may_hand_on,
    who_may_write_policies_alone_imports_those_that_give_nobody_a_role,
    an_assignment_that_ends_or_has_not_begun_is_made_to_last,
    each_import_that_changes_something_stands_in_the_audit_log,
    a_rule_that_stands_against_one_assignment_leaves_everything_as_it_was,
    a_model_that_means_something_else_is_refused_with_file_and_line,
    people_of_a_realm_log_in_with_their_passwords_and_have_the_roles_that_it_gives_them,
    whoever_is_there_keeps_what_they_have_and_gets_what_the_realm_gives,
    many_people_of_a_realm_come_in_one_change,
    what_is_no_realm_is_refused_and_none_of_its_secrets_is_repeated,
];

/// As Casbin publishes it: `rbac_with_domains_model.conf`.
const MODEL: &str = "[request_definition]\nr = sub, dom, obj, act\n\n[policy_definition]\np = sub, dom, obj, act\n\n\
    [role_definition]\ng = _, _, _\n\n[policy_effect]\ne = some(where (p.eft == allow))\n\n\
    [matchers]\nm = r.dom == p.dom && r.obj == p.obj && r.act == p.act && g(r.sub, p.sub, r.dom)\n";
/// And `rbac_with_domains_policy.csv`.
const POLICY: &str = "p, admin, domain1, data1, read\np, admin, domain1, data1, write\np, admin, domain2, data2, read\n\
    p, admin, domain2, data2, write\n\ng, alice, admin, domain1\ng, bob, admin, domain2\n";
/// `rbac_model.conf`.
const PLAIN: &str = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n\
    [role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n\
    [matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n";

/// Runs `rolecall policy import` in a folder with these files; what it wrote there comes back.
async fn import(
    app: &TestApp,
    files: &[(&str, &str)],
    arguments: &[&str],
) -> (i32, String, String, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = command(
        app,
        MASTER_KEY,
        &[&["policy", "import"], arguments].concat(),
    );
    command.current_dir(folder.path());
    let done = tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap();
        let written = fs::read_to_string(folder.path().join(Path::new("out.toml"))).ok();
        (output, written)
    });
    let (output, written) = done.await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
        written,
    )
}

async fn casbin(
    app: &TestApp,
    model: &str,
    policy: &str,
    arguments: &[&str],
) -> (i32, String, String) {
    let files = [("model.conf", model), ("policy.csv", policy)];
    let arguments = [&["--casbin", "model.conf", "policy.csv"], arguments].concat();
    let (status, out, error, _) = import(app, &files, &arguments).await;
    (status, out, error)
}

async fn counts(app: &TestApp) -> [i64; 4] {
    let mut found = [app.db.revision().await, 0, 0, 0];
    for (place, table) in ["users", "roles", "role_assignments"]
        .into_iter()
        .enumerate()
    {
        found[place + 1] = app.db.count(table).await;
    }
    found
}

async fn a_dry_run_shows_what_would_be_made_and_writes_nothing(app: TestApp) {
    let before = counts(&app).await;
    let files = [("model.conf", MODEL), ("policy.csv", POLICY)];
    let wanted = [
        "--casbin",
        "model.conf",
        "policy.csv",
        "--create-users",
        "-o",
        "out.toml",
    ];
    let (status, out, error, written) = import(&app, &files, &wanted).await;
    assert_eq!(status, 2, "{out}{error}");
    for line in [
        "+ permission data1:read",
        "+ role admin.domain1 holds data1:write",
        "+ user alice",
        "+ alice has admin.domain1 in domain1",
        "policy.csv:1: role `admin` differs between domains: in `domain1` it is `admin.domain1`",
        "10 changes, 2 new users, 2 new assignments; 0 without a counterpart; nothing was written: --apply does it",
    ] {
        assert!(out.lines().any(|said| said == line), "{line}\n{out}");
    }
    assert_eq!(counts(&app).await, before);
    let (status, out, _) = casbin(&app, MODEL, POLICY, &["--create-users", "--json"]).await;
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &report["written"]), (2, &Value::Bool(false)));
    assert_eq!(report["plan"]["changes"], report["changes"]);
    assert_eq!(counts(&app).await, before);
    // the document is what `policy export` prints afterwards
    casbin(&app, MODEL, POLICY, &["--create-users", "--apply"]).await;
    let mut export = command(&app, MASTER_KEY, &["policy", "export"]);
    let exported = tokio::task::spawn_blocking(move || export.output().unwrap())
        .await
        .unwrap();
    assert_eq!(written.unwrap(), String::from_utf8_lossy(&exported.stdout));
}

async fn what_was_imported_is_decided_by_the_server_as_the_model_says(app: TestApp) {
    app.user("alice", &[]).await;
    app.user("bob", &[]).await;
    let (status, out, error) = casbin(&app, MODEL, POLICY, &["--create-users", "--apply"]).await;
    assert_eq!(status, 0, "{out}{error}");
    assert!(out.ends_with("0 without a counterpart; written\n"), "{out}");
    for (user, own) in [("alice", "1"), ("bob", "2")] {
        for tenant in ["domain1", "domain2", ""] {
            for object in ["1", "2"] {
                for operation in ["read", "write"] {
                    let permission = format!("data{object}:{operation}");
                    let in_tenant = ["--tenant", tenant];
                    let flags: &[&str] = if tenant.is_empty() { &[] } else { &in_tenant };
                    let arguments = [&["--json", "explain", user, &permission], flags].concat();
                    let mut command = command(&app, MASTER_KEY, &arguments);
                    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
                    let said: Value =
                        serde_json::from_slice(&output.await.unwrap().stdout).unwrap();
                    let expected = object == own && tenant == format!("domain{own}");
                    assert_eq!(
                        said["allowed"], expected,
                        "{user} {tenant} {permission}: {said}"
                    );
                }
            }
        }
    }
    assert!(audit_is_whole(&app).await);
    let before = counts(&app).await;
    let (status, out, _) = casbin(&app, MODEL, POLICY, &["--apply"]).await;
    assert!(
        status == 0 && out.contains("0 changes, 0 new users, 0 new assignments; "),
        "{out}"
    );
    assert_eq!(counts(&app).await, before);
    let (status, _, _) = casbin(&app, MODEL, POLICY, &[]).await;
    assert_eq!(status, 0);
}

async fn what_has_no_counterpart_is_refused_unless_it_is_to_be_left_out(app: TestApp) {
    app.user("alice", &[]).await;
    let before = counts(&app).await;
    let policy = "p, alice, data1, read\np, alice, /book/*, read\np, bob, data1, read\n";
    let (status, out, _) = casbin(&app, PLAIN, policy, &["--apply"]).await;
    assert_eq!(status, 1, "{out}");
    assert!(
        out.contains("policy.csv:2: `/book/*` looks like a pattern"),
        "{out}"
    );
    assert!(
        out.contains("policy.csv:3: there is no user `bob`; use --create-users to create them"),
        "{out}"
    );
    assert!(out.ends_with("nothing was written: --leave-out leaves out what has no counterpart\n"));
    assert_eq!(counts(&app).await, before);
    let (status, out, _) = casbin(&app, PLAIN, policy, &["--apply", "--leave-out"]).await;
    assert!(
        status == 0 && out.ends_with("2 without a counterpart; written\n"),
        "{out}"
    );
    let alice = app.login("alice").await;
    let me = app.get("/api/me", &alice).await;
    assert_eq!(me.is(200).json["permissions"], json!(["data1:read"]));
}

async fn a_role_that_is_there_and_gives_more_is_not_taken_for_that_of_the_source(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let before = counts(&app).await;
    let policy = "p, editor, data1, read\ng, alice, editor\n";
    let wanted = ["--apply", "--leave-out", "--create-users"];
    let (status, _, error) = casbin(&app, PLAIN, policy, &wanted).await;
    assert!(
        status == 1
            && error.contains(
                "role `editor` already exists and grants `items:read`, which the source does not; use another --prefix"
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

async fn a_model_that_means_something_else_is_refused_with_file_and_line(app: TestApp) {
    let before = counts(&app).await;
    let model = PLAIN.replace("r.obj == p.obj", "keyMatch(r.obj, p.obj)");
    let (status, out, error) = casbin(&app, &model, "p, alice, data1, read", &["--apply"]).await;
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(
        error.starts_with("model.conf:10: function `keyMatch` matches patterns"),
        "{error}"
    );
    let (status, _, error) = casbin(&app, "\u{0}[", "\u{1}", &["--apply", "--leave-out"]).await;
    assert!(status == 1 && error.contains("model.conf:1: "), "{error}");
    let (status, _, error, _) = import(&app, &[], &["--casbin", "no.conf", "no.csv"]).await;
    assert!(status == 1 && error.contains("no.conf"), "{error}");
    assert_eq!(counts(&app).await, before);
}

const REALM: &str = include_str!("../../../rolecall-import/tests/fixtures/keycloak/realm.json");

async fn keycloak(app: &TestApp, realm: &str, arguments: &[&str]) -> (i32, String, String) {
    let arguments = [&["--keycloak", "realm.json"], arguments].concat();
    let (status, out, error, _) = import(app, &[("realm.json", realm)], &arguments).await;
    (status, out, error)
}

async fn people_of_a_realm_log_in_with_their_passwords_and_have_the_roles_that_it_gives_them(
    app: TestApp,
) {
    let before = counts(&app).await;
    let (status, out, error) = keycloak(&app, REALM, &["--create-users", "--apply"]).await;
    assert!(
        status == 1 && out.contains("realm.json: users[4]: the service account"),
        "{out}{error}"
    );
    assert!(!out.contains("secretData") && !out.contains("hashIterations"));
    assert_eq!(counts(&app).await, before);
    let all = ["--create-users", "--apply", "--leave-out"];
    let (status, out, error) = keycloak(&app, REALM, &all).await;
    assert!(
        status == 0 && out.contains("4 new users, 10 new assignments; 3 without"),
        "{out}{error}"
    );
    for (user, roles) in [
        (
            "alice",
            &[
                "auditor",
                "default-roles-shop",
                "employee",
                "group.staff",
                "group.staff.sales",
                "group.staff.sales.leads",
                "web-shop.refund",
                "web-shop.view-orders",
            ][..],
        ),
        ("dave", &["employee", "group.staff"]),
    ] {
        let token = app.login(user).await;
        let me = app.get("/api/me", &token).await;
        assert_eq!(me.is(200).json["roles"], json!(roles), "{user}");
    }
    // disabled there, and without a password there
    for user in ["bob", "carol"] {
        app.password_grant(user, PASSWORD).await.wrong_password();
    }
    let disabled = "SELECT COUNT(*) FROM users WHERE disabled AND username = 'bob' AND password_hash LIKE '$pbkdf2-sha512$%'";
    assert_eq!(app.db.number(disabled).await, 1);
    assert!(audit_is_whole(&app).await);
    let before = counts(&app).await;
    let (status, out, _) = keycloak(&app, REALM, &all).await;
    assert!(
        status == 0 && out.contains("0 changes, 0 new users, 0 new assignments; "),
        "{out}"
    );
    assert_eq!(counts(&app).await, before);
}

async fn whoever_is_there_keeps_what_they_have_and_gets_what_the_realm_gives(app: TestApp) {
    app.role("own", &["items:read"]).await;
    app.user("bob", &["own"]).await;
    let realm = r#"{ "realm": "x", "roles": { "realm": [{ "name": "editor", "composites": { "realm": ["reader"] } }, { "name": "reader" }] },
        "users": [{ "username": "bob", "enabled": false, "realmRoles": ["editor"], "credentials": [{ "type": "password", "value": "another password" }] }] }"#;
    let (status, out, error) = keycloak(&app, realm, &["--apply", "--leave-out"]).await;
    assert_eq!(status, 0, "{out}{error}");
    assert!(
        out.contains(
            "realm.json: users[0]: user `bob` is disabled in the source, but not in rolecall"
        ),
        "{out}"
    );
    assert!(!out.contains("another password"), "{out}");
    let token = app.login("bob").await;
    let me = app.get("/api/me", &token).await;
    assert_eq!(me.is(200).json["roles"], json!(["editor", "own", "reader"]));
}

async fn many_people_of_a_realm_come_in_one_change(app: TestApp) {
    let users: Vec<Value> = (0..1_000)
        .map(|number| {
            json!({
                "username": format!("user{number}"), "enabled": true, "realmRoles": ["editor"],
                "groups": [format!("/g{}", number % 20)], "attributes": { "a": ["b"] },
            })
        })
        .collect();
    let groups: Vec<Value> = (0..20)
        .map(|number| json!({ "name": format!("g{number}"), "realmRoles": ["editor"] }))
        .collect();
    let realm = json!({
        "realm": "x", "roles": { "realm": [{ "name": "editor" }] }, "groups": groups, "users": users,
    });
    let before = app.db.revision().await;
    let (status, out, error) =
        keycloak(&app, &realm.to_string(), &["--create-users", "--apply"]).await;
    assert_eq!(status, 0, "{error}");
    assert!(
        out.contains("1000 new users, 2000 new assignments; 0 without a counterpart; written"),
        "{out}"
    );
    assert!(out.contains("and 2900 more; --json tells all"), "{out}");
    assert_eq!(app.db.revision().await, before + 1);
    assert!(audit_is_whole(&app).await);
}

async fn what_is_no_realm_is_refused_and_none_of_its_secrets_is_repeated(app: TestApp) {
    let before = counts(&app).await;
    for (text, expected) in [
        ("[]", "realm.json:1: not the export of one realm"),
        (
            "{\"roles\": {}, \"users\": [\n{\"username\": {\"canary\": 1}}]}",
            "realm.json:2: a member is missing",
        ),
        (
            "{\"roles\": {}, \"users\": [{\"username\": \"canary",
            "realm.json:1: not valid JSON",
        ),
    ] {
        let (status, out, error) = keycloak(&app, text, &["--apply", "--leave-out"]).await;
        assert_eq!((status, out.as_str()), (1, ""), "{text}");
        assert!(
            error.starts_with(expected) && !error.contains("canary"),
            "{error}"
        );
    }
    let (status, _, error, _) = import(&app, &[], &[]).await;
    assert!(status == 2 && error.contains("--casbin"), "{error}");
    assert_eq!(counts(&app).await, before);
}
