//! Passwords that were stolen elsewhere, wherever somebody sets one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rolecall_server::passwords::{ListBuilder, ReadOptions, read_list};
use serde_json::{Value, json};

use crate::support::{
    Database, Fixture, MASTER_KEY, NEW_PASSWORD, PASSWORD, Response, TestApp, command, on_both,
    output_of, with_input,
};

/// Long enough, no pattern, and in the list of these tests.
const STOLEN: &str = "gravel pelican sonnet";

on_both![
    y364_a_breached_password_is_refused_wherever_one_is_set,
    y364_who_has_a_breached_password_still_signs_in,
    y364_the_command_line_refuses_a_breached_password,
    y365_a_list_that_cannot_be_read_refuses_new_passwords_and_no_sign_in,
    y365_a_list_that_is_replaced_is_used_at_once,
];

struct Listed {
    app: TestApp,
    folder: tempfile::TempDir,
}

impl Fixture for Listed {
    async fn on(db: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let list = list_in(folder.path());
        write_list(&list, &[STOLEN, "alice's first one"]);
        let app = TestApp::configured(db, |builder| builder.breached_passwords(list)).await;
        Self { app, folder }
    }
}

impl Listed {
    fn list(&self) -> PathBuf {
        list_in(self.folder.path())
    }
}

fn list_in(folder: &Path) -> PathBuf {
    folder.join("breached.list")
}

/// Puts a list of these passwords in place of the one that is there.
fn write_list(path: &Path, passwords: &[&str]) {
    let new = path.with_extension("new");
    let mut options = File::options();
    let out = options.read(true).write(true).create(true).truncate(true);
    let builder = ListBuilder::new(out.open(&new).unwrap(), || Err(io::Error::other("no file")));
    let text = passwords.join("\n");
    read_list(
        text.as_bytes(),
        ReadOptions::default(),
        builder.unwrap(),
        |_| (),
    )
    .unwrap();
    fs::rename(new, path).unwrap();
}

#[track_caller]
fn expect_breached(response: &Response, member: &str) {
    response.invalid(&["body", member]);
    assert_eq!(response.json["errors"][0]["type"], "password_breached");
    assert!(
        response.text("detail").contains("stolen elsewhere"),
        "{response:?}"
    );
    assert!(!response.json.to_string().contains(STOLEN));
}

async fn y364_a_breached_password_is_refused_wherever_one_is_set(listed: Listed) {
    let app = &listed.app;
    expect_breached(&app.register("bob", STOLEN).await, "password");
    let wanted = json!({ "username": "bob", "password": STOLEN });
    let created = app.post("/api/users", app.admin().await, wanted).await;
    expect_breached(&created, "password");
    assert_eq!(app.db.number("SELECT count(*) FROM users").await, 1);

    app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let body = json!({ "current_password": PASSWORD, "new_password": STOLEN });
    let changed = app.put_json("/api/me/password", &token, body).await;
    expect_breached(&changed, "new_password");
    let replaced = app.replace_password("alice", PASSWORD, STOLEN).await;
    expect_breached(&replaced, "new_password");
    let id = app.id_of("alice").await;
    let path = format!("/api/users/{id}/reset");
    let code = app.post(path, app.admin().await, json!({})).await;
    let code = code.is(200).text("reset_code");
    let replaced = app.replace_password("alice", &code, STOLEN).await;
    expect_breached(&replaced, "new_password");
    // the code is not used up
    let replaced = app.replace_password("alice", &code, NEW_PASSWORD).await;
    replaced.no_content();
    // only the whole password is compared, as it is written
    for other in ["Gravel pelican sonnet", "gravel pelican sonnets"] {
        app.register(&format!("carol{}", other.len()), other)
            .await
            .is(201);
    }
}

async fn y364_who_has_a_breached_password_still_signs_in(listed: Listed) {
    let app = &listed.app;
    write_list(&listed.list(), &["something else"]);
    app.register("alice", STOLEN).await.is(201);
    write_list(&listed.list(), &[STOLEN]);
    let signed_in = app.password_grant("alice", STOLEN).await;
    signed_in.is(200);
    app.password_grant("alice", NEW_PASSWORD)
        .await
        .wrong_password();
}

async fn y365_a_list_that_cannot_be_read_refuses_new_passwords_and_no_sign_in(listed: Listed) {
    let app = &listed.app;
    app.create_user("alice", &[]).await;
    let path = listed.list();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let refused = app.register("bob", STOLEN).await;
    refused.is(500);
    assert!(
        !refused.json.to_string().contains("breached"),
        "{refused:?}"
    );
    app.log_in("alice").await;
    write_list(&path, &[STOLEN]);
    app.register("bob", NEW_PASSWORD).await.is(201);
}

async fn y365_a_list_that_is_replaced_is_used_at_once(listed: Listed) {
    let app = &listed.app;
    app.register("alice", NEW_PASSWORD).await.is(201);
    write_list(&listed.list(), &[NEW_PASSWORD]);
    expect_breached(&app.register("bob", NEW_PASSWORD).await, "password");
    app.register("bob", STOLEN).await.is(201);
}

async fn y364_the_command_line_refuses_a_breached_password(listed: Listed) {
    let call = |arguments: &[&str]| {
        let mut command = command(&listed.app, MASTER_KEY, arguments);
        command.current_dir(listed.folder.path());
        command.env("ROLECALL_PASSWORDS__BREACHED", listed.list());
        command
    };
    let add = call(&["user", "add", "bob", "--password-stdin"]);
    let refused = with_input(add, STOLEN).await;
    assert_eq!(refused.status.code(), Some(1));
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(stderr.contains("stolen elsewhere"), "{stderr}");

    let checked = with_input(call(&["passwords", "check", "--json"]), STOLEN).await;
    assert_eq!(checked.status.code(), Some(2));
    let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(
        (&answer["ok"], &answer["type"]),
        (&json!(false), &json!("password_breached"))
    );
    let fine = with_input(call(&["passwords", "check"]), NEW_PASSWORD).await;
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    let like = ["passwords", "check", "--user", "alicealice"];
    let like = with_input(call(&like), "alicealicealicealice\n").await;
    let stdout = String::from_utf8(like.stdout).unwrap();
    assert!(
        stdout.starts_with("refused (password_like_username): the password"),
        "{stdout}"
    );

    fs::write(listed.folder.path().join("stolen.txt"), NEW_PASSWORD).unwrap();
    let build = [
        "passwords",
        "build",
        "stolen.txt",
        "--output",
        "breached.list",
    ];
    let kept = output_of(call(&build)).await;
    assert_eq!(kept.status.code(), Some(1));
    assert!(String::from_utf8(kept.stderr).unwrap().contains("--force"));
    let again = output_of(call(&[&build[..], &["--force"]].concat())).await;
    assert!(again.status.success(), "{again:?}");
    let stdout = String::from_utf8(again.stdout).unwrap();
    assert!(
        stdout.starts_with("wrote 1 passwords of 1 lines"),
        "{stdout}"
    );
    assert!(
        stdout.contains("passwords.breached = \"breached.list\""),
        "{stdout}"
    );
    let taken = with_input(call(&["passwords", "check"]), NEW_PASSWORD).await;
    assert_eq!(taken.status.code(), Some(2));
}

#[tokio::test]
async fn y365_a_start_and_config_check_refuse_a_list_that_is_none() {
    let app = TestApp::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let list = list_in(folder.path());
    fs::write(&list, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3\n").unwrap();
    let builder = app.builder().breached_passwords(&list);
    let refused = builder.open().await.err().unwrap().to_string();
    assert!(refused.contains("`passwords.breached`"), "{refused}");
    assert!(refused.contains("rolecall passwords build"), "{refused}");
    for arguments in [&["config", "check"][..], &["serve"]] {
        let mut command = command(&app, MASTER_KEY, arguments);
        command.current_dir(folder.path());
        command.env("ROLECALL_PASSWORDS__BREACHED", &list);
        let refused = output_of(command).await;
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert!(
            stderr.contains("breached.list: it is not a list"),
            "{stderr}"
        );
    }
}
