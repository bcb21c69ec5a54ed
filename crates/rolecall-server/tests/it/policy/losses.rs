//! Tokens after a new policy.

use serde_json::json;

use super::{ITEMS, given, plan};
use crate::support::{TestApp, on_both};

on_both![
    what_a_document_takes_away_ends_tokens_at_once,
    what_was_reached_by_way_of_what_is_gone_ends_too,
    what_a_document_only_adds_ends_no_token,
    what_is_rolecalls_own_stays_as_it_is,
];

async fn what_a_document_takes_away_ends_tokens_at_once(app: TestApp) {
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
    given(&app, all).await;
    for role in ["grant", "senior", "gone", "wild", "stays"] {
        app.user(role, &[role]).await;
    }
    let stays = app.login("stays").await;
    for (user, from, to) in cases {
        assert!(all.contains(from));
        let token = app.login(user).await;
        app.get("/api/me", &token).await.is(200);
        let planned = plan(&app, app.admin().await, &all.replace(from, to)).await;
        assert_eq!(planned.is(200).json["subjects"][0]["name"], user);
        given(&app, &all.replace(from, to)).await;
        app.get("/api/me", &token).await.ended();
        app.get("/api/me", &stays).await.is(200);
        given(&app, all).await;
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
                "the assignment went with the role"
            );
        }
    }
    // who had activated the junior alone had it by way of the senior
    given(&app, all).await;
    let token = app.login_for("senior", "role:junior").await;
    given(&app, &all.replace("juniors = [\"junior\"]", "")).await;
    app.get("/api/me", &token).await.ended();
}

async fn what_was_reached_by_way_of_what_is_gone_ends_too(app: TestApp) {
    let chain = "[roles.admin]\n[roles.low]\n[roles.middle]\njuniors = [\"low\"]\n";
    let all = format!(
        "{chain}[roles.top]\njuniors = [\"middle\"]\n[roles.boss]\njuniors = [\"middle\"]\n"
    );
    given(&app, &all).await;
    app.user("top", &["top"]).await;
    app.user("boss", &["boss"]).await;
    // a token may carry a role far below alone
    let (top, boss) = (
        app.login_for("top", "role:low").await,
        app.login_for("boss", "role:low").await,
    );
    given(
        &app,
        &all.replace("[roles.top]\njuniors = [\"middle\"]", "[roles.top]"),
    )
    .await;
    app.get("/api/me", &top).await.ended();
    let boss_again = app.login_for("boss", "role:low").await;
    app.get("/api/me", &boss).await.ended();
    given(&app, &format!("{chain}[roles.top]\n")).await;
    app.get("/api/me", &boss_again).await.ended();
}

async fn what_a_document_only_adds_ends_no_token(app: TestApp) {
    given(&app, ITEMS).await;
    app.user("alice", &["editor"]).await;
    let token = app.login("alice").await;
    let more = ITEMS.replace(
        "permissions = [\"items:read\"]",
        "permissions = [\"items:read\", \"items:write\"]",
    );
    given(
        &app,
        &format!("{more}\n[roles.new]\njuniors = [\"editor\"]\n"),
    )
    .await;
    app.get("/items/", &token).await.is(200);
}

async fn what_is_rolecalls_own_stays_as_it_is(app: TestApp) {
    let admin = app.admin().await;
    given(&app, &format!("{ITEMS}\n[roles.user]\ndescription = \"all\"\npermissions = [\"items:read\"]\njuniors = [\"reader\"]")).await;
    app.user("alice", &["user"]).await;
    let token = app.login("alice").await;
    app.get("/items/", &token).await.is(200);
    let own = "SELECT COUNT(*) FROM role_permissions WHERE role LIKE 'rolecall.%'";
    let before = app.db.number(own).await;
    // a document that names no `user` empties it
    given(&app, "[roles.admin]").await;
    app.get("/items/", &token).await.ended();
    let user = app.get("/api/roles/user", admin).await;
    assert_eq!(
        (&user.json["permissions"], &user.json["juniors"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(user.text("description"), "all");
    assert_eq!(app.db.number(own).await, before);
    app.get("/api/me", &app.login("alice").await).await.is(200);
    app.get("/api/keys", admin).await.is(200);
}
