//! Losing access: each kind of loss revokes the affected tokens at once, and no others; a gain applies from the next
//! login.

use serde_json::json;

use crate::support::{PASSWORD, START, TestApp, claims, eventually, on_both};

on_both![
    x002_unassigning_revokes_only_that_users_tokens,
    shortening_an_assignment_is_a_loss,
    revoking_a_permission_revokes_the_tokens_of_all_who_inherit_it,
    revoking_a_wildcard_is_a_loss,
    removing_a_junior_revokes_tokens_of_the_senior_the_junior_and_all_below,
    deleting_a_role_revokes_the_tokens_that_carry_it,
    deleting_a_permission_held_by_wildcard_is_a_loss,
    x002_disabling_or_deleting_a_user_revokes_only_their_tokens,
    a_token_narrowed_to_a_junior_is_revoked_when_the_path_to_it_is_removed,
    a_gain_revokes_no_token_and_applies_from_the_next_login,
    a_login_raises_no_floor,
    a_token_issued_after_the_loss_is_accepted,
    a_loss_is_enforced_before_the_response_on_every_route,
    a_floor_is_kept_until_the_last_token_below_it_has_expired,
    a_token_from_another_era_is_refused,
];

/// Ids and tokens: alice has `editor`, bob has `reader` (below `editor`), carol has `other`.
struct People {
    alice: (String, String),
    bob: (String, String),
    carol: (String, String),
}

async fn create_people(app: &TestApp) -> People {
    app.create_role("base", &["docs:read"]).await;
    app.create_role("reader", &["items:read"]).await;
    app.create_role("editor", &["items:write"]).await;
    app.create_role("other", &["other:read"]).await;
    app.inherit("editor", "reader").await;
    app.inherit("reader", "base").await;
    let person = async |name: &str, role: &str| {
        let id = app.create_user(name, &[role]).await;
        (id, app.log_in(name).await)
    };
    let people = People {
        alice: person("alice", "editor").await,
        bob: person("bob", "reader").await,
        carol: person("carol", "other").await,
    };
    people.expect_revoked(app, "").await;
    people
}

impl People {
    /// Sends each token: those in `revoked`, by the first letter of their user, are refused, the others are not.
    async fn expect_revoked(&self, app: &TestApp, revoked: &str) {
        for (letter, (_, token)) in [('a', &self.alice), ('b', &self.bob), ('c', &self.carol)] {
            let responses = [
                app.get("/api/me", token).await,
                app.get("/edit", token).await,
            ];
            for response in responses {
                if revoked.contains(letter) {
                    response.ended_token();
                } else {
                    assert_ne!(response.status, 401, "{letter}");
                }
            }
        }
        app.get("/api/me", app.admin().await).await.is(200);
    }
}

async fn x002_unassigning_revokes_only_that_users_tokens(app: TestApp) {
    let people = create_people(&app).await;
    app.get("/edit", &people.alice.1).await.is(200);
    app.unassign(&people.alice.0, "editor").await;
    people.expect_revoked(&app, "a").await;
    let later = app.log_in("alice").await;
    app.get("/edit", &later).await.forbidden("role:editor");
    app.get("/items/", &later).await.forbidden("items:read");
}

async fn shortening_an_assignment_is_a_loss(app: TestApp) {
    let people = create_people(&app).await;
    let path = format!("/api/users/{}/roles/editor", people.alice.0);
    let body = json!({ "expires_at": "2030-01-01T00:10:00Z" });
    app.put_json(path, app.admin().await, body)
        .await
        .no_content();
    people.expect_revoked(&app, "a").await;
}

async fn revoking_a_permission_revokes_the_tokens_of_all_who_inherit_it(app: TestApp) {
    let people = create_people(&app).await;
    app.get("/items/", &people.alice.1).await.is(200);
    let path = "/api/roles/reader/permissions/items:read";
    app.delete(path, app.admin().await).await.no_content();
    people.expect_revoked(&app, "ab").await;
    app.get("/items/", &app.log_in("alice").await)
        .await
        .forbidden("items:read");
}

async fn revoking_a_wildcard_is_a_loss(app: TestApp) {
    let people = create_people(&app).await;
    let path = "/api/roles/other/permissions/items:*";
    app.put(path, app.admin().await).await.no_content();
    people.expect_revoked(&app, "").await;
    let token = app.log_in("carol").await;
    app.get("/items/", &token).await.is(200);
    app.delete(path, app.admin().await).await.no_content();
    app.get("/items/", &token).await.ended_token();
    people.expect_revoked(&app, "c").await;
}

async fn removing_a_junior_revokes_tokens_of_the_senior_the_junior_and_all_below(app: TestApp) {
    let people = create_people(&app).await;
    let below = app.create_user("dave", &["base"]).await;
    let dave = app.log_in("dave").await;
    let path = "/api/roles/editor/juniors/reader";
    app.delete(path, app.admin().await).await.no_content();
    people.expect_revoked(&app, "ab").await;
    app.get("/api/me", &dave).await.ended_token();
    assert_eq!(claims(&app.log_in("dave").await)["sub"], below);
    app.get("/items/", &app.log_in("alice").await)
        .await
        .forbidden("items:read");
    app.get("/items/", &app.log_in("bob").await).await.is(200);
}

async fn deleting_a_role_revokes_the_tokens_that_carry_it(app: TestApp) {
    let people = create_people(&app).await;
    app.delete("/api/roles/reader", app.admin().await)
        .await
        .no_content();
    people.expect_revoked(&app, "ab").await;
    app.get("/items/", &app.log_in("bob").await)
        .await
        .forbidden("items:read");
}

async fn deleting_a_permission_held_by_wildcard_is_a_loss(app: TestApp) {
    let people = create_people(&app).await;
    let admin = app.admin().await;
    app.put("/api/roles/other/permissions/items:*", admin)
        .await
        .no_content();
    let carol = app.log_in("carol").await;
    app.delete("/api/roles/reader/permissions/items:read", admin)
        .await
        .no_content();
    app.get("/items/", &carol).await.is(200);
    app.delete("/api/permissions/items:read", admin)
        .await
        .no_content();
    app.get("/items/", &carol).await.ended_token();
    people.expect_revoked(&app, "abc").await;
    let later = app.log_in("carol").await;
    app.get("/items/", &later).await.forbidden("items:read");
    let me = app.get("/api/me", &later).await;
    assert_eq!(me.texts("permissions"), ["items:write", "other:read"]);
}

async fn x002_disabling_or_deleting_a_user_revokes_only_their_tokens(app: TestApp) {
    let people = create_people(&app).await;
    let path = format!("/api/users/{}", people.alice.0);
    let admin = app.admin().await;
    app.patch(&path, admin, json!({ "status": "disabled" }))
        .await
        .is(200);
    people.expect_revoked(&app, "a").await;
    app.password_grant("alice", PASSWORD).await.wrong_password();
    app.patch(&path, admin, json!({ "status": "active" }))
        .await
        .is(200);
    // a revoked token stays revoked
    people.expect_revoked(&app, "a").await;
    app.log_in("alice").await;
    app.delete(format_args!("/api/users/{}", people.bob.0), admin)
        .await
        .no_content();
    people.expect_revoked(&app, "ab").await;
}

async fn a_token_narrowed_to_a_junior_is_revoked_when_the_path_to_it_is_removed(app: TestApp) {
    let people = create_people(&app).await;
    let narrowed = app.log_in_with_scope("alice", "role:base").await;
    assert_eq!(claims(&narrowed)["roles"], json!(["base"]));
    let path = "/api/roles/editor/juniors/reader";
    app.delete(path, app.admin().await).await.no_content();
    app.get("/api/me", &narrowed).await.ended_token();
    app.try_log_in_with_scope("alice", "role:base")
        .await
        .oauth_error(400, "invalid_scope");
    people.expect_revoked(&app, "ab").await;
}

async fn a_gain_revokes_no_token_and_applies_from_the_next_login(app: TestApp) {
    let people = create_people(&app).await;
    let admin = app.admin().await;
    let carol = &people.carol.1;
    app.assign(&people.carol.0, "reader").await;
    app.put("/api/roles/other/permissions/docs:read", admin)
        .await
        .no_content();
    app.inherit("other", "editor").await;
    app.create_role("unrelated", &["more:read"]).await;
    let body = json!({ "expires_at": "2031-01-01T00:00:00Z" });
    let path = format!("/api/users/{}/roles/unrelated", people.carol.0);
    app.put_json(&path, admin, body).await.no_content();
    app.put(&path, admin).await.no_content();
    app.patch("/api/me", carol, json!({ "email": "carol@mail.example" }))
        .await
        .is(200);
    people.expect_revoked(&app, "").await;
    app.get("/items/", carol).await.forbidden("items:read");
    app.get("/edit", carol).await.forbidden("role:editor");
    let later = app.log_in("carol").await;
    app.get("/items/", &later).await.is(200);
    app.get("/edit", &later).await.is(200);
}

async fn a_login_raises_no_floor(app: TestApp) {
    let people = create_people(&app).await;
    let (revision, floors) = (app.db.revision().await, app.db.count("floors").await);
    for _ in 0..3 {
        app.log_in("alice").await;
        app.password_grant("alice", "wrong").await.wrong_password();
    }
    assert_eq!(app.db.revision().await, revision);
    assert_eq!(app.db.count("floors").await, floors);
    people.expect_revoked(&app, "").await;
}

async fn a_token_issued_after_the_loss_is_accepted(app: TestApp) {
    let people = create_people(&app).await;
    app.unassign(&people.alice.0, "editor").await;
    // in the same second, because the clock stands still
    let later = app.log_in("alice").await;
    app.get("/api/me", &later).await.is(200);
    assert_eq!(
        claims(&later)["iat"],
        claims(&people.alice.1)["iat"],
        "the revision decides, not the time"
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

async fn a_loss_is_enforced_before_the_response_on_every_route(app: TestApp) {
    let people = create_people(&app).await;
    app.guard().verify(&people.alice.1).unwrap();
    // an administrator removes a role of their own
    let admin = app.id_of("admin").await;
    app.unassign(&admin, "admin").await;
    let token = app.admin().await;
    app.get("/api/users", token).await.ended_token();
    app.get("/admin-only", token).await.ended_token();
    assert!(app.guard().verify(token).is_err());
    let token = app.log_in("admin").await;
    app.get("/api/users", &token).await.is(200);
    app.get("/admin-only", &token).await.forbidden("role:admin");
}

async fn a_floor_is_kept_until_the_last_token_below_it_has_expired(app: TestApp) {
    let people = create_people(&app).await;
    app.unassign(&people.alice.0, "editor").await;
    let sql = format!(
        "SELECT (ends_at - {}) / 1000000 FROM floors WHERE subject = '{}'",
        START.micros(),
        people.alice.0
    );
    // the lifetime, the leeway and a minute
    assert_eq!(app.db.number(&sql).await, 1800 + 30 + 60);
}

async fn a_token_from_another_era_is_refused(app: TestApp) {
    let token = app.log_in("admin").await;
    app.db.execute("UPDATE head SET era = 'another'").await;
    eventually("the node applies the era", async || {
        app.get("/api/me", &token).await.status == 401
    })
    .await;
    app.get("/api/me", &token).await.ended_token();
    app.get("/api/me", &app.log_in("admin").await).await.is(200);
}
