//! Losing access: each kind of loss refuses the tokens that rest on it at once, and no others; a gain
//! comes with the next log-in.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, claims, on_both};

on_both![
    x002_unassigning_ends_the_tokens_of_that_user_alone,
    shortening_an_assignment_is_a_loss,
    revoking_a_permission_ends_the_tokens_of_all_that_inherit_it,
    revoking_a_wildcard_is_a_loss,
    removing_a_junior_ends_the_tokens_of_the_senior_the_junior_and_below,
    deleting_a_role_ends_the_tokens_that_carry_it,
    deleting_a_permission_held_by_wildcard_is_a_loss,
    x002_disabling_and_deleting_a_user_end_their_tokens_alone,
    a_token_narrowed_to_a_junior_ends_when_the_way_to_it_is_cut,
    a_gain_ends_no_token_and_comes_with_the_next_log_in,
    a_log_in_raises_nothing,
    a_token_made_after_the_loss_is_not_refused,
    a_loss_is_enforced_before_it_is_answered_on_the_own_routes_too,
    a_floor_is_kept_until_the_last_token_below_it_has_ended,
    a_token_of_another_era_is_refused,
];

/// Who is there: alice has `editor`, bob has `reader` (below `editor`), carol has `other`.
struct People {
    alice: (String, String),
    bob: (String, String),
    carol: (String, String),
}

async fn people(app: &TestApp) -> People {
    app.role("base", &["docs:read"]).await;
    app.role("reader", &["items:read"]).await;
    app.role("editor", &["items:write"]).await;
    app.role("other", &["other:read"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("reader", "base").await;
    let person = async |name: &str, role: &str| {
        let id = app.user(name, &[role]).await;
        (id, app.login(name).await)
    };
    let people = People {
        alice: person("alice", "editor").await,
        bob: person("bob", "reader").await,
        carol: person("carol", "other").await,
    };
    people.expect(app, "").await;
    people
}

impl People {
    /// Asks with each token: those named in `ended`, by their first letter, are refused, the others are not.
    async fn expect(&self, app: &TestApp, ended: &str) {
        for (letter, (_, token)) in [('a', &self.alice), ('b', &self.bob), ('c', &self.carol)] {
            let answers = [
                app.get("/api/me", token).await,
                app.get("/edit", token).await,
            ];
            for answer in answers {
                if ended.contains(letter) {
                    answer.ended();
                } else {
                    assert_ne!(answer.status, 401, "{letter}");
                }
            }
        }
        app.get("/api/me", app.admin().await).await.is(200);
    }
}

async fn x002_unassigning_ends_the_tokens_of_that_user_alone(app: TestApp) {
    let people = people(&app).await;
    app.get("/edit", &people.alice.1).await.is(200);
    app.unassign(&people.alice.0, "editor").await;
    people.expect(&app, "a").await;
    let later = app.login("alice").await;
    app.get("/edit", &later).await.forbidden("role:editor");
    app.get("/items/", &later).await.forbidden("items:read");
}

async fn shortening_an_assignment_is_a_loss(app: TestApp) {
    let people = people(&app).await;
    let path = format!("/api/users/{}/roles/editor", people.alice.0);
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(path, app.admin().await, body).await.done();
    people.expect(&app, "a").await;
}

async fn revoking_a_permission_ends_the_tokens_of_all_that_inherit_it(app: TestApp) {
    let people = people(&app).await;
    app.get("/items/", &people.alice.1).await.is(200);
    let path = "/api/roles/reader/permissions/items:read";
    app.delete(path, app.admin().await).await.done();
    people.expect(&app, "ab").await;
    app.get("/items/", &app.login("alice").await)
        .await
        .forbidden("items:read");
}

async fn revoking_a_wildcard_is_a_loss(app: TestApp) {
    let people = people(&app).await;
    let path = "/api/roles/other/permissions/items:*";
    app.put(path, app.admin().await).await.done();
    people.expect(&app, "").await;
    let token = app.login("carol").await;
    app.get("/items/", &token).await.is(200);
    app.delete(path, app.admin().await).await.done();
    app.get("/items/", &token).await.ended();
    people.expect(&app, "c").await;
}

async fn removing_a_junior_ends_the_tokens_of_the_senior_the_junior_and_below(app: TestApp) {
    let people = people(&app).await;
    let below = app.user("dave", &["base"]).await;
    let dave = app.login("dave").await;
    let path = "/api/roles/editor/juniors/reader";
    app.delete(path, app.admin().await).await.done();
    people.expect(&app, "ab").await;
    app.get("/api/me", &dave).await.ended();
    assert_eq!(claims(&app.login("dave").await)["sub"], below);
    app.get("/items/", &app.login("alice").await)
        .await
        .forbidden("items:read");
    app.get("/items/", &app.login("bob").await).await.is(200);
}

async fn deleting_a_role_ends_the_tokens_that_carry_it(app: TestApp) {
    let people = people(&app).await;
    app.delete("/api/roles/reader", app.admin().await)
        .await
        .done();
    people.expect(&app, "ab").await;
    app.get("/items/", &app.login("bob").await)
        .await
        .forbidden("items:read");
}

async fn deleting_a_permission_held_by_wildcard_is_a_loss(app: TestApp) {
    let people = people(&app).await;
    let admin = app.admin().await;
    app.put("/api/roles/other/permissions/items:*", admin)
        .await
        .done();
    let carol = app.login("carol").await;
    app.delete("/api/roles/reader/permissions/items:read", admin)
        .await
        .done();
    app.get("/items/", &carol).await.is(200);
    app.delete("/api/permissions/items:read", admin)
        .await
        .done();
    app.get("/items/", &carol).await.ended();
    people.expect(&app, "abc").await;
    let later = app.login("carol").await;
    app.get("/items/", &later).await.forbidden("items:read");
    let me = app.get("/api/me", &later).await;
    assert_eq!(me.texts("permissions"), ["items:write", "other:read"]);
}

async fn x002_disabling_and_deleting_a_user_end_their_tokens_alone(app: TestApp) {
    let people = people(&app).await;
    let path = format!("/api/users/{}", people.alice.0);
    let admin = app.admin().await;
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    people.expect(&app, "a").await;
    app.password_grant("alice", PASSWORD).await.wrong_password();
    app.patch(&path, admin, json!({ "status": "active" }))
        .await
        .is(200);
    // what has ended does not come back
    people.expect(&app, "a").await;
    app.login("alice").await;
    app.delete(format_args!("/api/users/{}", people.bob.0), admin)
        .await
        .done();
    people.expect(&app, "ab").await;
}

async fn a_token_narrowed_to_a_junior_ends_when_the_way_to_it_is_cut(app: TestApp) {
    let people = people(&app).await;
    let narrowed = app.login_for("alice", "role:base").await;
    assert_eq!(claims(&narrowed)["roles"], json!(["base"]));
    let path = "/api/roles/editor/juniors/reader";
    app.delete(path, app.admin().await).await.done();
    app.get("/api/me", &narrowed).await.ended();
    app.try_login_for("alice", "role:base")
        .await
        .oauth(400, "invalid_scope");
    people.expect(&app, "ab").await;
}

async fn a_gain_ends_no_token_and_comes_with_the_next_log_in(app: TestApp) {
    let people = people(&app).await;
    let admin = app.admin().await;
    let carol = &people.carol.1;
    app.assign(&people.carol.0, "reader").await;
    app.put("/api/roles/other/permissions/docs:read", admin)
        .await
        .done();
    app.inherit("other", "editor").await;
    app.role("unrelated", &["more:read"]).await;
    let body = json!({ "expires_at": "2031-01-01T00:00:00Z" });
    let path = format!("/api/users/{}/roles/unrelated", people.carol.0);
    app.put_json(&path, admin, body).await.done();
    app.put(&path, admin).await.done();
    app.patch("/api/me", carol, json!({ "email": "carol@mail.example" }))
        .await
        .is(200);
    people.expect(&app, "").await;
    app.get("/items/", carol).await.forbidden("items:read");
    app.get("/edit", carol).await.forbidden("role:editor");
    let later = app.login("carol").await;
    app.get("/items/", &later).await.is(200);
    app.get("/edit", &later).await.is(200);
}

async fn a_log_in_raises_nothing(app: TestApp) {
    let people = people(&app).await;
    let (revision, floors) = (app.db.revision().await, app.db.count("floors").await);
    for _ in 0..3 {
        app.login("alice").await;
        app.password_grant("alice", "wrong").await.wrong_password();
    }
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("floors").await, floors);
    people.expect(&app, "").await;
}

async fn a_token_made_after_the_loss_is_not_refused(app: TestApp) {
    let people = people(&app).await;
    app.unassign(&people.alice.0, "editor").await;
    // in the same second, by the clock that stands still
    let later = app.login("alice").await;
    app.get("/api/me", &later).await.is(200);
    assert_eq!(
        claims(&later)["iat"],
        claims(&people.alice.1)["iat"],
        "it is the revision that counts"
    );
    let floor = app
        .db
        .number(&format!(
            "SELECT revision FROM floors WHERE subject = '{}'",
            people.alice.0
        ))
        .await;
    assert!(claims(&later)["rev"].as_i64().unwrap() >= floor);
    assert!(claims(&people.alice.1)["rev"].as_i64().unwrap() < floor);
}

async fn a_loss_is_enforced_before_it_is_answered_on_the_own_routes_too(app: TestApp) {
    let people = people(&app).await;
    app.guard().verify(&people.alice.1).unwrap();
    // an administrator takes away what they themselves hold
    let admin = app.id_of("admin").await;
    app.unassign(&admin, "admin").await;
    let token = app.admin().await;
    app.get("/api/users", token).await.ended();
    app.get("/admin-only", token).await.ended();
    assert!(app.guard().verify(token).is_err());
    let token = app.login("admin").await;
    app.get("/api/users", &token).await.is(200);
    app.get("/admin-only", &token).await.forbidden("role:admin");
}

async fn a_floor_is_kept_until_the_last_token_below_it_has_ended(app: TestApp) {
    let people = people(&app).await;
    app.unassign(&people.alice.0, "editor").await;
    let sql = format!(
        "SELECT (ends_at - {}) / 1000000 FROM floors WHERE subject = '{}'",
        crate::support::START.micros(),
        people.alice.0
    );
    // lifetime, leeway and a minute
    assert_eq!(app.db.number(&sql).await, 1800 + 30 + 60);
}

async fn a_token_of_another_era_is_refused(app: TestApp) {
    let token = app.login("admin").await;
    app.db.execute("UPDATE head SET era = 'another'").await;
    crate::support::eventually("the era is taken in", async || {
        app.get("/api/me", &token).await.status == 401
    })
    .await;
    app.get("/api/me", &token).await.ended();
    app.get("/api/me", &app.login("admin").await).await.is(200);
}
