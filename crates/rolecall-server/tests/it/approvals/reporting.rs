//! Requests in the audit log and on the command line.

use serde_json::{Value, json};

use super::{PATH, payer};
use crate::{
    command_line::{audit_is_whole, rolecall, run},
    support::{TestApp, on_both},
};

on_both![
    every_step_is_told_in_the_audit_log,
    the_command_line_asks_confirms_and_ends,
];

/// The changes of the newest entry of the audit log.
async fn newest(app: &TestApp) -> Value {
    let path = "/api/audit?limit=1";
    let entries = app.get(path, app.admin().await).await;
    entries.json["items"][0]["changes"].clone()
}

async fn every_step_is_told_in_the_audit_log(app: TestApp) {
    let alice = app.payers().await;
    let told = newest(&app).await;
    assert_eq!(told[0]["action"], "user.created");
    let (ann, ben) = (app.login("ann").await, app.login("ben").await);
    let first = app.ask(&ann, &alice).await;
    assert_eq!(
        newest(&app).await,
        json!([{
            "action": "role.requested", "request": first, "subject": alice, "role": "payer", "tenant": null,
            "valid_from": null, "expires_at": null, "replaces": null,
        }])
    );
    let asked = app
        .put_json(payer(&alice), &ann, json!({ "reason": "x" }))
        .await;
    let second = asked.is(202).text("id");
    assert_eq!(newest(&app).await[0]["replaces"], json!(first));
    let by = format!("user:{}", app.id_of("ann").await);
    app.delete(format!("{PATH}/{second}"), &ben).await.done();
    assert_eq!(
        newest(&app).await,
        json!([{
            "action": "role.request_ended", "request": second, "subject": alice, "role": "payer", "tenant": null,
            "requested_by": by,
        }])
    );
    let third = app.ask(&ann, &alice).await;
    app.confirm(&ben, &third).await.done();
    assert_eq!(
        newest(&app).await,
        json!([{
            "action": "role.assigned", "subject": alice, "role": "payer", "tenant": null, "valid_from": null,
            "expires_at": null, "request": third, "requested_by": by,
        }])
    );
    app.approval("payer", false).await;
    let approval = json!([{ "action": "role.approval", "role": "payer", "approval": false }]);
    assert_eq!(newest(&app).await, approval);
    assert!(audit_is_whole(&app).await);
}

async fn said(app: &TestApp, arguments: &[&str]) -> String {
    let output = rolecall(app, arguments).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn the_command_line_asks_confirms_and_ends(app: TestApp) {
    let alice = app.payers().await;
    run(&app, &["role", "add", "auditor", "--approval"]).await;
    let shown = said(&app, &["role", "show", "auditor"]).await;
    assert!(shown.contains("(by two)"), "{shown}");
    run(&app, &["role", "approval", "auditor", "off"]).await;
    run(&app, &["assign", "alice", "auditor"]).await;
    run(&app, &["role", "approval", "auditor", "on"]).await;
    let told = said(&app, &["assign", "alice", "payer", "--reason", "a project"]).await;
    let id = app.open().await.pop().unwrap();
    let how = format!("another person confirms it with `rolecall request confirm {id}`");
    assert!(told.contains(&how), "{told}");
    let list = said(&app, &["request", "list"]).await;
    for part in [id.as_str(), "alice", "payer", "a project", "cli:"] {
        assert!(list.contains(part), "{list}");
    }
    let listed: Value =
        serde_json::from_str(&said(&app, &["--json", "request", "list"]).await).unwrap();
    assert_eq!(listed[0]["id"], json!(id));
    let asked = said(
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
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(asked["id"], json!(id));
    // whoever may not read them sees none, and whoever may not give it confirms and ends none
    let revision = app.db.revision().await;
    for command in [["list", ""].as_slice(), &["confirm", &id], &["end", &id]] {
        let arguments: Vec<&str> = ["--as", "alice", "request"]
            .iter()
            .chain(command)
            .copied()
            .filter(|one| !one.is_empty())
            .collect();
        assert!(
            !rolecall(&app, &arguments).await.status.success(),
            "{arguments:?}"
        );
    }
    assert_eq!(app.db.revision().await, revision);
    let told = said(&app, &["--as", "ben", "request", "confirm", &id]).await;
    assert!(told.contains("`alice` has the role `payer`"), "{told}");
    assert_eq!(app.assigned(&alice).await, ["auditor", "payer"]);
    run(&app, &["unassign", "alice", "payer"]).await;
    run(&app, &["assign", "alice", "payer"]).await;
    let id = app.open().await.pop().unwrap();
    let told = said(&app, &["request", "end", &id]).await;
    assert!(told.contains("no longer asked for"), "{told}");
    assert!(
        !rolecall(&app, &["request", "end", &id])
            .await
            .status
            .success()
    );
    assert_eq!(app.open().await, [""; 0]);
}
