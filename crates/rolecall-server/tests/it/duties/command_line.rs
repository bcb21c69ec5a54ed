//! Constraints on the command line.

use serde_json::{Value, json};

use super::assign;
use crate::support::{TestApp, on_both, run, run_failing};

on_both![
    the_command_line_enforces_constraints,
    the_command_line_manages_constraints,
    the_command_line_cannot_act_as_someone_with_conflicting_roles,
];

async fn the_command_line_enforces_constraints(app: TestApp) {
    for role in ["payer", "approver", "clerk"] {
        app.create_role(role, &[]).await;
    }
    app.create_user("alice", &["payer"]).await;
    let printed = run(
        &app,
        &[
            "constraint",
            "add",
            "payments",
            "--static",
            "payer",
            "approver",
        ],
    )
    .await;
    assert!(
        printed.contains("payments") && printed.contains("approver, payer"),
        "{printed}"
    );
    let stderr = run_failing(&app, &["assign", "alice", "approver"]).await;
    assert!(
        stderr.contains("`alice` would have approver, payer"),
        "{stderr}"
    );
}

async fn the_command_line_manages_constraints(app: TestApp) {
    for role in ["payer", "approver", "clerk"] {
        app.create_role(role, &[]).await;
    }
    let add = [
        "constraint",
        "add",
        "payments",
        "--static",
        "payer",
        "approver",
    ];
    run(&app, &add).await;
    for arguments in [
        &["constraint", "add", "x", "payer", "approver"][..],
        &[
            "constraint",
            "add",
            "x",
            "--static",
            "--dynamic",
            "payer",
            "approver",
        ],
        &[
            "constraint",
            "add",
            "x",
            "--static",
            "payer",
            "approver",
            "--at-most",
            "2",
        ],
        &["constraint", "limit", "payments", "2"],
        &["constraint", "remove-role", "payments", "payer"],
        &["constraint", "show", "none"],
        &["constraint", "delete", "none"],
    ] {
        run_failing(&app, arguments).await;
    }
    run(&app, &["constraint", "add-role", "payments", "clerk"]).await;
    run(&app, &["constraint", "limit", "payments", "2"]).await;
    let shown: Value =
        serde_json::from_str(&run(&app, &["--json", "constraint", "list"]).await).unwrap();
    assert_eq!(
        shown,
        json!([{ "name": "payments", "kind": "static", "roles": ["approver", "clerk", "payer"], "at_most": 2 }])
    );
    run(&app, &["constraint", "delete", "payments"]).await;
}

async fn the_command_line_cannot_act_as_someone_with_conflicting_roles(app: TestApp) {
    for role in ["payer", "clerk"] {
        app.create_role(role, &[]).await;
    }
    app.create_user("alice", &["payer"]).await;
    run(
        &app,
        &["constraint", "add", "rights", "--dynamic", "payer", "clerk"],
    )
    .await;
    run(&app, &["assign", "alice", "clerk"]).await;
    let stderr = run_failing(&app, &["--as", "alice", "role", "list"]).await;
    assert!(stderr.contains("constraint `rights`"), "{stderr}");
    // the roles in the tenant count too
    app.create_role("giver", &["rolecall.assignments:write"])
        .await;
    let bob = app.create_user("bob", &["payer", "giver"]).await;
    assign(&app, &bob, "clerk", "?tenant=acme", json!({}))
        .await
        .no_content();
    run(&app, &["--as", "bob", "assign", "alice", "user"]).await;
    let assign = ["--as", "bob", "assign", "alice", "user", "--tenant", "acme"];
    let stderr = run_failing(&app, &assign).await;
    assert!(stderr.contains("constraint `rights`"), "{stderr}");
}
