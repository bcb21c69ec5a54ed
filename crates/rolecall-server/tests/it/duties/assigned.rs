//! Static constraints: roles that nobody is assigned together.

use std::time::Duration;

use serde_json::json;

use super::{apart, assign, payments};
use crate::{
    command_line::rolecall,
    support::{PASSWORD, TestApp, on_both},
};

on_both![
    nobody_is_given_what_a_constraint_keeps_apart,
    duties_in_two_tenants_are_not_together,
    duties_that_never_meet_in_time_are_not_together,
    no_role_inherits_what_would_bring_duties_together,
    nobody_is_made_with_what_a_constraint_keeps_apart,
];

async fn nobody_is_given_what_a_constraint_keeps_apart(app: TestApp) {
    payments(&app, "static").await;
    app.role("manager", &[]).await;
    app.inherit("manager", "payer").await;
    let alice = app.user("alice", &["approver"]).await;
    let (revision, none) = (app.db.revision().await, json!({}));
    let refused = assign(&app, &alice, "payer", "", none.clone()).await;
    assert_eq!(apart(&refused, "alice").texts("path"), [""; 0]);
    assert_eq!(refused.json["subjects"][0]["id"], alice);
    let refused = assign(&app, &alice, "manager", "?tenant=acme", none.clone()).await;
    assert_eq!(apart(&refused, "alice").texts("path"), ["manager", "payer"]);
    assert_eq!(refused.json["subjects"][0]["tenant"], "acme");
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    // what it is not about, and what is there already
    assign(&app, &alice, "clerk", "", none.clone()).await.done();
    let reason = json!({ "reason": "as before" });
    assign(&app, &alice, "approver", "", reason).await.done();
    // without the one, the other
    app.unassign(&alice, "approver").await;
    assign(&app, &alice, "manager", "", none.clone())
        .await
        .done();
    let refused = assign(&app, &alice, "approver", "", none).await;
    apart(&refused, "alice");
    // clients too
    let client = app.client("robot", json!({ "roles": ["payer"] })).await;
    let path = format!("/api/clients/{}/roles/approver", client.id);
    apart(&app.put(path, app.admin().await).await, "robot");
}

async fn duties_in_two_tenants_are_not_together(app: TestApp) {
    payments(&app, "static").await;
    let (alice, none) = (app.user("alice", &[]).await, json!({}));
    assign(&app, &alice, "payer", "?tenant=acme", none.clone())
        .await
        .done();
    assign(&app, &alice, "approver", "?tenant=other", none.clone())
        .await
        .done();
    let refused = assign(&app, &alice, "approver", "?tenant=acme", none.clone()).await;
    assert_eq!(
        apart(&refused, "alice").json["subjects"][0]["tenant"],
        "acme"
    );
    // what is held globally is held in each of them
    apart(&assign(&app, &alice, "payer", "", none).await, "alice");
}

async fn duties_that_never_meet_in_time_are_not_together(app: TestApp) {
    payments(&app, "static").await;
    let alice = app.user("alice", &[]).await;
    let first = json!({ "expires_at": "2030-01-02T00:00:00Z" });
    assign(&app, &alice, "payer", "", first).await.done();
    let early = json!({ "valid_from": "2030-01-01T23:59:59Z" });
    apart(&assign(&app, &alice, "approver", "", early).await, "alice");
    let later = json!({ "valid_from": "2030-01-02T00:00:00Z" });
    assign(&app, &alice, "approver", "", later).await.done();
    let longer = json!({ "expires_at": "2030-01-02T00:00:01Z" });
    apart(&assign(&app, &alice, "payer", "", longer).await, "alice");
    app.pass(Duration::from_hours(25));
    let path = format!("/api/users/{alice}/roles/payer");
    apart(&app.put(path, &app.login("admin").await).await, "alice");
}

async fn no_role_inherits_what_would_bring_duties_together(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    app.role("boss", &[]).await;
    app.inherit("boss", "clerk").await;
    app.inherit("clerk", "payer").await;
    let alice = app.user("alice", &["boss"]).await;
    let revision = app.db.revision().await;
    let refused = app.put("/api/roles/clerk/juniors/approver", admin).await;
    assert_eq!(
        apart(&refused, "alice").texts("path"),
        ["boss", "clerk", "approver"]
    );
    let refused = app.put("/api/roles/payer/juniors/approver", admin).await;
    apart(&refused, "alice");
    assert_eq!(app.db.revision().await, revision);
    let juniors = app.get("/api/roles/clerk", admin).await.texts("juniors");
    assert_eq!(juniors, ["payer"]);
    // as long as nobody has it, a role may be of no use to anybody
    app.unassign(&alice, "boss").await;
    app.put("/api/roles/clerk/juniors/approver", admin)
        .await
        .done();
    apart(&assign(&app, &alice, "boss", "", json!({})).await, "alice");
}

async fn nobody_is_made_with_what_a_constraint_keeps_apart(app: TestApp) {
    let admin = app.admin().await;
    payments(&app, "static").await;
    let (subjects, revision) = (app.db.count("subjects").await, app.db.revision().await);
    let both = ["payer", "approver"];
    let body = json!({ "username": "alice", "password": PASSWORD, "roles": both });
    apart(&app.post("/api/users", admin, body).await, "alice");
    let body = json!({ "name": "robot", "grants": ["client_credentials"], "roles": both });
    apart(&app.post("/api/clients", admin, body).await, "robot");
    assert_eq!(app.db.count("subjects").await, subjects);
    assert_eq!(app.db.revision().await, revision);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.csv");
    std::fs::write(
        &file,
        "username,hashed_password,roles\nbob,,payer\nalice,,payer;approver\n",
    )
    .unwrap();
    let import = [
        "import",
        "users",
        file.to_str().unwrap(),
        "--without-password",
    ];
    let output = rolecall(&app, &import).await;
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(
        told.contains("constraint `payments` allows at most 1"),
        "{told}"
    );
    assert_eq!(app.db.count("subjects").await, subjects);
}
