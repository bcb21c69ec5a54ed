//! Keys that are not trusted any more: a signing key that is retired, and another master key.

use std::{
    collections::BTreeSet, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration,
};

use http::Method;
use rolecall::SystemClock;
use rolecall_server::StartError;
use serde_json::json;

use crate::{
    command_line::{command, rolecall, rolecall_with, run},
    keys::{keys_of, kid, published, rotate},
    support::{MASTER_KEY, Node, PASSWORD, TestApp, WRONG, eventually, on_both},
};

on_both![
    x009_what_a_retired_key_signed_is_refused_cached_tokens_included,
    a_key_that_is_not_in_use_cannot_be_retired,
    nobody_without_the_permission_rotates_or_retires_at_the_command_line,
    everything_opens_with_the_new_master_key_and_nothing_with_the_old,
    nodes_that_have_both_master_keys_go_on_over_the_rotation,
    a_node_that_has_only_the_old_master_key_signs_nothing_after_the_rotation,
    a_wrong_master_key_is_refused_in_words_and_changes_nothing,
    x086_a_rotation_of_the_master_key_that_is_killed_leaves_the_old_or_the_new,
];

const NEW: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f";

/// A file that only its owner may read, with a master key.
struct KeyFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl KeyFile {
    fn of(key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        std::fs::write(&path, key).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

async fn rotate_master(app: &TestApp) {
    let file = KeyFile::of(NEW);
    let arguments = ["key", "rotate-master", "--new-key-file", file.path()];
    run(app, &arguments).await;
}

/// The key that signs, the one after it, and those whose tokens have not ended: no other, and none is left out.
async fn only_keys_in_use_are_published(server: &Node) {
    eventually("what is published is what is in use", async || {
        let mut in_use: BTreeSet<String> = keys_of(server, "retiring").await.into_iter().collect();
        for status in ["active", "next"] {
            let keys = keys_of(server, status).await;
            assert_eq!(keys.len(), 1, "{status}");
            in_use.extend(keys);
        }
        published(server).await == in_use
    })
    .await;
}

async fn x009_what_a_retired_key_signed_is_refused_cached_tokens_included(app: TestApp) {
    let server = app.node(|builder| builder.clock(SystemClock)).await;
    // the first key was made by a clock years ahead, which the node would put right at some moment of its own
    rotate(&server, json!({ "force": true })).await.is(200);
    let old = server.login("admin").await;
    server.get("/api/me", &old).await.is(200);
    let api = json!({ "grants": [], "roles": ["rolecall.resource-server"] });
    let api = app.client("api", api).await;
    let is_active = async |token: &str| {
        let ask = server
            .request(Method::POST, "/introspect")
            .form(&[("token", token)]);
        let answer = ask.header("authorization", &api.basic()).send().await;
        answer.is(200).json.clone()
    };
    assert_eq!(is_active(&old).await["active"], true);
    let next = keys_of(&server, "next").await.pop().unwrap();
    run(&app, &["key", "retire", &kid(&old)]).await;
    // at once, before any poll: nothing is signed with it any more
    let new = server.login("admin").await;
    assert_eq!(kid(&new), next);
    eventually("the cached token is refused", async || {
        server.get("/api/me", &old).await.status == 401
    })
    .await;
    server.get("/api/me", &old).await.not_valid();
    assert_eq!(is_active(&old).await, json!({ "active": false }));
    server.get("/api/me", &new).await.is(200);
    assert_eq!(
        keys_of(&server, "active").await.as_slice(),
        std::slice::from_ref(&next)
    );
    only_keys_in_use_are_published(&server).await;
    assert!(!published(&server).await.contains(&kid(&old)));
    assert_eq!(keys_of(&server, "retired").await, [kid(&old)]);
    // the next one can go too, and it costs no token
    let next = keys_of(&server, "next").await.pop().unwrap();
    run(&app, &["key", "retire", &next]).await;
    server.get("/api/me", &new).await.is(200);
    eventually("it is not published any more", async || {
        !published(&server).await.contains(&next)
    })
    .await;
    only_keys_in_use_are_published(&server).await;
    // and one that is retiring
    rotate(&server, json!({ "force": true })).await.is(200);
    server.get("/api/me", &new).await.is(200);
    run(&app, &["key", "retire", &kid(&new)]).await;
    eventually("the token is refused", async || {
        server.get("/api/me", &new).await.status == 401
    })
    .await;
}

async fn a_key_that_is_not_in_use_cannot_be_retired(app: TestApp) {
    let before = app.db.revision().await;
    for unknown in ["no-such-key", "", "a'b"] {
        let refused = rolecall(&app, &["key", "retire", unknown]).await;
        assert!(!refused.status.success(), "{unknown}");
    }
    assert_eq!(app.db.revision().await, before);
}

async fn nobody_without_the_permission_rotates_or_retires_at_the_command_line(app: TestApp) {
    app.role("auditor", &["rolecall.keys:read"]).await;
    app.user("alice", &["auditor"]).await;
    app.user("bob", &["user"]).await;
    let key = keys_of(&app, "active").await.pop().unwrap();
    let before = app.db.revision().await;
    let file = KeyFile::of(NEW);
    let as_alice = ["--as", "alice", "key"];
    for arguments in [
        &["rotate"][..],
        &["retire", &key],
        &["rotate-master", "--new-key-file", file.path()],
    ] {
        let refused = rolecall(&app, &[&as_alice, arguments].concat()).await;
        assert!(!refused.status.success(), "{arguments:?}");
    }
    assert_eq!(app.db.revision().await, before);
    let listed = rolecall(&app, &["--as", "alice", "key", "list", "--json"]).await;
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains(&key) && !listed.contains("sealed"),
        "{listed}"
    );
    let refused = rolecall(&app, &["--as", "bob", "key", "list"]).await;
    assert!(!refused.status.success() && refused.stdout.is_empty());
}

async fn everything_opens_with_the_new_master_key_and_nothing_with_the_old(app: TestApp) {
    let pair = app.log_in("admin").await;
    app.user("alice", &["user"]).await;
    for _ in 0..6 {
        app.password_grant("alice", WRONG).await;
    }
    let keys = published(&app).await;
    rotate_master(&app).await;
    let refused = app.builder().open().await.err();
    assert!(
        matches!(refused, Some(StartError::WrongMasterKey)),
        "{refused:?}"
    );
    let node = app.node(|builder| builder.master_key(NEW)).await;
    assert_eq!(published(&node).await, keys);
    // it is the signing keys that vouch for access tokens
    node.get("/api/me", &pair.access).await.is(200);
    // without the old one, the refresh tokens made with it have ended
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", pair.refresh.as_str()),
    ];
    node.token(&form).await.oauth(400, "invalid_grant");
    // what was counted is not forgotten, and the log is still whole
    assert_eq!(node.password_grant("alice", PASSWORD).await.status, 429);
    let verified = rolecall_with(&app, NEW, &["audit", "verify"]).await;
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}");
    let told = app
        .db
        .texts("SELECT changes FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    assert!(told[0].contains("master_key.rotated"), "{told:?}");
    rotate(&node, json!({})).await.is(200);
}

async fn nodes_that_have_both_master_keys_go_on_over_the_rotation(app: TestApp) {
    let both = async |first: &str, second: &str| {
        let (first, second) = (first.to_owned(), second.to_owned());
        app.node(|builder| builder.master_key(&first).previous_master_key(&second))
            .await
    };
    // before the rotation the database is sealed with what is already called the previous one
    let nodes = [both(NEW, MASTER_KEY).await, both(MASTER_KEY, NEW).await];
    let mut pair = app.log_in("admin").await;
    let refresh = async |node: &crate::support::Node, token: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        crate::refresh::Pair::of(&node.token(&form).await)
    };
    for node in &nodes {
        pair = refresh(node, &pair.refresh).await;
    }
    // what nodes with two keys make can be used where there is only the one in force
    pair = crate::refresh::Pair::of(&app.refresh(&pair.refresh).await);
    app.pass(Duration::from_secs(400));
    rotate(&nodes[0], json!({})).await.is(200);
    rotate_master(&app).await;
    for _ in 0..2 {
        for node in &nodes {
            pair = refresh(node, &pair.refresh).await;
            node.get("/api/me", &pair.access).await.is(200);
            node.login("admin").await;
        }
    }
    app.pass(Duration::from_secs(400));
    rotate(&nodes[1], json!({})).await.is(200);
    for node in &nodes {
        let token = nodes[0].login("admin").await;
        node.get("/api/me", &token).await.is(200);
    }
    // and now the old one can go
    let alone = app.node(|builder| builder.master_key(NEW)).await;
    let pair = refresh(&alone, &pair.refresh).await;
    alone.get("/api/me", &pair.access).await.is(200);
}

async fn a_node_that_has_only_the_old_master_key_signs_nothing_after_the_rotation(app: TestApp) {
    let token = app.login("admin").await;
    rotate_master(&app).await;
    let answer = app.password_grant("admin", PASSWORD).await;
    assert!(answer.status.is_server_error(), "{answer:?}");
    // what was signed before is good until the node has been cut off for too long
    app.get("/api/me", &token).await.is(200);
    app.clock.advance(Duration::from_secs(31));
    app.get("/api/me", &token).await.is(503);
}

async fn a_wrong_master_key_is_refused_in_words_and_changes_nothing(app: TestApp) {
    let before = app.db.revision().await;
    let sealed = app
        .db
        .texts("SELECT sealed FROM signing_keys ORDER BY kid")
        .await;
    let other = KeyFile::of(&NEW.replace('f', "e"));
    for arguments in [
        &["key", "list"][..],
        &["user", "list"],
        &["key", "rotate"],
        &["key", "rotate-master", "--new-key-file", other.path()],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let refused = rolecall_with(&app, NEW, arguments).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(
            said.contains("the master key is not the one") && said.contains("`master_key_file`"),
            "{arguments:?}: {said}"
        );
        assert!(!said.contains(NEW) && !said.contains(MASTER_KEY));
    }
    assert_eq!(app.db.revision().await, before);
    let after = app
        .db
        .texts("SELECT sealed FROM signing_keys ORDER BY kid")
        .await;
    assert_eq!(after, sealed);
    // a key file that others may read is none
    std::fs::set_permissions(&other.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let arguments = ["key", "rotate-master", "--new-key-file", other.path()];
    let refused = rolecall(&app, &arguments).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("chmod 600"),
        "{said}"
    );
    app.restart().await.login("admin").await;
}

async fn x086_a_rotation_of_the_master_key_that_is_killed_leaves_the_old_or_the_new(app: TestApp) {
    let mut present = MASTER_KEY;
    let (old_file, new_file) = (KeyFile::of(MASTER_KEY), KeyFile::of(NEW));
    let mut outcomes = [0, 0];
    for round in 0_u64..12 {
        let (target, file) = if present == MASTER_KEY {
            (NEW, &new_file)
        } else {
            (MASTER_KEY, &old_file)
        };
        let arguments = ["key", "rotate-master", "--new-key-file", file.path()];
        let mut command = command(&app, present, &arguments);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        // each a little later in what it does
        tokio::time::sleep(Duration::from_millis(20 * round)).await;
        let _ = child.kill();
        child.wait().unwrap();
        let opens = async |key: &'static str| app.builder().master_key(key).open().await.is_ok();
        let (old, new) = (opens(present).await, opens(target).await);
        assert!(
            old != new,
            "round {round}: one of them opens all, the other nothing"
        );
        outcomes[usize::from(new)] += 1;
        if new {
            present = target;
        }
    }
    assert!(outcomes[0] > 0, "never killed in time: {outcomes:?}");
    app.node(|builder| builder.master_key(present))
        .await
        .login("admin")
        .await;
}
