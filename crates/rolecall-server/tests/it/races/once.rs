//! Requests of which only one may succeed.

use serde_json::json;

use crate::support::{PASSWORD, TestApp, on_both};

on_both![
    one_name_is_never_registered_twice,
    the_same_assignment_made_twice_is_one,
    a_reset_code_is_never_used_twice,
];

/// Few rounds suffice where the order of reads does not matter.
const FEW: usize = 20;

async fn one_name_is_never_registered_twice(app: TestApp) {
    let other = app.second_node().await;
    for round in 0..FEW {
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
    assert_eq!(app.db.count("users").await, 1 + i64::try_from(FEW).unwrap());
    assert_eq!(app.db.count("subjects").await, app.db.count("users").await);
}

async fn the_same_assignment_made_twice_is_one(app: TestApp) {
    let other = app.second_node().await;
    app.create_role("editor", &[]).await;
    let alice = app.create_user("alice", &[]).await;
    let admin = app.admin().await;
    let path = format!("/api/users/{alice}/roles/editor");
    for _ in 0..FEW {
        let before = app.db.revision().await;
        let (one, two) = tokio::join!(app.put(&path, admin), other.put(&path, admin));
        one.no_content();
        two.no_content();
        assert_eq!(app.db.revision().await, before + 1);
        let (one, two) = tokio::join!(app.delete(&path, admin), other.delete(&path, admin));
        one.no_content();
        two.no_content();
        assert_eq!(app.db.revision().await, before + 2);
    }
    assert_eq!(app.db.count("audit").await, app.db.revision().await);
}

async fn a_reset_code_is_never_used_twice(app: TestApp) {
    let other = app.second_node().await;
    let alice = app.create_user("alice", &[]).await;
    let admin = app.admin().await;
    for round in 0..FEW {
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
        app.clear_failures().await;
    }
}
