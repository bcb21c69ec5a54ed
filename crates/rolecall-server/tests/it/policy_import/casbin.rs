//! Importing a Casbin model and policy.

use serde_json::{Value, json};

use super::{PLAIN, casbin, counts, import};
use crate::{
    command_line::{audit_is_whole, command},
    support::{MASTER_KEY, TestApp, on_both},
};

on_both![
    a_dry_run_shows_what_would_be_made_and_writes_nothing,
    what_was_imported_is_decided_by_the_server_as_the_model_says,
    what_has_no_counterpart_is_refused_unless_it_is_to_be_left_out,
    a_model_that_means_something_else_is_refused_with_file_and_line,
];

/// As Casbin publishes it: `rbac_with_domains_model.conf`.
const MODEL: &str = "[request_definition]\nr = sub, dom, obj, act\n\n[policy_definition]\np = sub, dom, obj, act\n\n\
    [role_definition]\ng = _, _, _\n\n[policy_effect]\ne = some(where (p.eft == allow))\n\n\
    [matchers]\nm = r.dom == p.dom && r.obj == p.obj && r.act == p.act && g(r.sub, p.sub, r.dom)\n";

/// And `rbac_with_domains_policy.csv`.
const POLICY: &str = "p, admin, domain1, data1, read\np, admin, domain1, data1, write\np, admin, domain2, data2, read\n\
    p, admin, domain2, data2, write\n\ng, alice, admin, domain1\ng, bob, admin, domain2\n";

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
        out.contains("policy.csv:3: no user `bob`; --create-users makes them"),
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
