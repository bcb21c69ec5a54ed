//! What was entered in a form is there again after a sign-in that came between.

use std::time::Duration;

use serde_json::json;

use super::{between, is_done, page, signed_in};
use crate::support::{Browser, PASSWORD, Response, TestApp, on_both};

on_both![
    every_form_has_what_was_entered_again_after_a_sign_in,
    a_form_is_kept_over_a_fresh_proof_and_can_be_overtaken,
    y537_an_address_fills_no_form_of_something_that_is_stored,
];

/// The path of a form, what is entered, and what the page has after the sign-in.
type Row<'f> = (String, &'f [(&'f str, &'f str)], &'f [&'f str]);

/// Makes one of each, and returns the ids of the user, the client and the resource.
async fn furnish(app: &TestApp) -> [String; 3] {
    app.create_role("payer", &["items:read"]).await;
    app.create_role("approver", &[]).await;
    let user = app.create_user("alice", &[]).await;
    let admin = app.admin().await;
    let body = json!({ "name": "Shop", "kind": "web", "grants": ["authorization_code"], "redirect_uris": ["https://shop.example/cb"] });
    let client = app.post("/api/clients", admin, body).await;
    let client = client.is(201).text("client_id");
    let body = json!({ "uri": "https://api.example", "name": "Stock", "objects": ["items"] });
    let resource = app.post("/api/resources", admin, body).await;
    let resource = resource.is(201).text("id");
    let body = json!({ "name": "four-eyes", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    app.post("/api/constraints", admin, body).await.is(201);
    [user, client, resource]
}

/// Signs in where an answer leads to, and returns where the sign-in leads back to.
async fn sign_in(browser: &mut Browser<'_>, sent: &Response) -> String {
    let location = sent.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap();
    let entered = browser.log_in(flow, "admin", PASSWORD).await;
    entered.is(303).header("location").unwrap().to_owned()
}

/// The forms of what is new.
fn new_things() -> [Row<'static>; 5] {
    [
        (
            "/admin/users/new".to_owned(),
            &[
                ("username", "nina"),
                ("email", "n@b.example"),
                ("way", "invite"),
            ],
            &["value=\"nina\"", "value=\"n@b.example\""],
        ),
        (
            "/admin/roles/new".to_owned(),
            &[("name", "cook"), ("description", "Cooks"), ("acr", "aal2")],
            &[
                "value=\"cook\"",
                "value=\"Cooks\"",
                "value=\"aal2\" selected",
                "name=\"by_name\" value=\"on\">",
            ],
        ),
        (
            "/admin/permissions".to_owned(),
            &[("name", "pans:heat"), ("description", "Heat pans")],
            &["value=\"pans:heat\"", "value=\"Heat pans\""],
        ),
        (
            "/admin/constraints".to_owned(),
            &[
                ("name", "apart"),
                ("kind", "dynamic"),
                ("roles", "payer"),
                ("at_most", "7"),
            ],
            &[
                "value=\"apart\"",
                "value=\"dynamic\" checked",
                "value=\"7\"",
            ],
        ),
        (
            "/admin/resources/new".to_owned(),
            &[
                ("uri", "https://other.example"),
                ("name", "Other"),
                ("objects", "pans"),
            ],
            &["value=\"https://other.example\"", "value=\"Other\"", "pans"],
        ),
    ]
}

/// The forms of a new client, of a request, and of the whole policy.
fn further_things() -> [Row<'static>; 3] {
    [
        (
            "/admin/clients/new".to_owned(),
            &[
                ("name", "Later"),
                ("kind", "web"),
                ("redirect_uris", "https://later.example/cb"),
                ("client_secret", "5f1a0c3e-0d4b-4a7e-9a57-2f6f0f0e7a11"),
            ],
            &["value=\"Later\"", "https://later.example/cb"],
        ),
        (
            "/admin/requests".to_owned(),
            &[
                ("user", "alice"),
                ("role", "payer"),
                ("reason", "stands in"),
            ],
            &["value=\"alice\"", "stands in"],
        ),
        (
            "/admin/policy".to_owned(),
            &[("document", "# mine\r\n[roles.one]"), ("step", "plan")],
            &["# mine\n[roles.one]"],
        ),
    ]
}

/// The forms of what is stored.
fn stored_things([user, client, resource]: &[String; 3]) -> [Row<'static>; 7] {
    [
        (
            format!("/admin/users/{user}/edit"),
            &[("username", "alicia"), ("email", "new@b.example")],
            &["value=\"alicia\"", "value=\"new@b.example\""],
        ),
        (
            format!("/admin/users/{user}/assign"),
            &[
                ("role", "payer"),
                ("until", "2030-01-01T10:00"),
                ("reason", "holidays"),
            ],
            &["value=\"2030-01-01T10:00\"", "value=\"holidays\""],
        ),
        (
            "/admin/roles/payer/edit".to_owned(),
            &[("description", "Pays bills"), ("acr", "phr")],
            &["value=\"Pays bills\"", "value=\"phr\" selected"],
        ),
        (
            format!("/admin/clients/{client}/edit"),
            &[
                ("name", "Store"),
                ("kind", "web"),
                ("redirect_uris", "https://store.example/cb"),
            ],
            &["value=\"Store\"", "https://store.example/cb"],
        ),
        (
            format!("/admin/clients/{client}/secret"),
            &[("overlap", "168"), ("step", "new")],
            &["value=\"168\" selected"],
        ),
        (
            format!("/admin/resources/{resource}"),
            &[
                ("name", "Store"),
                ("objects", "items orders"),
                ("dynamic", "no"),
            ],
            &["value=\"Store\"", "items orders"],
        ),
        (
            "/admin/constraints/four-eyes".to_owned(),
            &[
                ("roles", "payer approver"),
                ("at_most", "9"),
                ("step", "save"),
            ],
            &["value=\"9\""],
        ),
    ]
}

async fn every_form_has_what_was_entered_again_after_a_sign_in(app: TestApp) {
    let ids = furnish(&app).await;
    let mut at_home = signed_in(&app, "admin").await;
    let rows = new_things().into_iter().chain(further_things());
    let rows = rows.chain(stored_things(&ids));
    for (path, form, expected) in rows {
        let shown = page(&at_home.open(&path).await, 200);
        let seen = between(&shown, "name=\"seen\" value=\"", "\"").to_owned();
        let sent = [form, &[("seen", seen.as_str())]].concat();
        // a browser whose session has ended meanwhile
        let mut browser = Browser::new(&app);
        let sent = browser.submit(&path, &sent).await;
        let back = sign_in(&mut browser, &sent).await;
        assert!(back.starts_with(&format!("{path}?")), "{path}: {back}");
        assert!(
            !back.contains("5f1a0c3e") && !back.contains("step"),
            "{back}"
        );
        let text = page(&browser.open(&back).await, 200);
        for value in expected {
            assert!(text.contains(value), "{path}: {value}: {text}");
        }
        assert!(text.contains("Nothing of it is saved yet"), "{path}");
    }
    // nothing was saved on the way
    let admin = app.admin().await;
    let stored = app
        .get("/api/roles/payer", admin)
        .await
        .is(200)
        .json
        .clone();
    assert_eq!(
        (&stored["description"], &stored["acr"]),
        (&json!(""), &json!("aal1"))
    );
    app.get("/api/roles/cook", admin).await.is(404);
}

async fn y537_an_address_fills_no_form_of_something_that_is_stored(app: TestApp) {
    let ids = furnish(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let policy = (
        "/admin/policy".to_owned(),
        &[("document", "# mine")][..],
        &["# mine"][..],
    );
    for (path, form, expected) in stored_things(&ids).into_iter().chain([policy]) {
        let shown = page(&browser.open(&path).await, 200);
        let seen = between(&shown, "name=\"seen\" value=\"", "\"").to_owned();
        // what confirms an action, or names what is given, is chosen again on the page that follows
        if seen.is_empty() && path != "/admin/policy" {
            continue;
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(form).append_pair("seen", &seen);
        let sent_by_somebody = format!("{path}?{}", query.finish());
        let text = page(&browser.open(&sent_by_somebody).await, 200);
        for value in expected {
            assert!(!text.contains(value), "{path}: {value}: {text}");
        }
        assert!(!text.contains("Nothing of it is saved yet"), "{path}");
    }
}

async fn a_form_is_kept_over_a_fresh_proof_and_can_be_overtaken(app: TestApp) {
    let [user, ..] = furnish(&app).await;
    let mut browser = signed_in(&app, "admin").await;
    let path = format!("/admin/users/{user}/edit");
    let opened = page(&browser.open(&path).await, 200);
    let seen = between(&opened, "name=\"seen\" value=\"", "\"").to_owned();
    let form = [
        ("username", "alicia"),
        ("email", ""),
        ("seen", seen.as_str()),
    ];
    app.pass_time(Duration::from_mins(16));
    let sent = browser.submit(&path, &form).await;
    let back = sign_in(&mut browser, &sent).await;
    assert_eq!(back, format!("{path}?username=alicia&seen={seen}"));
    let text = page(&browser.open(&back).await, 200);
    assert!(text.contains("value=\"alicia\""), "{text}");
    let (token, change) = (app.log_in("admin").await, json!({ "email": "a@b.example" }));
    app.patch(format!("/api/users/{user}"), &token, change)
        .await
        .is(200);
    let text = page(&browser.open(&back).await, 409);
    assert!(text.contains("Somebody else has changed it"), "{text}");
    assert!(text.contains("value=\"alicia\""), "{text}");
    let seen = between(&text, "name=\"seen\" value=\"", "\"").to_owned();
    let form = [
        ("username", "alicia"),
        ("email", ""),
        ("seen", seen.as_str()),
    ];
    is_done(
        &browser.submit(&path, &form).await,
        &format!("/admin/users/{user}"),
        "saved",
    );
}
