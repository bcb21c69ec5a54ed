//! Static constraints: roles that nobody is assigned together.

use std::time::Duration;

use serde_json::json;

use super::{assign, create_payments, expect_conflict};
use crate::support::{PASSWORD, TestApp, on_both, rolecall};

on_both![
    nobody_is_assigned_conflicting_roles,
    roles_in_different_tenants_do_not_conflict,
    roles_that_never_overlap_in_time_do_not_conflict,
    inheritance_cannot_create_a_conflict,
    nobody_is_created_with_conflicting_roles,
];

async fn nobody_is_assigned_conflicting_roles(app: TestApp) {
    create_payments(&app, "static").await;
    app.create_role("manager", &[]).await;
    app.inherit("manager", "payer").await;
    let alice = app.create_user("alice", &["approver"]).await;
    let (revision, none) = (app.db.revision().await, json!({}));
    let refused = assign(&app, &alice, "payer", "", none.clone()).await;
    assert_eq!(expect_conflict(&refused, "alice").texts("path"), [""; 0]);
    assert_eq!(refused.json["subjects"][0]["id"], alice);
    let refused = assign(&app, &alice, "manager", "?tenant=acme", none.clone()).await;
    assert_eq!(
        expect_conflict(&refused, "alice").texts("path"),
        ["manager", "payer"]
    );
    assert_eq!(refused.json["subjects"][0]["tenant"], "acme");
    assert_eq!(app.db.revision().await, revision, "nothing was changed");
    // a role outside the constraint, and one that is already assigned
    assign(&app, &alice, "clerk", "", none.clone())
        .await
        .no_content();
    let reason = json!({ "reason": "as before" });
    assign(&app, &alice, "approver", "", reason)
        .await
        .no_content();
    // without the one role, the other can be assigned
    app.unassign(&alice, "approver").await;
    assign(&app, &alice, "manager", "", none.clone())
        .await
        .no_content();
    let refused = assign(&app, &alice, "approver", "", none).await;
    expect_conflict(&refused, "alice");
    // the same for clients
    let client = app
        .create_client("robot", json!({ "roles": ["payer"] }))
        .await;
    let path = format!("/api/clients/{}/roles/approver", client.id);
    expect_conflict(&app.put(path, app.admin().await).await, "robot");
}

async fn roles_in_different_tenants_do_not_conflict(app: TestApp) {
    create_payments(&app, "static").await;
    let (alice, none) = (app.create_user("alice", &[]).await, json!({}));
    assign(&app, &alice, "payer", "?tenant=acme", none.clone())
        .await
        .no_content();
    assign(&app, &alice, "approver", "?tenant=other", none.clone())
        .await
        .no_content();
    let refused = assign(&app, &alice, "approver", "?tenant=acme", none.clone()).await;
    assert_eq!(
        expect_conflict(&refused, "alice").json["subjects"][0]["tenant"],
        "acme"
    );
    // a global assignment counts in every tenant
    expect_conflict(&assign(&app, &alice, "payer", "", none).await, "alice");
}

async fn roles_that_never_overlap_in_time_do_not_conflict(app: TestApp) {
    create_payments(&app, "static").await;
    let alice = app.create_user("alice", &[]).await;
    let first = json!({ "expires_at": "2030-01-02T00:00:00Z" });
    assign(&app, &alice, "payer", "", first).await.no_content();
    let early = json!({ "valid_from": "2030-01-01T23:59:59Z" });
    expect_conflict(&assign(&app, &alice, "approver", "", early).await, "alice");
    let later = json!({ "valid_from": "2030-01-02T00:00:00Z" });
    assign(&app, &alice, "approver", "", later)
        .await
        .no_content();
    let longer = json!({ "expires_at": "2030-01-02T00:00:01Z" });
    expect_conflict(&assign(&app, &alice, "payer", "", longer).await, "alice");
    app.pass_time(Duration::from_hours(25));
    let path = format!("/api/users/{alice}/roles/payer");
    expect_conflict(&app.put(path, &app.log_in("admin").await).await, "alice");
}

async fn inheritance_cannot_create_a_conflict(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "static").await;
    app.create_role("boss", &[]).await;
    app.inherit("boss", "clerk").await;
    app.inherit("clerk", "payer").await;
    let alice = app.create_user("alice", &["boss"]).await;
    let revision = app.db.revision().await;
    let refused = app.put("/api/roles/clerk/juniors/approver", admin).await;
    assert_eq!(
        expect_conflict(&refused, "alice").texts("path"),
        ["boss", "clerk", "approver"]
    );
    let refused = app.put("/api/roles/payer/juniors/approver", admin).await;
    expect_conflict(&refused, "alice");
    assert_eq!(app.db.revision().await, revision);
    let juniors = app.get("/api/roles/clerk", admin).await.texts("juniors");
    assert_eq!(juniors, ["payer"]);
    // a role that nobody has may inherit both, though nobody can be assigned it
    app.unassign(&alice, "boss").await;
    app.put("/api/roles/clerk/juniors/approver", admin)
        .await
        .no_content();
    expect_conflict(&assign(&app, &alice, "boss", "", json!({})).await, "alice");
}

async fn nobody_is_created_with_conflicting_roles(app: TestApp) {
    let admin = app.admin().await;
    create_payments(&app, "static").await;
    let (subjects, revision) = (app.db.count("subjects").await, app.db.revision().await);
    let both = ["payer", "approver"];
    let body = json!({ "username": "alice", "password": PASSWORD, "roles": both });
    expect_conflict(&app.post("/api/users", admin, body).await, "alice");
    let body = json!({ "name": "robot", "grants": ["client_credentials"], "roles": both });
    expect_conflict(&app.post("/api/clients", admin, body).await, "robot");
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
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{printed}");
    assert!(
        printed.contains("constraint `payments` allows at most 1"),
        "{printed}"
    );
    assert_eq!(app.db.count("subjects").await, subjects);
}
