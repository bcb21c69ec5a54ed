//! Losses that revoke old tokens.

use std::time::Duration;

use serde_json::json;

use super::{import_users, old_token};
use crate::support::{TestApp, eventually, on_both, rolecall};

on_both![
    a_loss_revokes_every_old_token_of_that_user,
    an_old_token_never_works_for_a_reused_name,
    recover_revokes_old_tokens_too,
    a_permission_removed_from_a_role_is_gone_from_old_tokens_too,
    y192_an_old_token_gives_no_role_that_other_tokens_of_its_user_could_exclude,
];

async fn a_loss_revokes_every_old_token_of_that_user(app: TestApp) {
    let names = ["unassigned", "disabled", "changed", "logged-out", "renamed"];
    let users: Vec<(&str, &str)> = names.iter().map(|name| (*name, "editor")).collect();
    let node = import_users(&app, &[&users[..], &[("other", "editor")]].concat()).await;
    for name in names.into_iter().chain(["other"]) {
        node.get("/items/", &old_token(&app, name)).await.is(200);
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
        let token = old_token(&app, name);
        if name != "logged-out" {
            eventually(name, async || {
                node.get("/items/", &token).await.status == 401
            })
            .await;
            // nor does a token that the old application would issue now, since it knows of no loss
            app.pass_time(Duration::from_secs(61));
            assert_eq!(
                node.get("/items/", &old_token(&app, name)).await.status,
                401,
                "{name}"
            );
        }
    }
    node.get("/items/", &old_token(&app, "other")).await.is(200);
}

async fn an_old_token_never_works_for_a_reused_name(app: TestApp) {
    let node = import_users(&app, &[("gone", "editor"), ("left", "editor")]).await;
    let admin = app.admin().await;
    let (gone, left) = (app.id_of("gone").await, app.id_of("left").await);
    app.delete(format_args!("/api/users/{gone}"), admin)
        .await
        .no_content();
    let body = json!({ "username": "elsewhere" });
    app.patch(format_args!("/api/users/{left}"), admin, body)
        .await
        .is(200);
    app.create_user("gone", &["editor"]).await;
    app.create_user("left", &["editor"]).await;
    for name in ["gone", "left", "elsewhere"] {
        assert_eq!(
            node.get("/items/", &old_token(&app, name)).await.status,
            401,
            "{name}"
        );
    }
    // the server cannot know that it is the same person under the old name
    let body = json!({ "username": "third" });
    app.patch(format_args!("/api/users/{left}"), admin, body)
        .await
        .is(200);
    assert_eq!(
        node.get("/items/", &old_token(&app, "left")).await.status,
        401
    );
}

async fn recover_revokes_old_tokens_too(app: TestApp) {
    let node = import_users(&app, &[("alice", "editor")]).await;
    let token = old_token(&app, "alice");
    node.get("/items/", &token).await.is(200);
    let output = rolecall(&app, &["recover"]).await;
    assert!(output.status.success(), "{output:?}");
    eventually("the old token is revoked", async || {
        node.get("/items/", &token).await.status == 401
    })
    .await;
    assert_eq!(
        node.get("/items/", &old_token(&app, "alice")).await.status,
        401
    );
}

async fn a_permission_removed_from_a_role_is_gone_from_old_tokens_too(app: TestApp) {
    let node = import_users(&app, &[("alice", "editor")]).await;
    let token = old_token(&app, "alice");
    node.get("/items/", &token).await.is(200);
    app.delete(
        "/api/roles/editor/permissions/items:read",
        app.admin().await,
    )
    .await
    .no_content();
    eventually("the permission is gone", async || {
        node.get("/items/", &token).await.status == 403
    })
    .await;
    node.get("/edit", &token).await.is(200);
}

async fn y192_an_old_token_gives_no_role_that_other_tokens_of_its_user_could_exclude(app: TestApp) {
    for role in ["payer", "approver", "clerk"] {
        app.create_plain_role(role, &[]).await;
    }
    app.create_role("boss", &[]).await;
    app.inherit("boss", "payer").await;
    let body = json!({
        "name": "payments", "kind": "dynamic", "roles": ["payer", "approver"], "at_most": 1, "per": "subject",
    });
    let admin = app.admin().await;
    app.post("/api/constraints", admin, body).await.is(201);
    let users = ["alice", "bob", "carol", "dave"].map(|name| (name, "payer"));
    let node = import_users(&app, &users).await;
    let client = app.create_resource_server("items").await;
    let roles = async |name: &str| {
        let seen = node.introspect(&client, &old_token(&app, name)).await;
        assert_eq!(seen.is(200).json["active"], true, "{name}");
        seen.json["roles"].clone()
    };
    let [alice, carol, dave] = ["alice", "carol", "dave"].map(|name| app.id_of(name));
    let (alice, carol, dave) = (alice.await, carol.await, dave.await);
    for role in ["approver", "clerk"] {
        app.assign(&alice, role).await;
    }
    // wherever the other role is assigned, and by whatever role the first one is inherited
    app.assign_in(&carol, "approver", "acme").await;
    app.assign(&carol, "clerk").await;
    for role in ["boss", "approver", "clerk"] {
        app.assign(&dave, role).await;
    }
    for name in ["alice", "carol", "dave"] {
        assert_eq!(roles(name).await, json!(["clerk"]), "{name}");
    }
    // who has one of the roles has nothing to choose
    assert_eq!(roles("bob").await, json!(["payer"]));
    app.delete("/api/constraints/payments", admin)
        .await
        .no_content();
    let all = json!(["approver", "clerk", "payer"]);
    assert_eq!(roles("alice").await, all);
}
