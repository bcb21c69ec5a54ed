//! What was done on the pages for administrators is undone by the link that is shown then.

use serde_json::json;

use super::{between, is_done, page, signed_in};
use crate::support::{Browser, Response, TestApp, audit_is_whole, on_both};

on_both![
    a_role_that_was_taken_away_is_given_again_as_it_was,
    a_role_that_was_given_is_taken_away,
    an_assignment_that_was_changed_is_changed_back,
    a_user_is_disabled_and_enabled_in_turn,
    a_change_of_the_policy_leads_to_the_version_before,
    whoever_may_not_write_the_policy_gets_no_link_to_its_history,
    y513_an_address_undoes_nothing_but_what_it_says_was_done,
    a_change_that_is_refused_adds_no_version_of_the_policy,
];

/// Goes where an action leads, and returns the address behind *Undo*; empty if there is none.
async fn undo(browser: &mut Browser<'_>, done: &Response) -> String {
    let location = done.is(303).header("location").unwrap().to_owned();
    let text = page(&browser.open(&location).await, 200);
    let notice = between(&text, "role=\"status\">", "</p>");
    between(notice, "href=\"", "\"").replace("&amp;", "&")
}

/// Returns the number of versions of the policy that are kept.
async fn versions(browser: &mut Browser<'_>) -> usize {
    let text = page(&browser.open("/admin/policy/history").await, 200);
    text.matches("<a href=\"/admin/policy/history/").count()
}

/// Returns the fields of the form on a page, with what they hold.
fn fields(text: &str) -> Vec<(String, String)> {
    let (_, main) = text.split_once("<main").unwrap();
    let inputs = main.split("<input ").skip(1).map(|input| {
        let value = |name: &str| between(input, &format!(" {name}=\""), "\"").to_owned();
        let input_name = between(&format!(" {input}"), " name=\"", "\"").to_owned();
        let text = value("value").replace("&quot;", "\"").replace("&amp;", "&");
        (input_name, text)
    });
    inputs.filter(|(name, _)| !name.is_empty()).collect()
}

/// Opens the page that undoes something, and submits its form as it is.
async fn follow(browser: &mut Browser<'_>, address: &str) -> Response {
    let text = page(&browser.open(address).await, 200);
    let form = fields(&text);
    let form: Vec<(&str, &str)> = form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let path = address.split('?').next().unwrap();
    browser.submit(path, &form).await
}

async fn assignments(app: &TestApp, id: &str) -> serde_json::Value {
    let path = format!("/api/users/{id}/roles?tenant=acme");
    let mut found = app.get(&path, app.admin().await).await.is(200).json.clone();
    for one in found["items"].as_array_mut().unwrap() {
        one.as_object_mut().unwrap().remove("assigned_at");
    }
    found["items"].take()
}

async fn a_role_that_was_taken_away_is_given_again_as_it_was(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("/admin/users/{id}");
    let form = [
        ("role", "editor"),
        ("tenant", "acme"),
        ("from", "2035-01-01T08:30"),
        ("until", "2035-02-01T08:30:07"),
        ("reason", "Stands in & \"helps\""),
    ];
    let given = browser.submit(&format!("{path}/assign"), &form).await;
    is_done(&given, &path, "assigned");
    let before = assignments(&app, &id).await;
    assert_eq!(before[0]["valid_from"], "2035-01-01T08:30:00Z");
    assert_eq!(before[0]["expires_at"], "2035-02-01T08:30:07Z");
    let form = [("role", "editor"), ("tenant", "acme")];
    let taken = browser.submit(&format!("{path}/unassign"), &form).await;
    is_done(&taken, &path, "unassigned");
    assert_eq!(assignments(&app, &id).await, json!([]));
    let address = undo(&mut browser, &taken).await;
    is_done(&follow(&mut browser, &address).await, &path, "assigned");
    assert_eq!(assignments(&app, &id).await, before);
    assert!(audit_is_whole(&app).await);
}

async fn a_role_that_was_given_is_taken_away(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("/admin/users/{id}");
    let form = [("role", "editor"), ("tenant", "acme")];
    let given = browser.submit(&format!("{path}/assign"), &form).await;
    let address = undo(&mut browser, &given).await;
    assert!(address.contains("/unassign?role=editor"), "{address}");
    is_done(&follow(&mut browser, &address).await, &path, "unassigned");
    assert_eq!(assignments(&app, &id).await, json!([]));
}

async fn an_assignment_that_was_changed_is_changed_back(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("/admin/users/{id}");
    let assign = format!("{path}/assign");
    let form = [("role", "editor"), ("until", "2035-02-01T08:30")];
    browser.submit(&assign, &form).await.is(303);
    let changed = browser.submit(&assign, &[("role", "editor")]).await;
    let address = undo(&mut browser, &changed).await;
    assert!(address.contains("/assign?role=editor&until="), "{address}");
    follow(&mut browser, &address).await.is(303);
    let stored = app.get(format!("/api/users/{id}/roles"), app.admin().await);
    let stored = stored.await.is(200).json["items"][0]["expires_at"].clone();
    assert_eq!(stored, "2035-02-01T08:30:00Z");
}

async fn a_user_is_disabled_and_enabled_in_turn(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("/admin/users/{id}");
    let mut done = browser.submit(&format!("{path}/disable"), &[]).await;
    for (word, undone) in [
        ("user-disabled", "active"),
        ("user-enabled", "disabled"),
        ("user-disabled", "active"),
    ] {
        is_done(&done, &path, word);
        let address = undo(&mut browser, &done).await;
        done = follow(&mut browser, &address).await;
        let stored = app.get(format!("/api/users/{id}"), app.admin().await).await;
        assert_eq!(stored.json["status"], undone);
    }
}

async fn a_change_of_the_policy_leads_to_the_version_before(app: TestApp) {
    for permission in ["items:read", "items:write"] {
        app.create_permission(permission).await;
    }
    for role in ["viewer", "editor", "auditor"] {
        app.create_role(role, &["items:read"]).await;
    }
    let mut browser = signed_in(&app, "admin").await;
    let policy = async || {
        let found = app.get("/api/policy", app.admin().await).await;
        String::from_utf8(found.is(200).body.to_vec()).unwrap()
    };
    let constraint = [
        ("name", "four-eyes"),
        ("kind", "static"),
        ("per", "session"),
        ("roles", "viewer editor"),
        ("at_most", "1"),
    ];
    let changed = [
        ("roles", "viewer editor auditor"),
        ("at_most", "2"),
        ("per", "session"),
    ];
    let delete = [("step", "delete"), ("confirm", "yes")];
    let contents = "/admin/roles/editor/contents";
    let one = "/admin/constraints/four-eyes";
    let actions: [(&str, &[(&str, &str)]); 6] = [
        (contents, &[("permission", "items:write")]),
        (contents, &[("permission", "items:read"), ("remove", "yes")]),
        (
            "/admin/roles/editor/edit",
            &[("description", "Other"), ("by_name", "on"), ("acr", "aal1")],
        ),
        ("/admin/constraints", &constraint),
        (one, &changed),
        (one, &delete),
    ];
    for (path, form) in actions {
        if path == one {
            browser.submit("/admin/constraints", &constraint).await;
        }
        let before = policy().await;
        let done = browser.submit(path, form).await;
        let address = undo(&mut browser, &done).await;
        assert!(address.starts_with("/admin/policy/history/"), "{path}");
        assert_ne!(policy().await, before, "{path} {form:?}");
        let back = follow(&mut browser, &address).await;
        is_done(&back, "/admin/policy/history", "policy");
        assert_eq!(policy().await, before, "{path} {form:?}");
        // and that is undone likewise
        let address = undo(&mut browser, &back).await;
        let again = follow(&mut browser, &address).await;
        assert_ne!(policy().await, before, "{path} {form:?}");
        let address = undo(&mut browser, &again).await;
        follow(&mut browser, &address).await.is(303);
        assert_eq!(policy().await, before, "{path} {form:?}");
    }
}

async fn whoever_may_not_write_the_policy_gets_no_link_to_its_history(app: TestApp) {
    app.create_permission("items:read").await;
    app.create_plain_role("editor", &[]).await;
    app.create_role(
        "keeper",
        &["rolecall.roles:read", "rolecall.roles:write", "items:read"],
    )
    .await;
    app.create_user("kim", &["keeper"]).await;
    let mut browser = signed_in(&app, "kim").await;
    let contents = "/admin/roles/editor/contents";
    let done = browser
        .submit(contents, &[("permission", "items:read")])
        .await;
    is_done(&done, contents, "saved");
    assert_eq!(undo(&mut browser, &done).await, "");
}

async fn y513_an_address_undoes_nothing_but_what_it_says_was_done(app: TestApp) {
    let id = app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "admin").await;
    for (done, address) in [
        ("user-disabled", format!("/admin/users/{id}/delete")),
        (
            "saved",
            "https://evil.example/admin/policy/history/1".to_owned(),
        ),
        ("saved", "//evil.example/".to_owned()),
        ("assigned", "/admin/users/../../logout/unassign".to_owned()),
        ("", format!("/admin/users/{id}/enable")),
    ] {
        let address: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
        let text = page(
            &browser
                .open(&format!("/admin?done={done}&undo={address}"))
                .await,
            200,
        );
        assert!(!text.contains(">Undo<"), "{done} {address}");
    }
}

async fn a_change_that_is_refused_adds_no_version_of_the_policy(app: TestApp) {
    let document = "[permissions]\n\"items:read\" = \"\"\n[roles.admin]\n[roles.viewer]\npermissions = [\"items:read\"]\n";
    app.put_policy(app.admin().await, document, "*")
        .await
        .is(200);
    // a version would differ by this
    let body = json!({ "description": "Looks" });
    app.patch("/api/roles/viewer", app.admin().await, body)
        .await
        .is(200);
    let mut browser = signed_in(&app, "admin").await;
    let kept = versions(&mut browser).await;
    let constraint = [
        ("name", "four-eyes"),
        ("kind", "static"),
        ("per", "session"),
        ("roles", "viewer nobody"),
        ("at_most", "1"),
    ];
    let contents = "/admin/roles/viewer/contents";
    let refused: [(&str, &[(&str, &str)]); 4] = [
        (contents, &[("permission", "nothing:here")]),
        (
            "/admin/roles/rolecall.admin/edit",
            &[("description", "Other"), ("by_name", "on"), ("acr", "aal1")],
        ),
        ("/admin/constraints", &constraint),
        ("/admin/permissions", &[("name", "items:read")]),
    ];
    for (path, form) in refused {
        let shown = browser.submit(path, form).await;
        assert!(shown.status.is_client_error(), "{path}: {shown:?}");
        assert_eq!(versions(&mut browser).await, kept, "{path}");
    }
    let form = [("permission", "items:read"), ("remove", "yes")];
    let done = browser.submit(contents, &form).await;
    let address = undo(&mut browser, &done).await;
    assert!(address.starts_with("/admin/policy/history/"), "{address}");
    assert_eq!(versions(&mut browser).await, kept + 1);
}
