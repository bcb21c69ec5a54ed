//! The pages on which users see and change their own account.

use serde_json::{Value, json};

use rolecall_server::{FieldAccess, ProfileField};

use crate::support::{
    Browser, Database, Fixture, NEW_PASSWORD, PASSWORD, Response, TestApp, WRONG, audit_is_whole,
    on_both,
};

on_both![
    the_account_leads_to_what_is_offered,
    profile_fields_of_ones_own_are_changed_and_others_are_not,
    a_value_that_does_not_fit_is_named_and_kept_in_the_form,
    the_password_is_changed_on_the_page_and_everything_ends,
    y366_a_wrong_present_password_changes_nothing_and_counts,
    events_of_ones_own_are_shown_in_pages_and_those_of_others_are_not,
    y367_the_data_of_one_user_is_exported_without_secrets,
    y367_a_narrowed_token_exports_nothing,
    y368_an_account_is_deleted_by_its_owner_with_the_password_alone,
    y368_the_last_administrator_stays,
    nobody_deletes_an_account_where_that_is_not_offered,
    the_pages_lead_to_the_sign_in_without_one,
];

struct Offered(TestApp);

impl std::ops::Deref for Offered {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.0
    }
}

impl Fixture for Offered {
    async fn on(db: Database) -> Self {
        let app = TestApp::configured(db, |builder| {
            builder
                .self_delete(true)
                .profile_field(ProfileField::string("name").max_length(20).required())
                .profile_field(ProfileField::date("birthday"))
                .profile_field(ProfileField::boolean("letters"))
                .profile_field(ProfileField::choice("size", ["small", "large"]))
                .profile_field(ProfileField::string("plan").write(FieldAccess::Admin))
                .profile_field(
                    ProfileField::string("note")
                        .read(FieldAccess::Admin)
                        .write(FieldAccess::Admin),
                )
        });
        Self(app.await)
    }
}

impl Offered {
    async fn create_alice(&self) -> String {
        let profile = json!({ "name": "Alice", "plan": "free", "note": "a difficult one" });
        let body = json!({
            "username": "alice", "password": PASSWORD, "roles": ["user"], "profile": profile,
        });
        let created = self.post("/api/users", self.admin().await, body).await;
        created.is(201).text("id")
    }

    async fn profile_of(&self, id: &str) -> Value {
        let shown = self
            .get(format!("/api/users/{id}"), self.admin().await)
            .await;
        shown.is(200).json["profile"].clone()
    }
}

/// Signs a user in to the page of the account.
async fn signed_in<'a>(app: &'a TestApp, username: &str) -> Browser<'a> {
    let mut browser = Browser::new(app);
    let begun = browser.open("/account").await;
    let location = begun.is(303).header("location").unwrap().to_owned();
    let flow = location.strip_prefix("/login?flow=").unwrap();
    let entered = browser.log_in(flow, username, PASSWORD).await;
    assert_eq!(entered.is(303).header("location"), Some("/account"));
    browser
}

#[track_caller]
fn page(response: &Response, status: u16) -> String {
    String::from_utf8_lossy(&response.is(status).body).into_owned()
}

fn password_form<'a>(current: &'a str, new: &'a str, again: &'a str) -> [(&'a str, &'a str); 3] {
    [("current", current), ("new", new), ("again", again)]
}

async fn the_account_leads_to_what_is_offered(app: Offered) {
    app.create_alice().await;
    let mut browser = signed_in(&app, "alice").await;
    let text = page(&browser.open("/account").await, 200);
    for path in ["profile", "password", "events", "export", "delete"] {
        assert!(
            text.contains(&format!("href=\"/account/{path}\"")),
            "{path}"
        );
        browser.open(&format!("/account/{path}")).await.is(200);
    }
    let plain = app.node(|builder| builder).await;
    browser.go_to(&plain);
    let text = page(&browser.open("/account").await, 200);
    assert!(!text.contains("/account/profile") && !text.contains("/account/delete"));
    browser.open("/account/profile").await.is(404);
}

async fn profile_fields_of_ones_own_are_changed_and_others_are_not(app: Offered) {
    let id = app.create_alice().await;
    let mut browser = signed_in(&app, "alice").await;
    let text = page(&browser.open("/account/profile").await, 200);
    assert!(
        text.contains("value=\"Alice\"") && !text.contains("plan"),
        "{text}"
    );
    assert!(!text.contains("note") && !text.contains("difficult"));
    let form = [
        ("field-name", "Alice B."),
        ("field-birthday", "2001-02-03"),
        ("field-letters", "true"),
        ("field-plan", "gold"),
        ("field-note", "x"),
        ("field-other", "x"),
    ];
    let saved = browser.submit("/account/profile", &form).await;
    assert_eq!(
        saved.is(303).header("location"),
        Some("/account/profile?notice=saved")
    );
    let text = page(&browser.open("/account/profile?notice=saved").await, 200);
    assert!(text.contains("Your details are saved.") && text.contains("2001-02-03"));
    let expected = json!({
        "name": "Alice B.", "birthday": "2001-02-03", "letters": true, "plan": "free",
        "note": "a difficult one",
    });
    assert_eq!(app.profile_of(&id).await, expected);
    // an empty value removes one, and a field that the form lacks stays
    let form = [("field-name", "Alice B."), ("field-birthday", "")];
    browser.submit("/account/profile", &form).await.is(303);
    let profile = app.profile_of(&id).await;
    assert_eq!(
        (&profile["birthday"], &profile["letters"]),
        (&Value::Null, &json!(true))
    );
    let entry = app.newest_entry().await;
    assert_eq!(entry["actor"], format!("user:{id}"));
    assert!(audit_is_whole(&app).await);
}

async fn a_value_that_does_not_fit_is_named_and_kept_in_the_form(app: Offered) {
    let id = app.create_alice().await;
    let mut browser = signed_in(&app, "alice").await;
    for (field, value, part) in [
        ("birthday", "yesterday", "a date such as"),
        ("size", "medium", "choose one of"),
        (
            "name",
            "a name that is longer than twenty",
            "1 to 20 characters",
        ),
    ] {
        let name = format!("field-{field}");
        let refused = browser.submit("/account/profile", &[(&name, value)]).await;
        let text = page(&refused, 422);
        assert!(
            text.contains(&format!("{field}: ")) && text.contains(part),
            "{text}"
        );
        assert!(!text.contains("null removes"), "{text}");
        assert!(field == "size" || text.contains(value), "{text}");
    }
    assert_eq!(app.profile_of(&id).await["name"], "Alice");
}

async fn the_password_is_changed_on_the_page_and_everything_ends(app: Offered) {
    app.create_alice().await;
    let token = app.log_in("alice").await;
    let (mut browser, mut other) = (
        signed_in(&app, "alice").await,
        signed_in(&app, "alice").await,
    );
    for (form, problem) in [
        (
            password_form(PASSWORD, NEW_PASSWORD, "else"),
            "The two new passwords differ.",
        ),
        (
            password_form(PASSWORD, "qazwsxedc", "qazwsxedc"),
            "needs at least 15",
        ),
        (
            password_form(PASSWORD, PASSWORD, PASSWORD),
            "is the present one",
        ),
    ] {
        let refused = browser.submit("/account/password", &form).await;
        let text = page(&refused, 422);
        assert!(text.contains(problem), "{text}");
    }
    let form = password_form(PASSWORD, NEW_PASSWORD, NEW_PASSWORD);
    let changed = browser.submit("/account/password", &form).await;
    let location = changed.is(303).header("location").unwrap().to_owned();
    assert!(location.starts_with("/login?flow=") && location.ends_with("&notice=password-changed"));
    let text = page(&browser.open(&location).await, 200);
    assert!(text.contains("Your password is changed."), "{text}");
    for browser in [&mut browser, &mut other] {
        browser.open("/account/events").await.is(303);
    }
    app.get("/api/me", &token).await.ended_token();
    app.password_grant("alice", NEW_PASSWORD).await.is(200);
    app.password_grant("alice", PASSWORD).await.wrong_password();
}

async fn y366_a_wrong_present_password_changes_nothing_and_counts(app: Offered) {
    app.create_alice().await;
    let mut browser = signed_in(&app, "alice").await;
    let form = password_form(WRONG, NEW_PASSWORD, NEW_PASSWORD);
    let refused = browser.submit("/account/password", &form).await;
    assert!(page(&refused, 401).contains("The present password is wrong."));
    let refused = browser
        .submit("/account/delete", &[("password", WRONG)])
        .await;
    assert!(page(&refused, 401).contains("The present password is wrong."));
    for number in 0..10 {
        let guess = format!("{WRONG} {number}");
        browser
            .submit("/account/delete", &[("password", guess.as_str())])
            .await;
    }
    let refused = browser
        .submit("/account/delete", &[("password", PASSWORD)])
        .await;
    assert!(page(&refused, 429).contains("Too many tries."));
    browser.open("/account").await.is(200);
}

async fn events_of_ones_own_are_shown_in_pages_and_those_of_others_are_not(app: Offered) {
    let id = app.create_alice().await;
    app.create_user("bob", &[]).await;
    app.log_in("bob").await;
    app.password_grant("alice", WRONG).await.wrong_password();
    let mut browser = signed_in(&app, "alice").await;
    let text = page(&browser.open("/account/events").await, 200);
    assert!(
        text.contains("Signed in") && text.contains("A sign-in failed"),
        "{text}"
    );
    assert!(!text.contains("Older"));
    for number in 0..60 {
        let sql = format!(
            "INSERT INTO audit_events (id, at, kind, subject_id, address, detail) \
             VALUES ('ffff{number:04}', 0, 'kind-{number:02}', '{id}', '203.0.113.9', 'of-administrators')"
        );
        app.db.execute(&sql).await;
    }
    let text = page(&browser.open("/account/events").await, 200);
    assert!(text.contains("kind-59") && text.contains("kind-10") && !text.contains("kind-09"));
    assert!(!text.contains("of-administrators"), "{text}");
    let older = text
        .split("before=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let text = page(
        &browser
            .open(&format!("/account/events?before={older}"))
            .await,
        200,
    );
    assert!(text.contains("kind-09") && text.contains("kind-00") && text.contains("Signed in"));
    assert!(!text.contains("kind-10") && !text.contains("Older"));
    let text = page(&browser.open("/account/events?before=%27%22%3E").await, 200);
    assert!(text.contains("Nothing yet."), "{text}");
}

async fn y367_the_data_of_one_user_is_exported_without_secrets(app: Offered) {
    let id = app.create_alice().await;
    app.create_user("bob", &[]).await;
    let token = app.log_in("alice").await;
    let mut browser = signed_in(&app, "alice").await;
    let file = browser.open("/account/export").await;
    let disposition = file.is(200).header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"account.json\""));
    assert_eq!(file.header("cache-control"), Some("no-store"));
    let over_api = app.get("/api/me/export", &token).await;
    for data in [&file.json, &over_api.is(200).json] {
        assert_eq!(
            (&data["account"]["id"], &data["account"]["username"]),
            (&json!(id), &json!("alice"))
        );
        assert_eq!(
            data["account"]["profile"],
            json!({ "name": "Alice", "plan": "free" })
        );
        assert_eq!(data["role_assignments"][0]["role"], "user");
        assert_eq!(data["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(data["browser_sessions"][0]["amr"], json!(["pwd"]));
        assert_eq!(data["consents"], json!([]));
        assert_eq!(data["events"][0]["kind"], "log_in");
        let text = data.to_string();
        for secret in ["argon2", "hash", "secret", "bob", "difficult"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    assert_eq!(over_api.json["sessions"][0]["current"], true);
}

async fn y367_a_narrowed_token_exports_nothing(app: Offered) {
    app.create_alice().await;
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", PASSWORD),
        ("scope", "role:user"),
    ];
    let narrowed = app.token(&form).await.is(200).text("access_token");
    app.get("/api/me", &narrowed).await.is(200);
    app.get("/api/me/export", &narrowed).await.is(403);
    app.get("/api/me/export", "").await.is(401);
}

async fn y368_an_account_is_deleted_by_its_owner_with_the_password_alone(app: Offered) {
    let id = app.create_alice().await;
    let token = app.log_in("alice").await;
    let mut browser = signed_in(&app, "alice").await;
    let text = page(&browser.open("/account/delete").await, 200);
    assert!(text.contains("Nobody can bring it back."), "{text}");
    browser.submit("/account/delete", &[]).await.is(401);
    let foreign = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let form = [("password", PASSWORD)];
    let refused = browser
        .submit_with("/account/delete", &form, &foreign)
        .await;
    refused.is(403);
    app.get("/api/me", &token).await.is(200);
    let left = browser.submit("/account/delete", &form).await;
    assert!(page(&left, 200).contains("Your account is deleted"));
    app.get("/api/me", &token).await.ended_token();
    browser.open("/account").await.is(303);
    app.password_grant("alice", PASSWORD).await.wrong_password();
    let admin = app.admin().await;
    app.get(format!("/api/users/{id}"), admin).await.is(404);
    let entry = app.newest_entry().await;
    assert_eq!(entry["actor"], format!("user:{id}"));
    assert_eq!(entry["changes"][0]["action"], "user.deleted");
    let rows = format!("SELECT count(*) FROM role_assignments WHERE subject_id = '{id}'");
    assert_eq!(app.db.number(&rows).await, 0);
    assert!(audit_is_whole(&app).await);
}

async fn y368_the_last_administrator_stays(app: Offered) {
    let mut browser = signed_in(&app, "admin").await;
    let refused = browser
        .submit("/account/delete", &[("password", PASSWORD)])
        .await;
    let text = page(&refused, 409);
    assert!(text.contains("role=\"alert\""), "{text}");
    browser.open("/account").await.is(200);
    app.create_user("carol", &["rolecall.admin"]).await;
    browser
        .submit("/account/delete", &[("password", PASSWORD)])
        .await
        .is(200);
    browser.open("/account").await.is(303);
}

async fn nobody_deletes_an_account_where_that_is_not_offered(app: TestApp) {
    app.create_user("alice", &[]).await;
    let mut browser = signed_in(&app, "alice").await;
    browser.open("/account/delete").await.is(404);
    let refused = browser
        .submit("/account/delete", &[("password", PASSWORD)])
        .await;
    refused.is(404);
    browser.open("/account").await.is(200);
    app.log_in("alice").await;
}

async fn the_pages_lead_to_the_sign_in_without_one(app: Offered) {
    let mut browser = Browser::new(&app);
    for path in ["profile", "password", "events", "export", "delete"] {
        let led = browser.open(&format!("/account/{path}")).await;
        let location = led.is(303).header("location").unwrap();
        assert!(location.starts_with("/login?flow="), "{path}");
    }
    for path in ["profile", "password", "delete"] {
        let form = [
            ("current", PASSWORD),
            ("password", PASSWORD),
            ("field-name", "x"),
        ];
        let led = browser.submit(&format!("/account/{path}"), &form).await;
        assert!(
            led.is(303)
                .header("location")
                .unwrap()
                .starts_with("/login?flow=")
        );
    }
}
