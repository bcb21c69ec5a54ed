//! Assurance per role in decisions, receipts, forward authentication and sign-ins.

use serde_json::json;

use crate::{
    assurance::{AAL2, create_payer, open_session_with, set_acr, set_methods},
    decisions::{explain, steps},
    support::{TestApp, TokenPair, on_both, run, run_failing},
};

on_both![
    a_decision_names_the_role_that_needs_more_and_what_the_session_has,
    the_receipt_of_a_refusal_names_role_needed_and_present_assurance,
    forward_auth_asks_for_a_stronger_sign_in_where_only_that_lacks,
    y352_a_decision_on_a_client_counts_no_second_factor,
];

async fn a_decision_names_the_role_that_needs_more_and_what_the_session_has(app: TestApp) {
    create_payer(&app).await;
    let id = app.create_user("alice", &["clerk"]).await;
    let admin = app.admin().await;
    let decide = async |permission: &str, acr: Option<&str>| {
        let body = json!({ "subject": id, "permission": permission, "acr": acr });
        app.post("/api/decisions", admin, body).await
    };
    for permission in ["items:read", "role:payer", "items:list"] {
        let whole = decide(permission, None).await;
        assert_eq!(whole.is(200).json["allowed"], true, "{permission}");
        let needs = json!({ "kind": "assurance", "role": "payer", "needed": "aal2" });
        assert_eq!(steps(&whole, "assurance"), [&needs]);
        for (acr, allowed) in [("aal1", false), ("aal2", true), ("phr", true)] {
            let decided = decide(permission, Some(acr)).await;
            assert_eq!(
                decided.is(200).json["allowed"],
                allowed,
                "{permission} {acr}"
            );
            assert_eq!(steps(&decided, "assurance")[0]["present"], acr);
        }
    }
    let own = decide("items:write", Some("aal1")).await;
    assert_eq!(own.is(200).json["allowed"], true);
    assert_eq!(steps(&own, "assurance"), [&json!(null); 0]);
    // another role gives it without
    let id = app.id_of("alice").await;
    app.assign(&id, "viewer").await;
    let other = decide("items:list", Some("aal1")).await;
    assert_eq!(other.is(200).json["allowed"], true);
    decide("items:list", Some("aal9"))
        .await
        .invalid(&["body", "acr"]);
    let shown = run(&app, &["explain", "alice", "items:read", "--acr", "aal1"]).await;
    assert!(shown.starts_with("alice may not items:read\n"), "{shown}");
    let line = "assurance   payer needs aal2; the session has aal1";
    assert!(shown.contains(line), "{shown}");
    let shown = run(&app, &["explain", "alice", "items:read"]).await;
    assert!(shown.contains("assurance   payer needs aal2\n"), "{shown}");
    run_failing(&app, &["explain", "alice", "items:read", "--acr", "high"]).await;
}

async fn the_receipt_of_a_refusal_names_role_needed_and_present_assurance(app: TestApp) {
    create_payer(&app).await;
    let session = open_session_with(&app, "alice", "clerk").await;
    let refused = app.get("/items/", &session.access).await;
    assert_eq!(refused.is(401).header("www-authenticate"), Some(AAL2));
    let explained = explain(&app, &refused).await;
    assert_eq!(explained.json["allowed"], false);
    assert_eq!(explained.json["rule"], "items:read");
    let step = json!({ "kind": "assurance", "role": "payer", "needed": "aal2", "present": "aal1" });
    assert_eq!(steps(&explained, "assurance"), [&step]);
    let receipt = refused.text("receipt");
    let shown = run(&app, &["explain", "--receipt", &receipt]).await;
    assert!(shown.contains("would still be refused now"), "{shown}");
    assert!(
        shown.contains("payer needs aal2; the session has aal1"),
        "{shown}"
    );
    set_acr(&app, "payer", "aal1").await.is(200);
    let explained = explain(&app, &refused).await;
    assert_eq!(
        explained.json["allowed"], true,
        "a refresh is enough by now"
    );
}

async fn forward_auth_asks_for_a_stronger_sign_in_where_only_that_lacks(app: TestApp) {
    create_payer(&app).await;
    let session = open_session_with(&app, "alice", "clerk").await;
    let ask = async |query: &str, token: &str| {
        app.get(format_args!("/forward-auth?{query}"), token).await
    };
    for query in [
        "role=payer",
        "permission=items:read",
        "role=clerk&permission=items:list",
    ] {
        let refused = ask(query, &session.access).await;
        assert_eq!(
            refused.is(401).header("www-authenticate"),
            Some(AAL2),
            "{query}"
        );
        assert_eq!(refused.header("x-auth-subject"), Some(""), "{query}");
        assert_eq!(
            steps(&explain(&app, &refused).await, "assurance")[0]["needed"],
            "aal2"
        );
    }
    ask("role=clerk", &session.access).await.is(200);
    let both = ask("role=payer&role=admin", &session.access).await;
    both.forbidden("role:payer role:admin");
    ask("role=payer&tenant=acme", &session.access).await.is(403);
    set_methods(&app, "pwd otp mfa").await;
    let session = TokenPair::of(&app.refresh(&session.refresh).await);
    ask("role=payer", &session.access).await.is(200);
}

async fn y352_a_decision_on_a_client_counts_no_second_factor(app: TestApp) {
    create_payer(&app).await;
    let robot = app
        .create_client("robot", json!({ "roles": ["clerk"] }))
        .await;
    let body = json!({ "subject": robot.id, "permission": "items:read", "acr": "phr" });
    let decided = app.post("/api/decisions", app.admin().await, body).await;
    assert_eq!(decided.is(200).json["allowed"], false);
    assert_eq!(steps(&decided, "assurance")[0]["present"], "aal1");
}
