//! Quotas: how much one user may write.

use http::Method;
use rolecall_server::config::Quotas;
use serde_json::json;

use crate::support::{
    Database, Fixture, Node, PASSWORD, Phone, Response, TestApp, TokenPair, on_both, session_id,
};

on_both![
    y025_a_user_gets_429_beyond_the_quota_and_others_go_on,
    y025_revocations_have_a_quota_of_their_own,
    y025_floors_of_one_user_merge_into_one,
    y152_what_changes_nothing_costs_no_quota,
    y251_what_changes_nothing_waits_for_no_change,
    y152_a_client_does_not_use_up_what_others_may_do,
    y152_logging_out_is_always_possible,
    y232_a_change_that_a_rule_refuses_costs_quota,
    y119_log_ins_and_password_changes_of_one_account_have_a_quota,
    y445_refused_new_passwords_of_one_account_write_ten_events,
    y473_what_one_right_password_is_refused_writes_ten_events,
    y473_what_one_reset_code_is_refused_writes_ten_events,
];

/// A node with the smallest quotas for users.
struct Small(TestApp);

impl Fixture for Small {
    async fn on(db: Database) -> Self {
        let quotas = Quotas {
            own_changes_per_hour: 10,
            revocations_per_hour: 10,
            refreshes_per_hour: 10,
            ..Quotas::default()
        };
        Self(TestApp::configured(db, |builder| builder.quotas(quotas)).await)
    }
}

/// A node on which an administrator can make twenty changes in an hour.
struct FewChanges(TestApp);

impl Fixture for FewChanges {
    async fn on(db: Database) -> Self {
        let quotas = Quotas {
            changes_per_hour: 20,
            ..Quotas::default()
        };
        Self(TestApp::configured(db, |builder| builder.quotas(quotas)).await)
    }
}

/// A node on which a user can log in and change the password ten times in an hour.
struct FewLogIns(TestApp);

impl Fixture for FewLogIns {
    async fn on(db: Database) -> Self {
        let quotas = Quotas {
            own_changes_per_hour: 10,
            log_ins_per_hour: 10,
            ..Quotas::default()
        };
        Self(TestApp::configured(db, |builder| builder.quotas(quotas)).await)
    }
}

impl Node {
    async fn revoke(&self, token: &str) -> Response {
        let request = self.request(Method::POST, "/revoke");
        request.form(&[("token", token)]).send().await
    }
}

#[track_caller]
fn is_too_many(response: &Response) {
    assert_eq!(response.status, 429, "{response:?}");
    let seconds: u64 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=360).contains(&seconds), "{seconds}");
}

async fn y025_a_user_gets_429_beyond_the_quota_and_others_go_on(app: Small) {
    let app = app.0;
    app.create_user("alice", &["user"]).await;
    app.create_user("bob", &["user"]).await;
    let alice = app.open_session("alice").await;
    let bob = app.log_in("bob").await;
    let change = async |token: &str, number: u32| {
        let body = json!({ "email": format!("a{number}@mail.example") });
        app.patch("/api/me", token, body).await
    };
    for number in 0..10 {
        change(&alice.access, number).await.is(200);
    }
    let entries = app.db.count("audit").await;
    is_too_many(&change(&alice.access, 11).await);
    assert_eq!(app.db.count("audit").await, entries);
    change(&bob, 0).await.is(200);
    // administrators have a larger one
    for number in 0..12 {
        app.create_role(&format!("role-{number}"), &[]).await;
    }
    let mut pair = alice;
    for _ in 0..10 {
        pair = TokenPair::of(&app.refresh(&pair.refresh).await);
    }
    is_too_many(&app.refresh(&pair.refresh).await);
    // the session is not used up
    app.clock.advance(std::time::Duration::from_mins(6));
    TokenPair::of(&app.refresh(&pair.refresh).await);
}

async fn y025_revocations_have_a_quota_of_their_own(app: Small) {
    let app = app.0;
    app.create_user("alice", &["user"]).await;
    let last = app.log_in("alice").await;
    for _ in 0..10 {
        let token = app.log_in("alice").await;
        app.revoke(&token).await.is(200);
        // a token that has ended costs nothing
        app.revoke(&token).await.is(200);
    }
    let entries = app.db.count("audit").await;
    is_too_many(&app.revoke(&last).await);
    assert_eq!(app.db.count("audit").await, entries);
    let body = json!({ "email": "alice@mail.example" });
    app.patch("/api/me", &last, body).await.is(200);
    // and by address
    let mut answers = Vec::new();
    for _ in 0..100 {
        answers.push(app.revoke("unknown").await);
    }
    is_too_many(answers.last().unwrap());
}

async fn y152_what_changes_nothing_costs_no_quota(app: Small) {
    let app = app.0;
    app.create_user("alice", &[]).await;
    let alice = app.log_in("alice").await;
    let body = json!({ "email": "alice@mail.example" });
    let change = async || app.patch("/api/me", &alice, body.clone()).await;
    for _ in 0..12 {
        change().await.is(200);
        app.delete("/api/me/sessions/x", &alice).await.no_content();
    }
    // a refused change costs nothing either
    for _ in 0..12 {
        let wrong = json!({ "email": "nowhere" });
        app.patch("/api/me", &alice, wrong).await.is(422);
    }
    for number in 0..9 {
        let body = json!({ "email": format!("a{number}@mail.example") });
        app.patch("/api/me", &alice, body).await.is(200);
    }
    is_too_many(&change().await);
}

async fn y232_a_change_that_a_rule_refuses_costs_quota(app: FewChanges) {
    let app = app.0;
    let admin = app.admin().await;
    app.create_role("payer", &[]).await;
    app.create_role("approver", &[]).await;
    app.create_user("alice", &["payer", "approver"]).await;
    let entries = app.db.count("audit").await;
    let body =
        json!({ "name": "apart", "kind": "static", "roles": ["payer", "approver"], "at_most": 1 });
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let refused = app.post("/api/constraints", admin, body.clone()).await;
        statuses.push(refused.status.as_u16());
        if refused.status == 429 {
            is_too_many(&refused);
            break;
        }
    }
    assert_eq!(statuses.pop(), Some(429), "{statuses:?}");
    assert!(!statuses.is_empty() && statuses.iter().all(|status| *status == 409));
    assert_eq!(app.db.count("audit").await, entries);
    // a mistake in the form costs nothing, and reading goes on
    let wrong = json!({ "name": "apart" });
    app.post("/api/constraints", admin, wrong).await.is(422);
    app.get("/api/constraints", admin).await.is(200);
}

async fn y152_a_client_does_not_use_up_what_others_may_do(app: Small) {
    let app = app.0;
    app.create_user("alice", &["user"]).await;
    let client = app.create_client("app", json!({})).await;
    let mut own = app.open_session("alice").await;
    let mut other = TokenPair::of(&app.log_in_through(&client, &[]).await);
    for _ in 0..10 {
        other = TokenPair::of(&app.refresh_through(&client, &other.refresh).await);
    }
    is_too_many(&app.refresh_through(&client, &other.refresh).await);
    let again = TokenPair::of(&app.log_in_through(&client, &[]).await);
    app.refresh_through(&client, &again.refresh).await.is(200);
    for _ in 0..10 {
        own = TokenPair::of(&app.refresh(&own.refresh).await);
    }
    let change = async |token: &str, number: u32| {
        let body = json!({ "email": format!("a{number}@mail.example") });
        app.patch("/api/me", token, body).await
    };
    for number in 0..10 {
        change(&other.access, number).await.is(200);
    }
    is_too_many(&change(&other.access, 10).await);
    change(&own.access, 10).await.is(200);
    for _ in 0..10 {
        let pair = TokenPair::of(&app.log_in_through(&client, &[]).await);
        let form = [("token", pair.access.as_str())];
        app.form_as(&client, "/revoke", &form).send().await.is(200);
    }
    let token = app.log_in("alice").await;
    app.revoke(&token).await.is(200);
    app.get("/api/me", &token).await.ended_token();
}

async fn y152_logging_out_is_always_possible(app: Small) {
    let app = app.0;
    app.create_user("alice", &["user"]).await;
    let last = app.log_in("alice").await;
    for number in 0..12 {
        let pair = app.open_session("alice").await;
        if number % 3 == 0 {
            app.revoke(&pair.refresh).await.is(200);
        } else if number % 3 == 1 {
            let path = format!("/api/me/sessions/{}", session_id(&pair.access));
            app.delete(path, &last).await.no_content();
        } else {
            let out = app.post("/api/me/logout", &pair.access, json!({})).await;
            out.no_content();
        }
        app.get("/api/me", &pair.access).await.ended_token();
    }
    let out = app.post("/api/me/logout", &last, json!({})).await;
    out.no_content();
}

async fn y025_floors_of_one_user_merge_into_one(app: TestApp) {
    let alice = app.create_user("alice", &["user"]).await;
    let bob = app.create_user("bob", &["user"]).await;
    let bystander = app.log_in("bob").await;
    let count = async |what: &str| app.db.count(&format!("floors WHERE {what}")).await;
    for _ in 0..32 {
        let token = app.log_in("alice").await;
        app.revoke(&token).await.is(200);
        app.get("/api/me", &token).await.ended_token();
    }
    assert_eq!(count("kind = 'jti'").await, 32);
    for _ in 0..5 {
        let (token, other) = (app.log_in("alice").await, app.open_session("alice").await);
        app.revoke(&token).await.is(200);
        app.get("/api/me", &token).await.ended_token();
        // it refuses more, and a refresh gives a new token
        app.get("/api/me", &other.access).await.ended_token();
        let again = TokenPair::of(&app.refresh(&other.refresh).await);
        app.get("/api/me", &again.access).await.is(200);
    }
    assert_eq!(count("kind = 'jti'").await, 32);
    let of_alice = format!("kind = 'subject' AND subject = '{alice}'");
    assert_eq!(count(&of_alice).await, 1);
    app.get("/api/me", &bystander).await.is(200);
    assert_eq!(count(&format!("subject = '{bob}'")).await, 0);
}

async fn y119_log_ins_and_password_changes_of_one_account_have_a_quota(app: FewLogIns) {
    let app = app.0;
    app.create_user("alice", &["user"]).await;
    app.create_user("bob", &["user"]).await;
    // what others send does not use it up
    for _ in 0..3 {
        app.password_grant("alice", "a wrong password")
            .await
            .is(401);
    }
    for _ in 0..10 {
        app.log_in("alice").await;
    }
    let stored = async || {
        (
            app.db.count("audit_events").await,
            app.db.count("sessions").await,
        )
    };
    let before = stored().await;
    let refused = app.password_grant("alice", PASSWORD).await;
    is_too_many(&refused);
    refused.oauth_error(429, "temporarily_unavailable");
    assert_eq!(stored().await, before);
    app.log_in("bob").await;
    app.clock.advance(std::time::Duration::from_mins(6));
    app.log_in("alice").await;
    // changes with the password alone are counted too
    let change = async |from: &str, to: &str| {
        let body = json!({ "username": "bob", "current_password": from, "new_password": to });
        app.post("/password", "", body).await
    };
    let mut current = PASSWORD.to_owned();
    for number in 0..10 {
        let next = format!("password {number} of somebody");
        change(&current, &next).await.no_content();
        current = next;
    }
    let entries = app.db.count("audit").await;
    is_too_many(&change(&current, PASSWORD).await);
    assert_eq!(app.db.count("audit").await, entries);
}

async fn y251_what_changes_nothing_waits_for_no_change(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    let alice = app.log_in("alice").await;
    let email = json!({ "email": "alice@mail.example" });
    app.patch("/api/me", &alice, email.clone()).await.is(200);
    let held = app.db.lock_head().await;
    app.patch("/api/me", &alice, email).await.is(200);
    let unknown = "/api/me/sessions/01890a5d-ac96-774b-bcce-b302099a8057";
    app.delete(unknown, &alice).await.no_content();
    held.release().await;
}

async fn y445_refused_new_passwords_of_one_account_write_ten_events(app: Small) {
    app.0.create_user("alice", &[]).await;
    let token = app.0.log_in("alice").await;
    let body = json!({ "current_password": PASSWORD, "new_password": "short" });
    for _ in 0..12 {
        let refused = app.0.put_json("/api/me/password", &token, body.clone());
        refused.await.invalid(&["body", "new_password"]);
    }
    let events = "SELECT COUNT(*) FROM audit_events WHERE kind = 'password_proven'";
    assert_eq!(app.0.db.number(events).await, 10);
}

async fn y473_what_one_right_password_is_refused_writes_ten_events(app: Small) {
    use rolecall::Clock as _;
    let app = app.0;
    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let begun = app.post("/api/me/factors/totp", &token, json!({})).await;
    let (id, phone) = (begun.is(201).text("id"), Phone::with(&begun.text("secret")));
    let code = json!({ "code": phone.code(app.clock.now()) });
    let path = format!("/api/me/factors/{id}/confirm");
    app.post(path, &token, code).await.is(200);
    for _ in 0..12 {
        app.replace_password("alice", PASSWORD, "another pass phrase")
            .await;
    }
    let events = "SELECT COUNT(*) FROM audit_events WHERE kind = 'password_proven'";
    let written = app.db.number(events).await;
    assert!((1..=10).contains(&written), "{written}");
}

async fn y473_what_one_reset_code_is_refused_writes_ten_events(app: FewLogIns) {
    let app = app.0;
    app.create_role("helpdesk", &["rolecall.users:write"]).await;
    app.create_user("hilda", &["helpdesk"]).await;
    let alice = app.create_user("alice", &[]).await;
    let hilda = app.log_in("hilda").await;
    let made = app
        .post(format!("/api/users/{alice}/reset"), &hilda, json!({}))
        .await;
    let code = made.is(200).text("reset_code");
    for _ in 0..12 {
        app.replace_password("alice", &code, "another pass phrase")
            .await;
        app.password_grant("alice", &code).await;
    }
    for kind in ["reset_refused", "password_proven"] {
        let events = format!("SELECT COUNT(*) FROM audit_events WHERE kind = '{kind}'");
        let written = app.db.number(&events).await;
        assert!((1..=10).contains(&written), "{kind}: {written}");
    }
}
