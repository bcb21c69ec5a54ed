//! Keys that are no longer trusted: retired signing keys, and the old master key after its rotation.

use std::{
    collections::BTreeSet, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration,
};

use rolecall::SystemClock;
use rolecall_server::StartError;
use serde_json::json;

use crate::{
    keys::{keys_of, kid, published, rotate},
    support::{
        MASTER_KEY, Node, PASSWORD, TestApp, TokenPair, WRONG, command, eventually, on_both,
        rolecall, rolecall_with, run,
    },
};

on_both![
    x009_tokens_of_a_retired_key_are_refused_even_if_cached,
    a_key_that_is_not_in_use_cannot_be_retired,
    rotating_and_retiring_on_the_command_line_require_the_permission,
    after_rotation_only_the_new_master_key_opens_the_database,
    nodes_with_both_master_keys_keep_working_across_a_rotation,
    y165_a_node_with_only_the_old_master_key_stops_signing_after_a_rotation,
    a_wrong_master_key_is_refused_with_an_explanation_and_changes_nothing,
    x086_a_killed_master_key_rotation_leaves_either_the_old_or_the_new_key,
    a_rotation_names_the_row_that_it_cannot_decrypt,
];

const NEW: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f";

/// A file with a master key that only its owner may read.
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

/// Waits until exactly these keys are published: the one that signs, the next one, and those with unexpired tokens.
async fn wait_until_only_keys_in_use_are_published(server: &Node) {
    eventually("exactly the keys in use are published", async || {
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

async fn x009_tokens_of_a_retired_key_are_refused_even_if_cached(app: TestApp) {
    let server = app.node(|builder| builder.clock(SystemClock)).await;
    // the first key was created by a clock years ahead, which the node would correct at a moment of its own choosing
    rotate(&server, json!({ "force": true })).await.is(200);
    let old = server.log_in("admin").await;
    server.get("/api/me", &old).await.is(200);
    let api = app.create_resource_server("api").await;
    let introspect = async |token: &str| server.introspect(&api, token).await.is(200).json.clone();
    assert_eq!(introspect(&old).await["active"], true);
    let next = keys_of(&server, "next").await.pop().unwrap();
    run(&app, &["key", "retire", &kid(&old)]).await;
    // at once, before any poll, nothing is signed with it
    let new = server.log_in("admin").await;
    assert_eq!(kid(&new), next);
    eventually("the cached token is refused", async || {
        server.get("/api/me", &old).await.status == 401
    })
    .await;
    server.get("/api/me", &old).await.invalid_token();
    assert_eq!(introspect(&old).await, json!({ "active": false }));
    server.get("/api/me", &new).await.is(200);
    assert_eq!(
        keys_of(&server, "active").await.as_slice(),
        std::slice::from_ref(&next)
    );
    wait_until_only_keys_in_use_are_published(&server).await;
    assert!(!published(&server).await.contains(&kid(&old)));
    assert_eq!(keys_of(&server, "retired").await, [kid(&old)]);
    // the next key can be retired too, and that revokes no token
    let next = keys_of(&server, "next").await.pop().unwrap();
    run(&app, &["key", "retire", &next]).await;
    server.get("/api/me", &new).await.is(200);
    eventually("it is no longer published", async || {
        !published(&server).await.contains(&next)
    })
    .await;
    wait_until_only_keys_in_use_are_published(&server).await;
    // and so can a retiring key
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

async fn rotating_and_retiring_on_the_command_line_require_the_permission(app: TestApp) {
    app.create_role("auditor", &["rolecall.keys:read"]).await;
    app.create_user("alice", &["auditor"]).await;
    app.create_user("bob", &["user"]).await;
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

async fn after_rotation_only_the_new_master_key_opens_the_database(app: TestApp) {
    let pair = app.open_session("admin").await;
    app.create_user("alice", &["user"]).await;
    for number in 0..6 {
        let guess = format!("{WRONG} {number}");
        app.password_grant("alice", &guess).await;
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
    // access tokens depend on the signing keys only
    node.get("/api/me", &pair.access).await.is(200);
    // refresh tokens made with the old master key are no longer valid
    node.refresh(&pair.refresh)
        .await
        .oauth_error(400, "invalid_grant");
    // the counted failures are still there, and the audit log is still valid
    assert_eq!(node.password_grant("alice", PASSWORD).await.status, 429);
    let verified = rolecall_with(&app, NEW, &["audit", "verify"]).await;
    let stdout = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{stdout}");
    let changes = app
        .db
        .texts("SELECT changes FROM audit ORDER BY revision DESC LIMIT 1")
        .await;
    assert!(changes[0].contains("master_key.rotated"), "{changes:?}");
    rotate(&node, json!({})).await.is(200);
}

async fn nodes_with_both_master_keys_keep_working_across_a_rotation(app: TestApp) {
    let both = async |first: &str, second: &str| {
        let (first, second) = (first.to_owned(), second.to_owned());
        app.node(|builder| builder.master_key(&first).previous_master_key(&second))
            .await
    };
    // before the rotation the database is still sealed with the previous key
    let nodes = [both(NEW, MASTER_KEY).await, both(MASTER_KEY, NEW).await];
    let mut pair = app.open_session("admin").await;
    let refresh = async |node: &Node, token: &str| TokenPair::of(&node.refresh(token).await);
    for node in &nodes {
        pair = refresh(node, &pair.refresh).await;
    }
    // tokens of nodes with two keys work on a node with only the current key
    pair = TokenPair::of(&app.refresh(&pair.refresh).await);
    app.pass_time(Duration::from_secs(400));
    rotate(&nodes[0], json!({})).await.is(200);
    rotate_master(&app).await;
    for _ in 0..2 {
        for node in &nodes {
            pair = refresh(node, &pair.refresh).await;
            node.get("/api/me", &pair.access).await.is(200);
            node.log_in("admin").await;
        }
    }
    app.pass_time(Duration::from_mins(30));
    rotate(&nodes[1], json!({})).await.is(200);
    for node in &nodes {
        let token = nodes[0].log_in("admin").await;
        node.get("/api/me", &token).await.is(200);
    }
    // now the old key is no longer needed
    let alone = app.node(|builder| builder.master_key(NEW)).await;
    let pair = refresh(&alone, &pair.refresh).await;
    alone.get("/api/me", &pair.access).await.is(200);
}

async fn y165_a_node_with_only_the_old_master_key_stops_signing_after_a_rotation(app: TestApp) {
    let token = app.log_in("admin").await;
    rotate_master(&app).await;
    let response = app.password_grant("admin", PASSWORD).await;
    let refused = response.oauth_error(503, "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    eventually("the node is not ready", async || {
        app.get("/health/ready", "").await.status == 503
    })
    .await;
    let ready = app.get("/health/ready", "").await;
    assert_eq!(ready.is(503).header("retry-after"), Some("1"));
    // older tokens stay valid until the state of the node is stale
    app.get("/api/me", &token).await.is(200);
    app.clock.advance(Duration::from_secs(31));
    app.get("/api/me", &token).await.is(503);
}

async fn a_wrong_master_key_is_refused_with_an_explanation_and_changes_nothing(app: TestApp) {
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
        let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(
            stderr.contains("this database is encrypted with another master key")
                && stderr.contains("`master_key_file`"),
            "{arguments:?}: {stderr}"
        );
        assert!(!stderr.contains(NEW) && !stderr.contains(MASTER_KEY));
    }
    assert_eq!(app.db.revision().await, before);
    let after = app
        .db
        .texts("SELECT sealed FROM signing_keys ORDER BY kid")
        .await;
    assert_eq!(after, sealed);
    // a key file that others may read is refused
    std::fs::set_permissions(&other.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let arguments = ["key", "rotate-master", "--new-key-file", other.path()];
    let refused = rolecall(&app, &arguments).await;
    let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && stderr.contains("chmod 600"),
        "{stderr}"
    );
    app.restart().await.log_in("admin").await;
}

async fn a_rotation_names_the_row_that_it_cannot_decrypt(app: TestApp) {
    let file = KeyFile::of(NEW);
    let arguments = ["key", "rotate-master", "--new-key-file", file.path()];
    let damaged = "INSERT INTO factors (id, subject_id, kind, name, secret, last_step, confirmed, created_at) \
        SELECT 'damaged', MIN(id), 'totp', 'Phone', 'AAAA', 0, TRUE, 0 FROM users";
    app.db.execute(damaged).await;
    let fingerprint = "SELECT master_key_fingerprint FROM head";
    let before = app.db.texts(fingerprint).await;
    let refused = rolecall(&app, &arguments).await;
    let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{stderr}");
    let wanted = "the row `damaged` of the table `factors` cannot be decrypted";
    assert!(stderr.contains(wanted), "{stderr}");
    assert_eq!(app.db.texts(fingerprint).await, before);
    app.db.execute("DELETE FROM factors").await;
    run(&app, &arguments).await;
}

async fn x086_a_killed_master_key_rotation_leaves_either_the_old_or_the_new_key(app: TestApp) {
    let mut current = MASTER_KEY;
    let (old_file, new_file) = (KeyFile::of(MASTER_KEY), KeyFile::of(NEW));
    let mut outcomes = [0, 0];
    for round in 0_u64..12 {
        let (target, file) = if current == MASTER_KEY {
            (NEW, &new_file)
        } else {
            (MASTER_KEY, &old_file)
        };
        let arguments = ["key", "rotate-master", "--new-key-file", file.path()];
        let mut command = command(&app, current, &arguments);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        // each round is killed a little later
        tokio::time::sleep(Duration::from_millis(20 * round)).await;
        let _ = child.kill();
        child.wait().unwrap();
        let opens = async |key: &'static str| app.builder().master_key(key).open().await.is_ok();
        let (old, new) = (opens(current).await, opens(target).await);
        assert!(
            old != new,
            "round {round}: exactly one key must open the database"
        );
        outcomes[usize::from(new)] += 1;
        if new {
            current = target;
        }
    }
    assert!(outcomes[0] > 0, "never killed in time: {outcomes:?}");
    app.node(|builder| builder.master_key(current))
        .await
        .log_in("admin")
        .await;
}
