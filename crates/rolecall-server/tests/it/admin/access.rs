//! Who may see which page, and how a session counts.

use std::time::Duration;

use serde_json::json;

use super::{is_done, page, signed_in, signed_in_at};
use crate::support::{Browser, PASSWORD, TestApp, on_both};

on_both![
    nobody_signed_in_comes_back_after_the_sign_in,
    y461_a_user_without_a_permission_of_rolecall_sees_no_page,
    y461_each_page_needs_its_permission_and_the_navigation_shows_no_other,
    y462_a_disabled_administrator_is_out_at_once,
    y462_a_lost_role_counts_from_the_next_request_on,
    y463_forms_of_other_sites_change_nothing,
    y464_a_tenant_administrator_acts_in_the_tenant_and_nowhere_else,
    y516_what_others_assign_in_a_tenant_keeps_nobody_from_another,
    y519_many_roles_of_others_keep_no_administrator_out,
    y520_a_role_that_is_active_elsewhere_keeps_no_administrator_out,
    y528_a_newer_role_keeps_no_administrator_out,
    y529_what_is_active_elsewhere_leaves_the_other_roles_of_an_administrator,
    y465_a_role_that_needs_a_second_factor_asks_for_it,
    y466_deleting_a_user_needs_a_fresh_proof,
    y466_giving_a_role_of_rolecall_needs_a_fresh_proof_and_keeps_what_was_entered,
    y497_an_old_session_opens_no_account_and_destroys_nothing,
    an_unknown_done_text_is_not_shown,
    the_pages_have_the_headers_of_all_pages,
];

/// Every page of the table, with its parameters filled in.
async fn all(app: &TestApp, id: &str) -> Vec<String> {
    let document = app.get("/openapi.json", "").await.json;
    let paths = document["paths"].as_object().unwrap().keys();
    // the first run needs no sign-in, and is not offered here
    let admin = paths.filter(|path| path.starts_with("/admin") && *path != "/admin/setup");
    let filled: Vec<String> = admin
        .map(|path| path.replace("{id}", id).replace("{role}", "user"))
        .collect();
    assert!(filled.len() > 15, "{filled:?}");
    filled
}

async fn nobody_signed_in_comes_back_after_the_sign_in(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let path = format!("/admin/users/{id}?events=0#x");
    // a browser sends no fragment
    let path = path.trim_end_matches("#x");
    let mut browser = signed_in_at(&app, "admin", path).await;
    let text = page(&browser.open(path).await, 200);
    assert!(text.contains("<h1>alice</h1>"), "{text}");
    for path in all(&app, &id).await {
        let begun = Browser::new(&app).open(&path).await;
        let location = begun.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{path}: {location}");
    }
}

async fn y461_a_user_without_a_permission_of_rolecall_sees_no_page(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let id = app.create_user("alice", &["editor"]).await;
    let mut browser = signed_in(&app, "alice").await;
    for path in all(&app, &id).await {
        let text = page(&browser.open(&path).await, 403);
        assert!(text.contains("Nothing to administrate"), "{path}");
        assert!(!text.contains("/admin/users"), "{path}");
    }
    browser
        .submit(&format!("/admin/users/{id}/delete"), &[])
        .await
        .is(403);
    let form = [("role", "rolecall.admin")];
    browser
        .submit(&format!("/admin/users/{id}/assign"), &form)
        .await
        .is(403);
    let shown = app.get(format!("/api/users/{id}"), app.admin().await).await;
    assert_eq!(shown.is(200).texts("roles"), ["editor"]);
}

async fn y461_each_page_needs_its_permission_and_the_navigation_shows_no_other(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    app.create_role("reader", &["rolecall.users:read"]).await;
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    app.create_user("reader", &["reader"]).await;
    app.create_user("auditor", &["auditor"]).await;
    let mut reader = signed_in(&app, "reader").await;
    let text = page(&reader.open("/admin").await, 200);
    assert!(text.contains("href=\"/admin/users\""), "{text}");
    assert!(!text.contains("The last 24 hours") && !text.contains("Signing keys"));
    let text = page(&reader.open("/admin/users").await, 200);
    assert!(text.contains("alice") && !text.contains("/admin/users/new"));
    let text = page(&reader.open(&format!("/admin/users/{id}")).await, 200);
    for hidden in ["/assign", "/delete", "/disable", "Roles given", "Events"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    for path in [
        "new",
        &format!("{id}/delete"),
        &format!("{id}/assign"),
        &format!("{id}/sessions"),
    ] {
        let text = page(&reader.open(&format!("/admin/users/{path}")).await, 403);
        assert!(
            text.contains("Not permitted") && text.contains("rolecall."),
            "{path}"
        );
        reader
            .submit(&format!("/admin/users/{path}"), &[("username", "eve")])
            .await
            .is(403);
    }
    let mut auditor = signed_in(&app, "auditor").await;
    let text = page(&auditor.open("/admin").await, 200);
    assert!(text.contains("The last 24 hours") && !text.contains("/admin/users"));
    auditor.open("/admin/users").await.is(403);
}

async fn y462_a_disabled_administrator_is_out_at_once(app: TestApp) {
    let id = app.create_user("second", &["rolecall.admin"]).await;
    let mut browser = signed_in(&app, "second").await;
    browser.open("/admin/users").await.is(200);
    let body = json!({ "status": "disabled" });
    app.patch(format!("/api/users/{id}"), app.admin().await, body)
        .await
        .is(200);
    let refused = browser.open("/admin/users").await;
    assert!(
        refused
            .is(303)
            .header("location")
            .unwrap()
            .starts_with("/login?flow=")
    );
    let created = browser
        .submit("/admin/users/new", &[("username", "eve")])
        .await;
    assert!(
        created
            .is(303)
            .header("location")
            .unwrap()
            .starts_with("/login?flow=")
    );
    let found = app.get("/api/users?username=eve", app.admin().await).await;
    assert!(found.items("id").is_empty());
}

async fn y462_a_lost_role_counts_from_the_next_request_on(app: TestApp) {
    let id = app.create_user("second", &["rolecall.admin"]).await;
    let mut browser = signed_in(&app, "second").await;
    browser.open("/admin").await.is(200);
    app.unassign(&id, "rolecall.admin").await;
    browser.open("/admin").await.is(403);
    app.assign(&id, "rolecall.admin").await;
    browser.open("/admin").await.is(200);
}

async fn y463_forms_of_other_sites_change_nothing(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    for path in all(&app, &id).await {
        for foreign in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
        ] {
            let sent = browser
                .submit_with(&path, &[("role", "user")], &[foreign])
                .await;
            let status = sent.status.as_u16();
            assert!([403, 405].contains(&status), "{path}: {status}");
        }
    }
    let shown = app.get(format!("/api/users/{id}"), app.admin().await).await;
    assert_eq!(shown.is(200).text("status"), "active");
    assert!(shown.texts("roles").is_empty());
}

async fn y516_what_others_assign_in_a_tenant_keeps_nobody_from_another(app: TestApp) {
    let permissions = ["rolecall.assignments:read", "rolecall.assignments:write"];
    app.create_role("chief", &permissions).await;
    app.create_role("strong", &["items:read"]).await;
    let change = json!({ "acr": "aal2" });
    let changed = app.patch("/api/roles/strong", app.admin().await, change);
    changed.await.is(200);
    let boss = app.create_user("boss", &[]).await;
    app.assign_in(&boss, "chief", "beta").await;
    // sorts before the other
    app.assign_in(&boss, "strong", "acme").await;
    let mut browser = signed_in(&app, "boss").await;
    let text = page(&browser.open("/admin").await, 200);
    assert!(text.contains("Tenant beta"), "{text}");
    // whoever has chosen it gets back
    let root = app.id_of("admin").await;
    app.assign_in(&root, "strong", "acme").await;
    let mut browser = signed_in(&app, "admin").await;
    let chosen = browser.submit("/admin/tenant", &[("tenant", "acme")]).await;
    chosen.is(303);
    browser.open("/admin/users").await.is(200);
    let left = browser.submit("/admin/tenant", &[("tenant", "")]).await;
    left.is(303);
    browser.open("/admin/users").await.is(200);
}

async fn y519_many_roles_of_others_keep_no_administrator_out(app: TestApp) {
    let boss = app.create_user("boss", &[]).await;
    for number in 0..60 {
        let role = format!("{}{number:02}", "r".repeat(60));
        app.create_plain_role(&role, &[]).await;
        app.assign_in(&boss, &role, "acme").await;
    }
    let permissions = ["rolecall.assignments:read", "rolecall.assignments:write"];
    app.create_role("chief", &permissions).await;
    app.assign_in(&boss, "chief", "acme").await;
    let mut browser = signed_in(&app, "boss").await;
    let text = page(&browser.open("/admin/people").await, 200);
    assert!(text.contains(&boss), "{text}");
}

async fn y520_a_role_that_is_active_elsewhere_keeps_no_administrator_out(app: TestApp) {
    for role in ["payer", "approver"] {
        app.create_role(role, &[]).await;
    }
    let constraint = json!({
        "name": "payments", "kind": "dynamic", "per": "subject", "roles": ["payer", "approver"], "at_most": 1,
    });
    app.post("/api/constraints", app.admin().await, constraint)
        .await
        .is(201);
    app.create_user("boss", &["payer", "approver", "rolecall.admin"])
        .await;
    let approving = app.log_in_with_scope("boss", "role:approver").await;
    let mut browser = signed_in(&app, "boss").await;
    browser.open("/admin/users").await.is(200);
    app.get("/api/me", &approving).await.is(200);
}

async fn exclude(app: &TestApp, roles: [&str; 2], per: &str) {
    let constraint = json!({
        "name": "apart", "kind": "dynamic", "per": per, "roles": roles, "at_most": 1,
    });
    app.post("/api/constraints", app.admin().await, constraint)
        .await
        .is(201);
}

async fn y528_a_newer_role_keeps_no_administrator_out(app: TestApp) {
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    exclude(&app, ["auditor", "rolecall.admin"], "session").await;
    let boss = app.create_user("boss", &["rolecall.admin"]).await;
    app.pass_time(Duration::from_secs(1));
    // its name comes first
    app.assign(&boss, "auditor").await;
    let mut browser = signed_in(&app, "boss").await;
    browser.open("/admin/users").await.is(200);
}

async fn y529_what_is_active_elsewhere_leaves_the_other_roles_of_an_administrator(app: TestApp) {
    app.create_role("payer", &[]).await;
    app.create_role("auditor", &["rolecall.audit:read"]).await;
    app.create_role("reader", &["rolecall.users:read"]).await;
    exclude(&app, ["payer", "reader"], "subject").await;
    app.create_user("boss", &["reader", "auditor", "payer"])
        .await;
    let paying = app.log_in_with_scope("boss", "role:payer").await;
    let mut browser = signed_in(&app, "boss").await;
    browser.open("/admin/audit").await.is(200);
    browser.open("/admin/users").await.is(403);
    app.get("/api/me", &paying).await.is(200);
}

async fn y464_a_tenant_administrator_acts_in_the_tenant_and_nowhere_else(app: TestApp) {
    let permissions = [
        "rolecall.assignments:read",
        "rolecall.assignments:write",
        "items:read",
    ];
    app.create_role("chief", &permissions).await;
    app.create_plain_role("viewer", &["items:read"]).await;
    let alice = app.create_user("alice", &[]).await;
    let boss = app.create_user("boss", &[]).await;
    app.assign_in(&boss, "chief", "acme").await;
    app.assign_in(&alice, "viewer", "other").await;
    app.assign_in(&alice, "viewer", "acme").await;
    let mut browser = signed_in(&app, "boss").await;
    let text = page(&browser.open("/admin").await, 200);
    assert!(
        text.contains("Tenant acme") && !text.contains("/admin/users\""),
        "{text}"
    );
    browser.open("/admin/users").await.is(403);
    assert!(text.contains("href=\"/admin/people\""), "{text}");
    let text = page(&browser.open("/admin/people").await, 200);
    assert!(text.contains(&alice) && text.contains(&boss), "{text}");
    assert!(!text.contains("alice") && !text.contains("other"), "{text}");
    let path = format!("/admin/users/{alice}");
    let text = page(&browser.open(&path).await, 200);
    assert!(text.contains("acme") && !text.contains("other"), "{text}");
    assert!(
        !text.contains("alice"),
        "names of users are for those who may read users"
    );
    // the tenant of a form does not count
    let form = [
        ("role", "viewer"),
        ("tenant", "other"),
        ("reason", "stands in"),
    ];
    let given = browser.submit(&format!("{path}/assign"), &form).await;
    is_done(&given, &path, "assigned");
    let token = app.admin().await;
    let listed = app.get(format!("/api/users/{alice}/roles"), token).await;
    assert_eq!(listed.items("tenant"), ["acme", "other"]);
    let reasons = listed.json["items"].as_array().unwrap().iter();
    let reasons: Vec<_> = reasons.map(|one| one["reason"].as_str()).collect();
    assert_eq!(reasons, [Some("stands in"), None]);
    for (role, tenant) in [("viewer", "other"), ("viewer", ""), ("chief", "other")] {
        let form = [("role", role), ("tenant", tenant)];
        let refused = browser.submit(&format!("{path}/unassign"), &form).await;
        refused.is(403);
    }
    let form = [("role", "viewer"), ("tenant", "acme")];
    let done = browser.submit(&format!("{path}/unassign"), &form).await;
    is_done(&done, &path, "unassigned");
    let listed = app.get(format!("/api/users/{alice}/roles"), token).await;
    assert_eq!(listed.items("tenant"), ["other"]);
}

async fn y465_a_role_that_needs_a_second_factor_asks_for_it(app: TestApp) {
    let body = json!({ "name": "careful", "acr": "aal2" });
    let token = app.admin().await;
    app.post("/api/roles", token, body).await.is(201);
    app.put("/api/roles/careful/permissions/rolecall.users:read", token)
        .await
        .is(204);
    app.create_user("carl", &["careful"]).await;
    let mut browser = Browser::new(&app);
    let begun = browser.open("/admin/users").await;
    let location = begun.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap();
    browser.log_in(flow, "carl", PASSWORD).await.is(303);
    // the password alone does not reach the role: the page leads on to a second factor
    let stepped = browser.open("/admin/users").await;
    let location = stepped.is(303).header("location").unwrap().to_owned();
    assert!(location.starts_with("/login?flow="), "{location}");
    let text = page(&browser.open(&location).await, 200);
    assert!(text.contains("authenticator app"), "{text}");
}

async fn y466_deleting_a_user_needs_a_fresh_proof(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    app.pass_time(Duration::from_secs(15 * 60 + 1));
    let path = format!("/admin/users/{id}/delete");
    for sent in [browser.open(&path).await, browser.submit(&path, &[]).await] {
        let location = sent.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{location}");
    }
    // what can be undone does not need it
    browser
        .open(&format!("/admin/users/{id}/disable"))
        .await
        .is(200);
    let begun = browser.open(&path).await;
    let location = begun.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap();
    let entered = browser.log_in(flow, "admin", PASSWORD).await;
    assert_eq!(entered.is(303).header("location"), Some(&*path));
    let text = page(&browser.open(&path).await, 200);
    assert!(
        text.contains("Delete alice") && text.contains("This cannot be undone."),
        "{text}"
    );
    is_done(
        &browser.submit(&path, &[]).await,
        "/admin/users",
        "user-deleted",
    );
    app.get(format!("/api/users/{id}"), &app.log_in("admin").await)
        .await
        .is(404);
}

async fn y466_giving_a_role_of_rolecall_needs_a_fresh_proof_and_keeps_what_was_entered(
    app: TestApp,
) {
    app.create_role("editor", &["items:read"]).await;
    app.create_role("chief", &[]).await;
    app.inherit("chief", "rolecall.admin").await;
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    app.pass_time(Duration::from_mins(16));
    let path = format!("/admin/users/{id}");
    let plain = browser
        .submit(&format!("{path}/assign"), &[("role", "editor")])
        .await;
    is_done(&plain, &path, "assigned");
    for role in ["rolecall.admin", "chief"] {
        let form = [("role", role), ("reason", "the new one")];
        let sent = browser.submit(&format!("{path}/assign"), &form).await;
        let location = sent.is(303).header("location").unwrap().to_owned();
        let flow = location.strip_prefix("/login?flow=").unwrap();
        let entered = browser.log_in(flow, "admin", PASSWORD).await;
        let back = entered.is(303).header("location").unwrap().to_owned();
        assert_eq!(
            back,
            format!("{path}/assign?role={role}&reason=the+new+one")
        );
        let text = page(&browser.open(&back).await, 200);
        assert!(text.contains("value=\"the new one\""), "{text}");
        is_done(
            &browser.submit(&format!("{path}/assign"), &form).await,
            &path,
            "assigned",
        );
        app.pass_time(Duration::from_mins(16));
    }
}

async fn y497_an_old_session_opens_no_account_and_destroys_nothing(app: TestApp) {
    let other = app.create_user("other", &["rolecall.admin"]).await;
    app.create_role("editor", &["items:read"]).await;
    let mut browser = signed_in(&app, "admin").await;
    app.pass_time(Duration::from_secs(15 * 60 + 1));
    let user = format!("/admin/users/{other}");
    for path in [
        format!("{user}/reset"),
        format!("{user}/edit"),
        format!("{user}/enable"),
        format!("{user}/factors"),
        format!("{user}/delete"),
        "/admin/roles/editor/delete".to_owned(),
        "/admin/roles/editor/edit".to_owned(),
    ] {
        let form = [("username", "other"), ("email", "")];
        for sent in [
            browser.open(&path).await,
            browser.submit(&path, &form).await,
        ] {
            let location = sent.is(303).header("location").unwrap();
            assert!(location.starts_with("/login?flow="), "{path}: {location}");
        }
    }
    let body =
        json!({ "name": "apart", "kind": "static", "roles": ["editor", "user"], "at_most": 1 });
    let made = app.post("/api/constraints", app.admin().await, body).await;
    made.is(201);
    for form in [
        [("step", "delete"), ("confirm", "yes")],
        [("step", "change"), ("at_most", "2")],
    ] {
        let sent = browser.submit("/admin/constraints/apart", &form).await;
        let location = sent.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{location}");
    }
    browser.open("/admin/constraints/apart").await.is(200);
    // what can be undone, and opens nothing, does not need it
    for action in ["disable", "sessions"] {
        browser.open(&format!("{user}/{action}")).await.is(200);
    }
}

async fn an_unknown_done_text_is_not_shown(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    let text = page(&browser.open("/admin?done=saved").await, 200);
    assert!(text.contains("Saved."));
    let text = page(
        &browser.open("/admin?done=%3Cb%3Ewrong-password").await,
        200,
    );
    assert!(!text.contains("wrong-password") && !text.contains("role=\"status\""));
}

async fn the_pages_have_the_headers_of_all_pages(app: TestApp) {
    let mut browser = signed_in(&app, "admin").await;
    for path in ["/admin", "/admin/users", "/admin/users/nobody"] {
        let shown = browser.open(path).await;
        let policy = shown.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(shown.header("cache-control"), Some("no-store"));
        assert_eq!(shown.header("x-frame-options"), Some("DENY"));
    }
    browser.open("/admin/users/nobody").await.is(404);
}
