//! Requests in the audit log and on the command line.

use serde_json::{Value, json};

use super::{PATH, payer};
use crate::support::{TestApp, audit_is_whole, on_both, run, run_failing};

on_both![
    every_step_is_in_the_audit_log,
    the_command_line_requests_confirms_and_withdraws,
];

/// The changes in the newest entry of the audit log.
async fn newest_changes(app: &TestApp) -> Value {
    app.newest_entry().await["changes"].clone()
}

async fn every_step_is_in_the_audit_log(app: TestApp) {
    let alice = app.create_payers().await;
    let changes = newest_changes(&app).await;
    assert_eq!(changes[0]["action"], "user.created");
    let (ann, ben) = (app.log_in("ann").await, app.log_in("ben").await);
    let first = app.request_payer(&ann, &alice).await;
    assert_eq!(
        newest_changes(&app).await,
        json!([{
            "action": "role.requested", "request": first, "subject": alice, "role": "payer", "tenant": null,
            "valid_from": null, "expires_at": null, "replaces": null,
        }])
    );
    let requested = app
        .put_json(payer(&alice), &ann, json!({ "reason": "x" }))
        .await;
    let second = requested.is(202).text("id");
    assert_eq!(newest_changes(&app).await[0]["replaces"], json!(first));
    let by = format!("user:{}", app.id_of("ann").await);
    app.delete(format!("{PATH}/{second}"), &ben)
        .await
        .no_content();
    assert_eq!(
        newest_changes(&app).await,
        json!([{
            "action": "role.request_ended", "request": second, "subject": alice, "role": "payer", "tenant": null,
            "requested_by": by,
        }])
    );
    let third = app.request_payer(&ann, &alice).await;
    app.confirm(&ben, &third).await.no_content();
    assert_eq!(
        newest_changes(&app).await,
        json!([{
            "action": "role.assigned", "subject": alice, "role": "payer", "tenant": null, "valid_from": null,
            "expires_at": null, "request": third, "requested_by": by,
        }])
    );
    app.set_approval("payer", false).await;
    let approval = json!([{ "action": "role.approval", "role": "payer", "approval": false }]);
    assert_eq!(newest_changes(&app).await, approval);
    assert!(audit_is_whole(&app).await);
}

async fn the_command_line_requests_confirms_and_withdraws(app: TestApp) {
    let alice = app.create_payers().await;
    run(&app, &["role", "add", "auditor", "--approval"]).await;
    let shown = run(&app, &["role", "show", "auditor"]).await;
    assert!(shown.contains("(approval)"), "{shown}");
    run(&app, &["role", "approval", "auditor", "off"]).await;
    run(&app, &["assign", "alice", "auditor"]).await;
    run(&app, &["role", "approval", "auditor", "on"]).await;
    let printed = run(&app, &["assign", "alice", "payer", "--reason", "a project"]).await;
    let id = app.pending_requests().await.pop().unwrap();
    let hint = format!("another person confirms it with `rolecall request confirm {id}`");
    assert!(printed.contains(&hint), "{printed}");
    let list = run(&app, &["request", "list"]).await;
    for part in [id.as_str(), "alice", "payer", "a project", "cli:"] {
        assert!(list.contains(part), "{list}");
    }
    let listed: Value =
        serde_json::from_str(&run(&app, &["--json", "request", "list"]).await).unwrap();
    assert_eq!(listed[0]["id"], json!(id));
    let requested = run(
        &app,
        &[
            "--json",
            "assign",
            "alice",
            "payer",
            "--reason",
            "a project",
        ],
    )
    .await;
    let requested: Value = serde_json::from_str(&requested).unwrap();
    assert_eq!(requested["id"], json!(id));
    // a user without the permissions can neither list, confirm nor withdraw requests
    let revision = app.db.revision().await;
    for command in [["list", ""].as_slice(), &["confirm", &id], &["end", &id]] {
        let arguments: Vec<&str> = ["--as", "alice", "request"]
            .iter()
            .chain(command)
            .copied()
            .filter(|one| !one.is_empty())
            .collect();
        run_failing(&app, &arguments).await;
    }
    assert_eq!(app.db.revision().await, revision);
    let printed = run(&app, &["--as", "ben", "request", "confirm", &id]).await;
    assert!(
        printed.contains("`alice` has the role `payer`"),
        "{printed}"
    );
    assert_eq!(app.assigned_roles(&alice).await, ["auditor", "payer"]);
    run(&app, &["unassign", "alice", "payer"]).await;
    run(&app, &["assign", "alice", "payer"]).await;
    let id = app.pending_requests().await.pop().unwrap();
    let printed = run(&app, &["request", "end", &id]).await;
    assert!(printed.contains("is closed"), "{printed}");
    run_failing(&app, &["request", "end", &id]).await;
    assert_eq!(app.pending_requests().await, [""; 0]);
}
