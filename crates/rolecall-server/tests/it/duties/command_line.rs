//! Constraints on the command line.

use serde_json::{Value, json};

use super::assign;
use crate::{
    command_line::{rolecall, run},
    support::{TestApp, on_both},
};

on_both![
    the_command_line_keeps_duties_apart,
    the_command_line_changes_a_constraint,
    nobody_acts_with_all_roles_of_somebody_who_has_to_choose,
];

/// What a command printed that must succeed.
async fn printed(app: &TestApp, arguments: &[&str]) -> String {
    let output = rolecall(app, arguments).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn the_command_line_keeps_duties_apart(app: TestApp) {
    for role in ["payer", "approver", "clerk"] {
        app.role(role, &[]).await;
    }
    app.user("alice", &["payer"]).await;
    let made = printed(
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
        made.contains("payments") && made.contains("approver, payer"),
        "{made}"
    );
    let refused = rolecall(&app, &["assign", "alice", "approver"]).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && told.contains("`alice` would have approver, payer"),
        "{told}"
    );
}

async fn the_command_line_changes_a_constraint(app: TestApp) {
    for role in ["payer", "approver", "clerk"] {
        app.role(role, &[]).await;
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
        let output = rolecall(&app, arguments).await;
        assert!(!output.status.success(), "{arguments:?}");
    }
    run(&app, &["constraint", "add-role", "payments", "clerk"]).await;
    run(&app, &["constraint", "limit", "payments", "2"]).await;
    let shown: Value =
        serde_json::from_str(&printed(&app, &["--json", "constraint", "list"]).await).unwrap();
    assert_eq!(
        shown,
        json!([{ "name": "payments", "kind": "static", "roles": ["approver", "clerk", "payer"], "at_most": 2 }])
    );
    run(&app, &["constraint", "delete", "payments"]).await;
}

async fn nobody_acts_with_all_roles_of_somebody_who_has_to_choose(app: TestApp) {
    for role in ["payer", "clerk"] {
        app.role(role, &[]).await;
    }
    app.user("alice", &["payer"]).await;
    run(
        &app,
        &["constraint", "add", "rights", "--dynamic", "payer", "clerk"],
    )
    .await;
    run(&app, &["assign", "alice", "clerk"]).await;
    let refused = rolecall(&app, &["--as", "alice", "role", "list"]).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && told.contains("constraint `rights`"),
        "{told}"
    );
    // nor by what they have in the tenant that is acted in
    app.role("giver", &["rolecall.assignments:write"]).await;
    let bob = app.user("bob", &["payer", "giver"]).await;
    assign(&app, &bob, "clerk", "?tenant=acme", json!({}))
        .await
        .done();
    run(&app, &["--as", "bob", "assign", "alice", "user"]).await;
    let give = ["--as", "bob", "assign", "alice", "user", "--tenant", "acme"];
    let refused = rolecall(&app, &give).await;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && told.contains("constraint `rights`"),
        "{told}"
    );
}
