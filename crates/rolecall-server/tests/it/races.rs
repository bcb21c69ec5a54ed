//! Two nodes at once: what must never both happen.

use http::Method;
use serde_json::json;

use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    two_nodes_never_both_take_the_last_administrator,
    two_edits_from_both_sides_never_make_a_cycle,
    a_log_in_never_outlives_the_password_that_it_used,
    one_name_is_never_registered_twice,
    one_assignment_made_twice_is_one,
    a_reset_code_is_never_used_twice,
    an_unassignment_is_never_lost_to_a_log_in,
];

const ROUNDS: usize = 20;

async fn two_nodes_never_both_take_the_last_administrator(app: TestApp) {
    let other = app.second_node().await;
    let admin = app.id_of("admin").await;
    let bob = app.user("bob", &["rolecall.admin"]).await;
    let role = |id: &str| format!("/api/users/{id}/roles/rolecall.admin");
    for round in 0..ROUNDS {
        let (own, bobs) = (app.login("admin").await, other.login("bob").await);
        // each takes the role from the other
        let (one, two) = tokio::join!(
            app.delete(role(&bob), &own),
            other.delete(role(&admin), &bobs),
        );
        let sql = "SELECT COUNT(*) FROM role_assignments WHERE role = 'rolecall.admin'";
        assert_eq!(
            app.db.number(sql).await,
            1,
            "round {round}: {one:?} {two:?}"
        );
        let won = [&one, &two]
            .into_iter()
            .filter(|answer| answer.status == 204);
        assert_eq!(won.count(), 1, "round {round}: {one:?} {two:?}");
        // whoever is left gives it back
        let (left, id) = if one.status == 204 {
            ("admin", &bob)
        } else {
            ("bob", &admin)
        };
        let token = app.login(left).await;
        app.put(role(id), &token).await.done();
    }
}

async fn two_edits_from_both_sides_never_make_a_cycle(app: TestApp) {
    let other = app.second_node().await;
    app.role("a", &[]).await;
    app.role("b", &[]).await;
    let admin = app.admin().await;
    for round in 0..ROUNDS {
        let (one, two) = tokio::join!(
            app.put("/api/roles/a/juniors/b", admin),
            other.put("/api/roles/b/juniors/a", admin),
        );
        assert_eq!(app.db.count("role_juniors").await, 1, "round {round}");
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "round {round}");
        app.delete("/api/roles/a/juniors/b", admin).await.done();
        app.delete("/api/roles/b/juniors/a", admin).await.done();
    }
}

async fn a_log_in_never_outlives_the_password_that_it_used(app: TestApp) {
    let other = app.second_node().await;
    let alice = app.user("alice", &[]).await;
    let passwords = [PASSWORD, "another horse battery staple"];
    for round in 0..ROUNDS {
        let (old, new) = (passwords[round % 2], passwords[(round + 1) % 2]);
        let change = json!({ "username": "alice", "current_password": old, "new_password": new });
        let (changed, logged_in) = tokio::join!(
            app.post("/password", "", change),
            other.password_grant("alice", old),
        );
        changed.done();
        let sql = format!("SELECT COUNT(*) FROM sessions WHERE subject_id = '{alice}'");
        assert_eq!(app.db.number(&sql).await, 0, "round {round}");
        if logged_in.status == 200 {
            app.get("/api/me", &logged_in.text("access_token"))
                .await
                .ended();
        } else {
            logged_in.wrong_password();
        }
        app.forgive().await;
    }
}

async fn one_name_is_never_registered_twice(app: TestApp) {
    let other = app.second_node().await;
    for round in 0..ROUNDS {
        let body = json!({ "username": format!("user{round}"), "password": PASSWORD });
        let upper = json!({ "username": format!("USER{round}"), "password": PASSWORD });
        let (one, two) = tokio::join!(
            app.post("/register", "", body),
            other.post("/register", "", upper),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "round {round}: {one:?} {two:?}");
    }
    assert_eq!(
        app.db.count("users").await,
        1 + i64::try_from(ROUNDS).unwrap()
    );
    assert_eq!(app.db.count("subjects").await, app.db.count("users").await);
}

async fn one_assignment_made_twice_is_one(app: TestApp) {
    let other = app.second_node().await;
    app.role("editor", &[]).await;
    let alice = app.user("alice", &[]).await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/editor");
    for _ in 0..ROUNDS {
        let before = app.db.revision().await;
        let (one, two) = tokio::join!(app.put(&path, admin), other.put(&path, admin));
        one.done();
        two.done();
        assert_eq!(app.db.revision().await, before + 1);
        let (one, two) = tokio::join!(app.delete(&path, admin), other.delete(&path, admin));
        one.done();
        two.done();
        assert_eq!(app.db.revision().await, before + 2);
    }
    assert_eq!(app.db.count("audit").await, app.db.revision().await);
}

async fn a_reset_code_is_never_used_twice(app: TestApp) {
    let other = app.second_node().await;
    let alice = app.user("alice", &[]).await;
    let admin = app.admin().await;
    for round in 0..ROUNDS {
        let path = format!("/api/users/{alice}/reset");
        let code = app.post(path, admin, json!({})).await.text("reset_code");
        let with = |new: &str| json!({ "username": "alice", "current_password": code, "new_password": new });
        let (one, two) = tokio::join!(
            app.post("/password", "", with("the horse of the first node")),
            other.post("/password", "", with("the horse of the second node")),
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 401], "round {round}: {one:?} {two:?}");
        app.forgive().await;
    }
}

async fn an_unassignment_is_never_lost_to_a_log_in(app: TestApp) {
    let other = app.second_node().await;
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &[]).await;
    for round in 0..ROUNDS {
        app.assign(&alice, "editor").await;
        let path = format!("/api/users/{alice}/roles/editor");
        let ask = app.request(Method::DELETE, path).token(app.admin().await);
        let (lost, token) = tokio::join!(ask.send(), other.login("alice"));
        lost.done();
        // at the node that answered, the token holds the role no more, whichever came first
        let answer = app.get("/items/", &token).await;
        assert!(
            [401, 403].contains(&answer.status.as_u16()),
            "round {round}: {answer:?}"
        );
    }
}
