//! Tenants on the command line.

use serde_json::Value;

use crate::{
    command_line::{rolecall, run},
    support::{TestApp, on_both},
};

on_both![
    the_command_line_gives_roles_in_tenants,
    as_a_tenants_administrator_the_command_line_goes_no_further,
];

async fn the_command_line_gives_roles_in_tenants(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["user"]).await;
    let give = ["assign", "alice", "editor", "--tenant", "acme"];
    let times = [
        "--from",
        "2001-01-01T00:00:00Z",
        "--until",
        "2099-01-01T00:00:00Z",
        "--reason",
        "a project",
    ];
    run(&app, &[&give[..], &times[..]].concat()).await;
    let list = app
        .get(
            format_args!("/api/users/{alice}/roles?tenant=acme"),
            app.admin().await,
        )
        .await;
    assert_eq!(list.items("reason"), ["a project"]);
    let said = rolecall(&app, &["user", "show", "alice"]).await;
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(
        text.contains(
            "editor in tenant acme from 2001-01-01T00:00:00Z until 2099-01-01T00:00:00Z (given "
        ),
        "{text}"
    );
    assert!(
        text.contains(": a project)") && text.contains("role    user (given"),
        "{text}"
    );
    let said = rolecall(&app, &["--json", "user", "show", "alice"]).await;
    let shown: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(
        shown["assignments"][0]["id"],
        format!("/api/users/{alice}/roles/editor?tenant=acme")
    );
    for wrong in ["", "ACME", "acme/.."] {
        let refused = rolecall(&app, &["assign", "alice", "editor", "--tenant", wrong]).await;
        assert!(!refused.status.success(), "{wrong:?}");
    }
    let reason = "x".repeat(501);
    let refused = rolecall(&app, &["assign", "alice", "editor", "--reason", &reason]).await;
    assert!(!refused.status.success());
    // the global one is another
    run(&app, &["unassign", "alice", "editor"]).await;
    assert_eq!(app.db.count("role_assignments").await, 4);
    run(&app, &["unassign", "alice", "editor", "--tenant", "acme"]).await;
    assert_eq!(app.db.count("role_assignments").await, 3);
}

async fn as_a_tenants_administrator_the_command_line_goes_no_further(app: TestApp) {
    app.lead().await;
    let bob = app.user("bob", &[]).await;
    let give = async |more: &[&str]| {
        let base = ["--as", "lead", "assign", "bob"];
        let said = rolecall(&app, &[&base[..], more].concat()).await;
        (
            said.status.success(),
            String::from_utf8(said.stderr).unwrap(),
        )
    };
    assert_eq!(
        give(&["reader", "--tenant", "acme"]).await,
        (true, String::new())
    );
    let sql = format!("SELECT COUNT(*) FROM role_assignments WHERE subject_id = '{bob}'");
    for refused in [
        &["reader"][..],
        &["reader", "--tenant", "other"],
        &["rolecall.admin", "--tenant", "acme"],
    ] {
        let (done, said) = give(refused).await;
        assert!(
            !done && said.contains("not permitted"),
            "{refused:?}: {said}"
        );
        assert_eq!(app.db.number(&sql).await, 1);
    }
    for refused in [
        &["user", "show", "bob"][..],
        &["user", "list"],
        &["role", "add", "mine"],
    ] {
        let said = rolecall(&app, &[&["--as", "lead"], refused].concat()).await;
        assert!(!said.status.success(), "{refused:?}");
    }
}
