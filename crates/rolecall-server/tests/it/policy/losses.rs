//! Tokens after a new policy.

use serde_json::json;

use super::{ITEMS, set_policy};
use crate::support::{TestApp, on_both};

on_both![
    a_document_that_removes_something_revokes_tokens_at_once,
    tokens_that_rest_on_a_removed_path_are_revoked_too,
    a_document_that_only_adds_revokes_no_token,
    a_document_cannot_change_builtin_roles,
];

async fn a_document_that_removes_something_revokes_tokens_at_once(app: TestApp) {
    let all = "[permissions]\n\"items:read\" = \"\"\n\"items:write\" = \"\"\n\"docs:read\" = \"\"\n\"docs:list\" = \"\"\n\
        [roles.admin]\n[roles.grant]\npermissions = [\"items:read\"]\n[roles.wild]\npermissions = [\"docs:*\"]\n\
        [roles.junior]\npermissions = [\"items:write\"]\n[roles.senior]\njuniors = [\"junior\"]\n[roles.gone]\n[roles.stays]\npermissions = [\"items:read\"]\n";
    let cases = [
        (
            "grant",
            "[roles.grant]\npermissions = [\"items:read\"]",
            "[roles.grant]",
        ),
        ("senior", "juniors = [\"junior\"]", ""),
        ("gone", "[roles.gone]\n", ""),
        ("wild", "\"docs:list\" = \"\"\n", ""),
    ];
    set_policy(&app, all).await;
    for role in ["grant", "senior", "gone", "wild", "stays"] {
        app.create_user(role, &[role]).await;
    }
    let stays = app.log_in("stays").await;
    for (user, from, to) in cases {
        assert!(all.contains(from));
        let token = app.log_in(user).await;
        app.get("/api/me", &token).await.is(200);
        let planned = app
            .plan_policy(app.admin().await, &all.replace(from, to))
            .await;
        assert_eq!(planned.is(200).json["subjects"][0]["name"], user);
        set_policy(&app, &all.replace(from, to)).await;
        app.get("/api/me", &token).await.ended_token();
        app.get("/api/me", &stays).await.is(200);
        set_policy(&app, all).await;
        if user == "gone" {
            let shown = app
                .get(
                    format_args!("/api/users?username={user}"),
                    app.admin().await,
                )
                .await;
            assert_eq!(
                shown.json["items"][0]["roles"],
                json!([]),
                "the assignment is deleted with the role"
            );
        }
    }
    // a token with only the junior active had it through the senior
    set_policy(&app, all).await;
    let token = app.log_in_with_scope("senior", "role:junior").await;
    set_policy(&app, &all.replace("juniors = [\"junior\"]", "")).await;
    app.get("/api/me", &token).await.ended_token();
}

async fn tokens_that_rest_on_a_removed_path_are_revoked_too(app: TestApp) {
    let chain = "[roles.admin]\n[roles.low]\n[roles.middle]\njuniors = [\"low\"]\n";
    let all = format!(
        "{chain}[roles.top]\njuniors = [\"middle\"]\n[roles.boss]\njuniors = [\"middle\"]\n"
    );
    set_policy(&app, &all).await;
    app.create_user("top", &["top"]).await;
    app.create_user("boss", &["boss"]).await;
    // a token can be narrowed to a role several levels down
    let (top, boss) = (
        app.log_in_with_scope("top", "role:low").await,
        app.log_in_with_scope("boss", "role:low").await,
    );
    set_policy(
        &app,
        &all.replace("[roles.top]\njuniors = [\"middle\"]", "[roles.top]"),
    )
    .await;
    app.get("/api/me", &top).await.ended_token();
    let boss_again = app.log_in_with_scope("boss", "role:low").await;
    app.get("/api/me", &boss).await.ended_token();
    set_policy(&app, &format!("{chain}[roles.top]\n")).await;
    app.get("/api/me", &boss_again).await.ended_token();
}

async fn a_document_that_only_adds_revokes_no_token(app: TestApp) {
    set_policy(&app, ITEMS).await;
    app.create_user("alice", &["editor"]).await;
    let token = app.log_in("alice").await;
    let more = ITEMS.replace(
        "permissions = [\"items:read\"]",
        "permissions = [\"items:read\", \"items:write\"]",
    );
    set_policy(
        &app,
        &format!("{more}\n[roles.new]\njuniors = [\"editor\"]\n"),
    )
    .await;
    app.get("/items/", &token).await.is(200);
}

async fn a_document_cannot_change_builtin_roles(app: TestApp) {
    let admin = app.admin().await;
    set_policy(&app, &format!("{ITEMS}\n[roles.user]\ndescription = \"all\"\npermissions = [\"items:read\"]\njuniors = [\"reader\"]")).await;
    app.create_user("alice", &["user"]).await;
    let token = app.log_in("alice").await;
    app.get("/items/", &token).await.is(200);
    let builtin = "SELECT COUNT(*) FROM role_permissions WHERE role LIKE 'rolecall.%'";
    let before = app.db.number(builtin).await;
    // a document without `user` empties that role
    set_policy(&app, "[roles.admin]").await;
    app.get("/items/", &token).await.ended_token();
    let user = app.get("/api/roles/user", admin).await;
    assert_eq!(
        (&user.json["permissions"], &user.json["juniors"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(user.text("description"), "all");
    assert_eq!(app.db.number(builtin).await, before);
    app.get("/api/me", &app.log_in("alice").await).await.is(200);
    app.get("/api/keys", admin).await.is(200);
}
