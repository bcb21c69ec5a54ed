//! Dynamic constraints that count all live sessions of a subject.

use serde_json::json;

use super::{PATH, create_payments};
use crate::support::{TestApp, TokenPair, on_both, run};

on_both![
    y005_a_constraint_per_subject_counts_all_live_sessions,
    y005_a_constraint_comes_to_count_all_sessions_only_if_none_conflict,
];

async fn y005_a_constraint_per_subject_counts_all_live_sessions(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let admin = app.admin().await;
    let one = format!("{PATH}/payments");
    let changed = app.patch(&one, admin, json!({ "per": "subject" })).await;
    assert_eq!(changed.is(200).json["per"], "subject");
    app.create_user("alice", &["payer", "approver", "clerk"])
        .await;
    let payer = app.try_log_in_with_scope("alice", "role:payer").await;
    let payer = TokenPair::of(payer.is(200));
    // the same role again, and others, are no conflict
    for scope in ["role:payer", "role:clerk"] {
        app.try_log_in_with_scope("alice", scope).await.is(200);
    }
    let refused = app.try_log_in_with_scope("alice", "role:approver").await;
    refused.is(400);
    assert_eq!(refused.json["error"], "invalid_scope");
    assert_eq!(refused.json["constraint"], "payments");
    // each session goes on with what it has
    let payer = TokenPair::of(&app.refresh(&payer.refresh).await);
    app.delete("/api/users/x", &payer.access).await.is(403);
    let id = app.id_of("alice").await;
    app.delete(format_args!("/api/users/{id}/sessions"), admin)
        .await
        .no_content();
    app.try_log_in_with_scope("alice", "role:approver")
        .await
        .is(200);
    app.try_log_in_with_scope("alice", "role:payer")
        .await
        .is(400);
    // a client has no sessions, so all of its roles count
    let robot = app
        .create_client("robot", json!({ "roles": ["payer", "approver"] }))
        .await;
    app.try_act_as(&robot, &[("scope", "role:payer")])
        .await
        .is(400);
    let static_one = json!({ "name": "s", "kind": "static", "roles": ["payer", "clerk"], "at_most": 1, "per": "subject" });
    app.post(PATH, admin, static_one).await.is(422);
    let shown = run(&app, &["constraint", "per", "payments", "session"]).await;
    assert!(!shown.contains("per subject"), "{shown}");
    app.try_log_in_with_scope("alice", "role:payer")
        .await
        .is(200);
}

async fn y005_a_constraint_comes_to_count_all_sessions_only_if_none_conflict(app: TestApp) {
    create_payments(&app, "dynamic").await;
    let admin = app.admin().await;
    app.create_user("alice", &["payer", "approver"]).await;
    for scope in ["role:payer", "role:approver"] {
        app.try_log_in_with_scope("alice", scope).await.is(200);
    }
    let one = format!("{PATH}/payments");
    let per_subject = json!({ "per": "subject" });
    app.patch(&one, admin, per_subject.clone())
        .await
        .violates("separation_of_duties");
    let document = app.get("/api/policy", admin).await.is(200).json.clone();
    assert_eq!(document["constraints"]["payments"].get("per"), None);
    let id = app.id_of("alice").await;
    app.delete(format_args!("/api/users/{id}/sessions"), admin)
        .await
        .no_content();
    app.patch(&one, admin, per_subject).await.is(200);
    let document = app.get("/api/policy", admin).await.is(200).json.clone();
    assert_eq!(document["constraints"]["payments"]["per"], "subject");
}
