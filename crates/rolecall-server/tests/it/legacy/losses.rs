//! What ends an old token.

use std::time::Duration;

use serde_json::json;

use super::{old, taken_over};
use crate::{
    command_line::rolecall,
    support::{TestApp, eventually, on_both},
};

on_both![
    a_loss_ends_every_old_token_of_that_user,
    a_name_that_changed_hands_brings_no_old_token_back,
    recover_ends_old_tokens_too,
    a_role_that_lost_a_permission_shows_in_old_tokens,
];

async fn a_loss_ends_every_old_token_of_that_user(app: TestApp) {
    let names = ["unassigned", "disabled", "changed", "logged-out", "renamed"];
    let users: Vec<(&str, &str)> = names.iter().map(|name| (*name, "editor")).collect();
    let node = taken_over(&app, &[&users[..], &[("other", "editor")]].concat()).await;
    for name in names.into_iter().chain(["other"]) {
        node.get("/items/", &old(&app, name)).await.is(200);
    }
    let admin = app.admin().await;
    for name in names {
        let id = app.id_of(name).await;
        match name {
            "unassigned" => {
                app.unassign(&id, "editor").await;
                app.assign(&id, "editor").await;
            }
            "disabled" => {
                for status in ["disabled", "active"] {
                    let body = json!({ "status": status });
                    app.patch(format_args!("/api/users/{id}"), admin, body)
                        .await
                        .is(200);
                }
            }
            "changed" => {
                let output = rolecall(&app, &["user", "reset", name]).await;
                assert!(output.status.success());
            }
            "logged-out" => {
                let output = rolecall(&app, &["session", "end", name]).await;
                assert!(output.status.success(), "{output:?}");
            }
            _ => {
                let body = json!({ "username": "another-name" });
                app.patch(format_args!("/api/users/{id}"), admin, body)
                    .await
                    .is(200);
            }
        }
        let token = old(&app, name);
        if name != "logged-out" {
            eventually(name, async || {
                node.get("/items/", &token).await.status == 401
            })
            .await;
            // nor one that the old application would make now: it knows of no loss
            app.pass(Duration::from_secs(61));
            assert_eq!(
                node.get("/items/", &old(&app, name)).await.status,
                401,
                "{name}"
            );
        }
    }
    node.get("/items/", &old(&app, "other")).await.is(200);
}

async fn a_name_that_changed_hands_brings_no_old_token_back(app: TestApp) {
    let node = taken_over(&app, &[("gone", "editor"), ("left", "editor")]).await;
    let admin = app.admin().await;
    let (gone, left) = (app.id_of("gone").await, app.id_of("left").await);
    app.delete(format_args!("/api/users/{gone}"), admin)
        .await
        .done();
    let body = json!({ "username": "elsewhere" });
    app.patch(format_args!("/api/users/{left}"), admin, body)
        .await
        .is(200);
    app.user("gone", &["editor"]).await;
    app.user("left", &["editor"]).await;
    for name in ["gone", "left", "elsewhere"] {
        assert_eq!(
            node.get("/items/", &old(&app, name)).await.status,
            401,
            "{name}"
        );
    }
    // the same person under the old name again is not known to be the same
    let body = json!({ "username": "third" });
    app.patch(format_args!("/api/users/{left}"), admin, body)
        .await
        .is(200);
    assert_eq!(node.get("/items/", &old(&app, "left")).await.status, 401);
}

async fn recover_ends_old_tokens_too(app: TestApp) {
    let node = taken_over(&app, &[("alice", "editor")]).await;
    let token = old(&app, "alice");
    node.get("/items/", &token).await.is(200);
    let output = rolecall(&app, &["recover"]).await;
    assert!(output.status.success(), "{output:?}");
    eventually("the old token ends", async || {
        node.get("/items/", &token).await.status == 401
    })
    .await;
    assert_eq!(node.get("/items/", &old(&app, "alice")).await.status, 401);
}

async fn a_role_that_lost_a_permission_shows_in_old_tokens(app: TestApp) {
    let node = taken_over(&app, &[("alice", "editor")]).await;
    let token = old(&app, "alice");
    node.get("/items/", &token).await.is(200);
    app.delete(
        "/api/roles/editor/permissions/items:read",
        app.admin().await,
    )
    .await
    .done();
    eventually("the permission goes", async || {
        node.get("/items/", &token).await.status == 403
    })
    .await;
    node.get("/edit", &token).await.is(200);
}
