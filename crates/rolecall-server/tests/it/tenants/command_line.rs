//! Tenants on the command line.

use serde_json::Value;

use crate::support::{TestApp, on_both, rolecall, run, run_failing};

on_both![
    the_command_line_assigns_roles_in_tenants,
    acting_as_a_tenant_administrator_permits_no_more_on_the_command_line,
];

async fn the_command_line_assigns_roles_in_tenants(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["user"]).await;
    let assign = ["assign", "alice", "editor", "--tenant", "acme"];
    let times = [
        "--from",
        "2001-01-01T00:00:00Z",
        "--until",
        "2099-01-01T00:00:00Z",
        "--reason",
        "a project",
    ];
    run(&app, &[&assign[..], &times[..]].concat()).await;
    let list = app
        .get(
            format_args!("/api/users/{alice}/roles?tenant=acme"),
            app.admin().await,
        )
        .await;
    assert_eq!(list.items("reason"), ["a project"]);
    let text = run(&app, &["user", "show", "alice"]).await;
    assert!(
        text.contains(
            "editor in tenant acme from 2001-01-01T00:00:00Z until 2099-01-01T00:00:00Z (assigned "
        ),
        "{text}"
    );
    assert!(
        text.contains(": a project)") && text.contains("role    user (assigned"),
        "{text}"
    );
    let shown = run(&app, &["--json", "user", "show", "alice"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        shown["assignments"][0]["id"],
        format!("/api/users/{alice}/roles/editor?tenant=acme")
    );
    for wrong in ["", "ACME", "acme/.."] {
        run_failing(&app, &["assign", "alice", "editor", "--tenant", wrong]).await;
    }
    let reason = "x".repeat(501);
    run_failing(&app, &["assign", "alice", "editor", "--reason", &reason]).await;
    // the global assignment is another one
    run(&app, &["unassign", "alice", "editor"]).await;
    assert_eq!(app.db.count("role_assignments").await, 4);
    run(&app, &["unassign", "alice", "editor", "--tenant", "acme"]).await;
    assert_eq!(app.db.count("role_assignments").await, 3);
}

async fn acting_as_a_tenant_administrator_permits_no_more_on_the_command_line(app: TestApp) {
    app.create_lead().await;
    let bob = app.create_user("bob", &[]).await;
    let assign = async |more: &[&str]| {
        let base = ["--as", "lead", "assign", "bob"];
        let output = rolecall(&app, &[&base[..], more].concat()).await;
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(
        assign(&["reader", "--tenant", "acme"]).await,
        (true, String::new())
    );
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    for refused in [
        &["reader"][..],
        &["reader", "--tenant", "other"],
        &["rolecall.admin", "--tenant", "acme"],
    ] {
        let (done, stderr) = assign(refused).await;
        assert!(
            !done && stderr.contains("not permitted"),
            "{refused:?}: {stderr}"
        );
        assert_eq!(app.db.number(&sql).await, 1);
    }
    for refused in [
        &["user", "show", "bob"][..],
        &["user", "list"],
        &["role", "add", "mine"],
    ] {
        run_failing(&app, &[&["--as", "lead"], refused].concat()).await;
    }
}
