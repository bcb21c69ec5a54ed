//! Importing a Casbin model and policy.

use serde_json::{Value, json};

use super::{PLAIN, counts, import, import_casbin};
use crate::support::{TestApp, audit_is_whole, on_both, rolecall, run};

on_both![
    a_dry_run_shows_the_changes_and_writes_nothing,
    an_imported_policy_decides_as_the_model_does,
    rules_without_a_counterpart_are_refused_unless_left_out,
    an_unsupported_model_is_refused_with_file_and_line,
];

/// `rbac_with_domains_model.conf`, as Casbin publishes it.
const MODEL: &str = "[request_definition]\nr = sub, dom, obj, act\n\n[policy_definition]\np = sub, dom, obj, act\n\n\
    [role_definition]\ng = _, _, _\n\n[policy_effect]\ne = some(where (p.eft == allow))\n\n\
    [matchers]\nm = r.dom == p.dom && r.obj == p.obj && r.act == p.act && g(r.sub, p.sub, r.dom)\n";

/// `rbac_with_domains_policy.csv`, as Casbin publishes it.
const POLICY: &str = "p, admin, domain1, data1, read\np, admin, domain1, data1, write\np, admin, domain2, data2, read\n\
    p, admin, domain2, data2, write\n\ng, alice, admin, domain1\ng, bob, admin, domain2\n";

async fn a_dry_run_shows_the_changes_and_writes_nothing(app: TestApp) {
    let before = counts(&app).await;
    let files = [("model.conf", MODEL), ("policy.csv", POLICY)];
    let arguments = [
        "--casbin",
        "model.conf",
        "policy.csv",
        "--create-users",
        "-o",
        "out.toml",
    ];
    let (status, out, error, written) = import(&app, &files, &arguments).await;
    assert_eq!(status, 2, "{out}{error}");
    for line in [
        "+ permission data1:read",
        "+ role admin.domain1 holds data1:write",
        "+ user alice",
        "+ alice has admin.domain1 in domain1",
        "policy.csv:1: role `admin` differs between domains: in `domain1` it is `admin.domain1`",
        "10 changes, 2 new users, 2 new assignments; 0 without a counterpart; nothing was written; --apply writes it",
    ] {
        assert!(out.lines().any(|printed| printed == line), "{line}\n{out}");
    }
    assert_eq!(counts(&app).await, before);
    let (status, out, _) = import_casbin(&app, MODEL, POLICY, &["--create-users", "--json"]).await;
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &report["written"]), (2, &Value::Bool(false)));
    assert_eq!(report["plan"]["changes"], report["changes"]);
    assert_eq!(counts(&app).await, before);
    // the document is what `policy export` prints afterwards
    import_casbin(&app, MODEL, POLICY, &["--create-users", "--apply"]).await;
    let exported = run(&app, &["policy", "export"]).await;
    assert_eq!(written.unwrap(), exported);
}

async fn an_imported_policy_decides_as_the_model_does(app: TestApp) {
    app.create_user("alice", &[]).await;
    app.create_user("bob", &[]).await;
    let (status, out, error) =
        import_casbin(&app, MODEL, POLICY, &["--create-users", "--apply"]).await;
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
                    let output = rolecall(&app, &arguments).await;
                    let decision: Value = serde_json::from_slice(&output.stdout).unwrap();
                    let expected = object == own && tenant == format!("domain{own}");
                    assert_eq!(
                        decision["allowed"], expected,
                        "{user} {tenant} {permission}: {decision}"
                    );
                }
            }
        }
    }
    assert!(audit_is_whole(&app).await);
    let before = counts(&app).await;
    let (status, out, _) = import_casbin(&app, MODEL, POLICY, &["--apply"]).await;
    assert!(
        status == 0 && out.contains("0 changes, 0 new users, 0 new assignments; "),
        "{out}"
    );
    assert_eq!(counts(&app).await, before);
    let (status, _, _) = import_casbin(&app, MODEL, POLICY, &[]).await;
    assert_eq!(status, 0);
}

async fn rules_without_a_counterpart_are_refused_unless_left_out(app: TestApp) {
    app.create_user("alice", &[]).await;
    let before = counts(&app).await;
    let policy = "p, alice, data1, read\np, alice, /book/*, read\np, bob, data1, read\n";
    let (status, out, _) = import_casbin(&app, PLAIN, policy, &["--apply"]).await;
    assert_eq!(status, 1, "{out}");
    assert!(
        out.contains("policy.csv:2: `/book/*` looks like a pattern"),
        "{out}"
    );
    assert!(
        out.contains("policy.csv:3: there is no user `bob`; use --create-users to create them"),
        "{out}"
    );
    assert!(out.ends_with("nothing was written; --leave-out leaves out what has no counterpart\n"));
    assert_eq!(counts(&app).await, before);
    let (status, out, _) = import_casbin(&app, PLAIN, policy, &["--apply", "--leave-out"]).await;
    assert!(
        status == 0 && out.ends_with("2 without a counterpart; written\n"),
        "{out}"
    );
    let alice = app.log_in("alice").await;
    let me = app.get("/api/me", &alice).await;
    assert_eq!(me.is(200).json["permissions"], json!(["data1:read"]));
}

async fn an_unsupported_model_is_refused_with_file_and_line(app: TestApp) {
    let before = counts(&app).await;
    let model = PLAIN.replace("r.obj == p.obj", "keyMatch(r.obj, p.obj)");
    let (status, out, error) =
        import_casbin(&app, &model, "p, alice, data1, read", &["--apply"]).await;
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(
        error.starts_with("model.conf:10: function `keyMatch` matches patterns"),
        "{error}"
    );
    let (status, _, error) =
        import_casbin(&app, "\u{0}[", "\u{1}", &["--apply", "--leave-out"]).await;
    assert!(status == 1 && error.contains("model.conf:1: "), "{error}");
    let (status, _, error, _) = import(&app, &[], &["--casbin", "no.conf", "no.csv"]).await;
    assert!(status == 1 && error.contains("no.conf"), "{error}");
    assert_eq!(counts(&app).await, before);
}
