//! A form that was filled in before somebody else changed the same.

use serde_json::{Value, json};

use super::{between, is_done, page, signed_in};
use crate::support::{Browser, TestApp, on_both};

on_both![y517_a_form_undoes_no_change_that_it_does_not_show];

/// The path of a form and of the same in the API, a change by the API, and what the form says.
type Row<'f> = (String, String, Value, &'f [(&'f str, &'f str)]);

/// Makes one of each, and returns the ids of the user, the client and the resource.
async fn furnish(app: &TestApp) -> [String; 3] {
    app.create_role("payer", &["items:read"]).await;
    app.create_role("approver", &[]).await;
    app.create_role("auditor", &[]).await;
    let user = app.create_user("alice", &[]).await;
    let admin = app.admin().await;
    let body = json!({ "name": "Shop", "kind": "web", "grants": ["authorization_code"], "redirect_uris": ["https://shop.example/cb"] });
    let client = app.post("/api/clients", admin, body).await;
    let client = client.is(201).text("client_id");
    let body = json!({ "uri": "https://api.example", "name": "Stock", "objects": ["items"] });
    let resource = app.post("/api/resources", admin, body).await;
    let resource = resource.is(201).text("id");
    let body = json!({ "name": "four-eyes", "kind": "static", "roles": ["payer", "approver", "auditor"], "at_most": 1 });
    app.post("/api/constraints", admin, body).await.is(201);
    [user, client, resource]
}

/// Submits a form that was opened before the change, and then the one that is shown.
async fn refuse_once(app: &TestApp, browser: &mut Browser<'_>, row: Row<'_>) {
    let (form_path, path, change, form) = row;
    let admin = app.admin().await;
    let opened = page(&browser.open(&form_path).await, 200);
    let seen = between(&opened, "name=\"seen\" value=\"", "\"").to_owned();
    assert!(!seen.is_empty(), "{form_path}");
    app.patch(&path, admin, change).await.is(200);
    let before = app.get(&path, admin).await.is(200).json.clone();
    let sent = [form, &[("seen", seen.as_str())]].concat();
    let text = page(&browser.submit(&form_path, &sent).await, 409);
    assert!(text.contains("Somebody else has changed it"), "{text}");
    assert_eq!(app.get(&path, admin).await.json, before, "{form_path}");
    // saving what is shown then is meant
    let seen = between(&text, "name=\"seen\" value=\"", "\"").to_owned();
    let sent = [form, &[("seen", seen.as_str())]].concat();
    browser.submit(&form_path, &sent).await.is(303);
    assert_ne!(app.get(&path, admin).await.json, before, "{form_path}");
}

async fn y517_a_form_undoes_no_change_that_it_does_not_show(app: TestApp) {
    let [user, client, resource] = furnish(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let client_form = [
        ("name", "Store"),
        ("kind", "web"),
        ("redirect_uris", "https://shop.example/cb"),
        ("consent", "ask"),
        ("pkce", "required"),
        ("acr", "aal1"),
        ("id_token_alg", "RS256"),
    ];
    let rows: [Row<'_>; 5] = [
        (
            "/admin/roles/payer/edit".to_owned(),
            "/api/roles/payer".to_owned(),
            json!({ "acr": "aal2" }),
            &[
                ("description", "Pays"),
                ("acr", "aal1"),
                ("confirmed", "aal1"),
            ],
        ),
        (
            format!("/admin/users/{user}/edit"),
            format!("/api/users/{user}"),
            json!({ "email": "new@b.example" }),
            &[("username", "alicia"), ("email", "old@b.example")],
        ),
        (
            format!("/admin/clients/{client}/edit"),
            format!("/api/clients/{client}"),
            json!({ "who": ["payer"] }),
            &client_form,
        ),
        (
            format!("/admin/resources/{resource}"),
            format!("/api/resources/{resource}"),
            json!({ "objects": ["items", "orders"] }),
            &[("name", "Store"), ("objects", "items"), ("dynamic", "no")],
        ),
        (
            "/admin/constraints/four-eyes".to_owned(),
            "/api/constraints/four-eyes".to_owned(),
            json!({ "at_most": 2 }),
            &[
                ("roles", "payer approver auditor"),
                ("at_most", "1"),
                ("per", "session"),
            ],
        ),
    ];
    for row in rows {
        refuse_once(&app, &mut browser, row).await;
    }
    let done = browser
        .submit("/admin/roles/payer/edit", &[("acr", "aal1")])
        .await;
    is_done(&done, "/admin/roles/payer", "saved");
}
