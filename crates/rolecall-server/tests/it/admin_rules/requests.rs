//! Requests that a second person has to confirm.

use std::time::Duration;

use serde_json::json;

use super::{asks_to_sign_in, has, lacks, leads_to, page, signed_in};
use crate::support::{Browser, PASSWORD, TestApp, on_both};

on_both![
    a_role_is_asked_for_confirmed_and_held,
    a_request_is_withdrawn_and_another_rejected,
    nobody_confirms_their_own_request,
    a_role_without_approval_is_assigned_at_once,
    what_is_wrong_with_a_request_is_said,
    a_reader_sees_requests_and_ends_none,
    a_tenant_administrator_sees_the_requests_of_the_tenant_alone,
    y536_a_request_shows_no_name_to_somebody_who_may_not_read_users,
    a_role_of_rolecall_needs_a_fresh_proof_to_ask_and_to_confirm,
    y499_a_name_with_the_form_of_an_id_catches_nothing,
];

const REQUESTS: &str = "/admin/requests";

/// Creates the role `payer`, which needs a second person, with some permission.
async fn payer(app: &TestApp, permission: &str) {
    // whoever gives it need not have the role itself, only what it gives
    app.create_plain_role("payer", &[permission]).await;
    let body = json!({ "approval": true });
    app.patch("/api/roles/payer", app.admin().await, body)
        .await
        .is(200);
}

async fn ask(browser: &mut Browser<'_>, user: &str) -> String {
    let form = [
        ("user", user),
        ("role", "payer"),
        ("until", ""),
        ("reason", "for <probe> alone"),
    ];
    leads_to(
        &browser.submit(REQUESTS, &form).await,
        "/admin/requests?done=requested",
    );
    let shown = page(&browser.open(REQUESTS).await, 200);
    lacks(&shown, &["<probe"]);
    has(&shown, &["payer for", user, "No end"]);
    let (_, after) = shown.split_once("href=\"/admin/requests/").unwrap();
    format!("{REQUESTS}/{}", after.split('"').next().unwrap())
}

async fn roles_of(app: &TestApp, id: &str) -> Vec<String> {
    app.get(format!("/api/users/{id}"), app.admin().await)
        .await
        .texts("roles")
}

async fn a_role_is_asked_for_confirmed_and_held(app: TestApp) {
    payer(&app, "items:pay").await;
    let alice = app.create_user("alice", &[]).await;
    app.create_user("second", &["rolecall.admin"]).await;
    let mut first = signed_in(&app, "admin").await;
    has(
        &page(&first.open(REQUESTS).await, 200),
        &["Nothing waits for a second person"],
    );
    let request = ask(&mut first, "alice").await;
    assert!(roles_of(&app, &alice).await.is_empty());
    let mut second = signed_in(&app, "second").await;
    let shown = page(&second.open(&request).await, 200);
    has(&shown, &["payer for", "Confirm", "Reject", "admin", &alice]);
    let confirmed = second.submit(&request, &[("step", "confirm")]).await;
    leads_to(&confirmed, "/admin/requests?done=request-confirmed");
    assert_eq!(roles_of(&app, &alice).await, ["payer"]);
    second.open(&request).await.is(404);
}

async fn a_request_is_withdrawn_and_another_rejected(app: TestApp) {
    payer(&app, "items:pay").await;
    let alice = app.create_user("alice", &[]).await;
    app.create_user("second", &["rolecall.admin"]).await;
    let mut first = signed_in(&app, "admin").await;
    let mut second = signed_in(&app, "second").await;
    for is_own in [true, false] {
        let request = ask(&mut first, "alice").await;
        let browser = if is_own { &mut first } else { &mut second };
        let shown = page(&browser.open(&request).await, 200);
        has(&shown, &[if is_own { "Withdraw" } else { "Reject" }]);
        // a form without a step changes nothing
        browser.submit(&request, &[]).await.is(200);
        let ended = browser.submit(&request, &[("step", "end")]).await;
        leads_to(&ended, "/admin/requests?done=request-ended");
        browser.submit(&request, &[("step", "end")]).await.is(404);
    }
    assert!(roles_of(&app, &alice).await.is_empty());
}

async fn nobody_confirms_their_own_request(app: TestApp) {
    payer(&app, "items:pay").await;
    let alice = app.create_user("alice", &[]).await;
    let mut first = signed_in(&app, "admin").await;
    let request = ask(&mut first, "alice").await;
    let shown = page(&first.open(&request).await, 200);
    has(&shown, &["somebody else has to confirm it"]);
    lacks(&shown, &["value=\"confirm\""]);
    let refused = first.submit(&request, &[("step", "confirm")]).await;
    assert!(
        [403, 409].contains(&refused.status.as_u16()),
        "{}",
        refused.status
    );
    assert!(roles_of(&app, &alice).await.is_empty());
}

async fn a_role_without_approval_is_assigned_at_once(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let form = [
        ("user", &*alice),
        ("role", "editor"),
        ("until", "2099-01-01T12:00"),
        ("reason", ""),
    ];
    leads_to(
        &browser.submit(REQUESTS, &form).await,
        "/admin/requests?done=assigned",
    );
    assert_eq!(roles_of(&app, &alice).await, ["editor"]);
    let given = app
        .get(format!("/api/users/{alice}/roles"), app.admin().await)
        .await;
    assert_eq!(given.json["items"][0]["expires_at"], "2099-01-01T12:00:00Z");
}

async fn what_is_wrong_with_a_request_is_said(app: TestApp) {
    payer(&app, "items:pay").await;
    app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    for (user, role, until, status, text) in [
        ("", "payer", "", 422, "Enter a user name"),
        ("nobody", "payer", "", 404, "no user `nobody`"),
        ("alice", "", "", 422, "Enter the name of a role"),
        ("alice", "unknown", "", 404, "no role `unknown`"),
        ("alice", "payer", "tomorrow", 422, "Enter a date and a time"),
        ("alice", "payer", "2001-01-01T00:00", 422, "expires_at"),
    ] {
        let form = [
            ("user", user),
            ("role", role),
            ("until", until),
            ("reason", ""),
        ];
        let shown = page(&browser.submit(REQUESTS, &form).await, status);
        has(&shown, &[text, "Nothing waits for a second person"]);
    }
}

async fn a_reader_sees_requests_and_ends_none(app: TestApp) {
    payer(&app, "items:pay").await;
    app.create_user("alice", &[]).await;
    app.create_role("reader", &["rolecall.assignments:read"])
        .await;
    app.create_user("reader", &["reader"]).await;
    let mut first = signed_in(&app, "admin").await;
    let request = ask(&mut first, "alice").await;
    let mut reader = signed_in(&app, "reader").await;
    lacks(
        &page(&reader.open(REQUESTS).await, 200),
        &["<form class=\"form\""],
    );
    lacks(
        &page(&reader.open(&request).await, 200),
        &["value=\"confirm\"", "value=\"end\""],
    );
    for step in ["confirm", "end"] {
        let refused = page(&reader.submit(&request, &[("step", step)]).await, 403);
        has(&refused, &["rolecall.assignments:write"]);
    }
    first.open(&request).await.is(200);
}

async fn a_tenant_administrator_sees_the_requests_of_the_tenant_alone(app: TestApp) {
    payer(&app, "items:pay").await;
    let alice = app.create_user("alice", &[]).await;
    app.create_role(
        "local",
        &[
            "rolecall.assignments:read",
            "rolecall.assignments:write",
            "items:pay",
        ],
    )
    .await;
    let local = app.create_user("local", &[]).await;
    app.assign_in(&local, "local", "acme").await;
    let admin = app.admin().await;
    let mut ids = Vec::new();
    for tenant in ["?tenant=acme", "?tenant=other", ""] {
        let asked = app
            .put_json(
                format!("/api/users/{alice}/roles/payer{tenant}"),
                admin,
                json!({}),
            )
            .await;
        ids.push(asked.is(202).text("id"));
    }
    let mut browser = signed_in(&app, "local").await;
    let shown = page(&browser.open(REQUESTS).await, 200);
    has(&shown, &[&alice, "Tenant acme", &ids[0]]);
    lacks(&shown, &[&ids[1], &ids[2], "Tenant other"]);
    for (id, status) in [(&ids[0], 200), (&ids[1], 403), (&ids[2], 403)] {
        browser.open(&format!("{REQUESTS}/{id}")).await.is(status);
    }
    for id in &ids[1..] {
        for step in ["confirm", "end"] {
            browser
                .submit(&format!("{REQUESTS}/{id}"), &[("step", step)])
                .await
                .is(403);
        }
    }
    for path in [
        "/admin/matrix",
        "/admin/policy",
        "/admin/constraints",
        "/admin/hierarchy",
        "/admin/decisions",
    ] {
        browser.open(path).await.is(403);
    }
    let confirmed = browser
        .submit(&format!("{REQUESTS}/{}", ids[0]), &[("step", "confirm")])
        .await;
    leads_to(&confirmed, "/admin/requests?done=request-confirmed");
    let given = app.get(format!("/api/users/{alice}/roles"), admin).await;
    assert_eq!(given.items("tenant").len(), 1);
}

async fn y536_a_request_shows_no_name_to_somebody_who_may_not_read_users(app: TestApp) {
    payer(&app, "items:pay").await;
    let carol = app.create_user("carol-secret", &[]).await;
    app.create_role("local", &["rolecall.assignments:read"])
        .await;
    app.create_role("reader", &["rolecall.users:read"]).await;
    let local = app.create_user("local", &[]).await;
    let lead = app.create_user("lead", &["reader"]).await;
    for id in [&local, &lead] {
        app.assign_in(id, "local", "acme").await;
    }
    let path = format!("/api/users/{carol}/roles/payer?tenant=acme");
    let asked = app.put_json(path, app.admin().await, json!({})).await;
    let request = asked.is(202).text("id");
    for (name, sees_names) in [("local", false), ("lead", true)] {
        let mut browser = signed_in(&app, name).await;
        if sees_names {
            let form = [("tenant", "acme")];
            browser.submit("/admin/tenant", &form).await.is(303);
        }
        for path in [REQUESTS.to_owned(), format!("{REQUESTS}/{request}")] {
            let shown = page(&browser.open(&path).await, 200);
            assert_eq!(
                shown.contains("carol-secret"),
                sees_names,
                "{path}: {shown}"
            );
            if !sees_names {
                has(&shown, &[&carol]);
            }
        }
    }
}

async fn a_role_of_rolecall_needs_a_fresh_proof_to_ask_and_to_confirm(app: TestApp) {
    payer(&app, "rolecall.users:read").await;
    app.create_user("alice", &[]).await;
    app.create_user("second", &["rolecall.admin"]).await;
    let mut first = signed_in(&app, "admin").await;
    let mut second = signed_in(&app, "second").await;
    let request = ask(&mut first, "alice").await;
    app.pass_time(Duration::from_mins(20));
    asks_to_sign_in(&second.submit(&request, &[("step", "confirm")]).await);
    let form = [
        ("user", "second"),
        ("role", "payer"),
        ("until", ""),
        ("reason", ""),
    ];
    asks_to_sign_in(&first.submit(REQUESTS, &form).await);
    // to reject it gives nothing
    second.submit(&request, &[("step", "end")]).await.is(303);
}

async fn y499_a_name_with_the_form_of_an_id_catches_nothing(app: TestApp) {
    app.create_role("editor", &["items:write"]).await;
    let gina = app.create_user("gina", &[]).await;
    let mallory = app.create_user("mallory", &[]).await;
    let token = app.admin().await;
    let named = json!({ "username": gina });
    let body = json!({ "username": gina, "password": PASSWORD });
    for refused in [
        app.post("/api/users", token, body.clone()).await,
        app.patch(format!("/api/users/{mallory}"), token, named)
            .await,
        app.post("/register", "", body).await,
    ] {
        refused.invalid(&["body", "username"]);
        assert!(format!("{refused:?}").contains("username_like_an_id"));
    }
    // a name from before, or of an import
    let rename = format!("UPDATE users SET username = '{gina}' WHERE id = '{mallory}'");
    app.db.execute(&rename).await;
    let mut browser = signed_in(&app, "admin").await;
    let form = [("user", gina.as_str()), ("role", "editor")];
    browser.submit(REQUESTS, &form).await.is(303);
    assert_eq!(roles_of(&app, &gina).await, ["editor"]);
    assert!(roles_of(&app, &mallory).await.is_empty());
}
