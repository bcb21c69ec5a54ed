//! Users of another application are taken over whole or not at all, and stay logged in.

use std::{
    io::Write as _,
    process::Output,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use crate::{
    command_line::{audit_is_whole, rolecall},
    support::{PASSWORD, TestApp, on_both},
};

on_both![
    imported_users_log_in_with_their_old_passwords_and_are_hashed_anew,
    nothing_is_written_where_one_line_is_wrong,
    a_name_that_is_taken_is_not_taken_again,
    a_dry_run_writes_nothing,
    nobody_imports_more_than_they_may_hand_on,
    a_user_without_a_hash_has_no_way_in_but_a_reset,
    many_users_come_in_one_revision,
    nobody_is_refused_a_log_in_while_very_many_users_come,
];

/// [`PASSWORD`] as bcrypt, at the least cost there is.
pub(crate) struct Bcrypt;
pub(crate) const BCRYPT: Bcrypt = Bcrypt;

impl std::fmt::Display for Bcrypt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        static HASH: LazyLock<String> = LazyLock::new(|| bcrypt::hash(PASSWORD, 4).unwrap());
        f.write_str(&HASH)
    }
}

/// The same in Django's form of PBKDF2.
const DJANGO: &str =
    "pbkdf2_sha256$20000$saltsaltsalt$By3CyozCxuFKjzlRa1QJjKoozMpX98iR7ua5agkHJ8E=";

/// A file that is there as long as the value is.
fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

pub(crate) async fn import(app: &TestApp, name: &str, text: &str, flags: &[&str]) -> Output {
    let (_folder, path) = file(name, text);
    let mut arguments = vec!["import", "users", &path];
    arguments.extend(flags);
    rolecall(app, &arguments).await
}

async fn imported(app: &TestApp, name: &str, text: &str, flags: &[&str]) -> String {
    let output = import(app, name, text, flags).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{error}");
    said
}

/// What is told of a file that is refused.
async fn refused(app: &TestApp, name: &str, text: &str, flags: &[&str]) -> String {
    let before = (app.db.revision().await, app.db.count("users").await);
    let output = import(app, name, text, flags).await;
    assert!(!output.status.success(), "{output:?}");
    let after = (app.db.revision().await, app.db.count("users").await);
    assert_eq!(before, after, "something was written");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}

async fn imported_users_log_in_with_their_old_passwords_and_are_hashed_anew(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let text = format!(
        "username,hashed_password,role,email,disabled\r\nAlice,{BCRYPT},editor;user,a@b.example,0\r\nbob,{DJANGO},,,\r\neve,{BCRYPT},editor,,1\r\n"
    );
    let said = imported(&app, "users.csv", &text, &[]).await;
    assert_eq!(said, "3 users imported, 3 roles assigned\n");
    let old = "SELECT COUNT(*) FROM users WHERE username = 'alice' AND password_hash LIKE '$2b$%'";
    assert_eq!(app.db.number(old).await, 1);
    let token = app.login("alice").await;
    assert_eq!(app.db.number(old).await, 0);
    let new =
        "SELECT COUNT(*) FROM users WHERE username = 'alice' AND password_hash LIKE '$argon2id$%'";
    assert_eq!(app.db.number(new).await, 1);
    app.get("/items/", &token).await.is(200);
    app.login("alice").await;
    app.login("bob").await;
    app.password_grant("eve", PASSWORD).await.wrong_password();
    assert!(audit_is_whole(&app).await);
}

async fn nothing_is_written_where_one_line_is_wrong(app: TestApp) {
    let text = format!(
        "{{\"username\":\"alice\",\"hashed_password\":\"{BCRYPT}\",\"role\":\"user\"}}\n\
         {{\"username\":\"ALICE\",\"hashed_password\":\"{BCRYPT}\"}}\n\
         {{\"username\":\"bob\",\"hashed_password\":\"{}\"}}\n\
         {{\"username\":\"carol\",\"hashed_password\":\"md5$canary\"}}\n\
         {{\"username\":\"dan\",\"hashed_password\":\"$2b$31$canary\",\"role\":\"nowhere\"}}\n\
         {{\"username\":\"finn\",\"hashed_password\":\"{BCRYPT}\",\"role\":\"nowhere\"}}\n",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
    );
    let said = refused(&app, "users.jsonl", &text, &[]).await;
    assert!(!said.contains("canary"), "{said}");
    for line in [
        "line 2: `alice` is the same name as on line 1",
        "line 3: the password hash: the costs, the salt or the output are out of bounds",
        "line 4: the password hash: the scheme is not supported",
        "line 5: the password hash: the text is malformed or truncated",
        "line 6: no role `nowhere`; --add-roles makes it",
        "5 problems in 6 users; nothing was written",
    ] {
        assert!(said.contains(line), "{line} is lacking in {said}");
    }
    let said = refused(&app, "users.jsonl", &text, &["--json"]).await;
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["problems"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&said["ok"], &said["written"]),
        (&false.into(), &false.into())
    );
}

async fn a_name_that_is_taken_is_not_taken_again(app: TestApp) {
    app.user("stra\u{df}e", &[]).await;
    app.user("alice", &[]).await;
    let text =
        format!("username,hashed_password\nbob,{BCRYPT}\nSTRASSE,{BCRYPT}\nAlice,{BCRYPT}\n");
    let said = refused(&app, "users.csv", &text, &[]).await;
    assert!(
        said.contains("line 3: user `stra\u{df}e` already exists"),
        "{said}"
    );
    assert!(
        said.contains("line 4: user `alice` already exists"),
        "{said}"
    );
    let text = format!("username,hashed_password\nbob,{BCRYPT}\n");
    imported(&app, "users.csv", &text, &[]).await;
    let again = refused(&app, "users.csv", &text, &[]).await;
    assert!(
        again.contains("line 2: user `bob` already exists"),
        "{again}"
    );
}

async fn a_dry_run_writes_nothing(app: TestApp) {
    let text = format!("username,hashed_password,role\nalice,{BCRYPT},brand-new\n");
    let before = (app.db.revision().await, app.db.count("roles").await);
    let said = imported(&app, "users.csv", &text, &["--dry-run", "--add-roles"]).await;
    assert!(said.contains("1 users could be imported"), "{said}");
    assert!(said.contains("new roles: brand-new"), "{said}");
    assert_eq!(
        (app.db.revision().await, app.db.count("roles").await),
        before
    );
    imported(&app, "users.csv", &text, &["--add-roles"]).await;
    assert_eq!(app.db.count("roles").await, before.1 + 1);
    assert_eq!(app.db.revision().await, before.0 + 1);
}

async fn nobody_imports_more_than_they_may_hand_on(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    app.role(
        "clerk",
        &[
            "rolecall.users:write",
            "rolecall.assignments:write",
            "rolecall.roles:write",
        ],
    )
    .await;
    app.user("clara", &["clerk"]).await;
    app.user("mole", &[]).await;
    let with = |role: &str| format!("username,hashed_password,role\nalice,{BCRYPT},{role}\n");
    let refusals = [
        ("mole", "user", "you do not hold rolecall.users:write"),
        ("clara", "editor", "you do not hold items:read"),
        ("clara", "rolecall.admin", "you do not hold"),
        (
            "clara",
            "brand-new",
            "you do not hold rolecall.assignments:any",
        ),
    ];
    for (name, role, why) in refusals {
        let said = refused(
            &app,
            "users.csv",
            &with(role),
            &["--as", name, "--add-roles"],
        )
        .await;
        assert!(said.contains(why), "{name} {role}: {said}");
    }
    for role in ["rolecall.resource-server", "rolecall.other"] {
        let said = refused(&app, "users.csv", &with(role), &["--add-roles"]).await;
        assert!(said.contains("line 2: "), "{role}: {said}");
    }
    imported(&app, "users.csv", &with("clerk"), &["--as", "clara"]).await;
}

async fn a_user_without_a_hash_has_no_way_in_but_a_reset(app: TestApp) {
    let text = "username,hashed_password\nalice,\n";
    let said = refused(&app, "users.csv", text, &[]).await;
    assert!(said.contains("line 2: no password hash"), "{said}");
    imported(&app, "users.csv", text, &["--without-password"]).await;
    app.password_grant("alice", "").await;
    app.password_grant("alice", PASSWORD).await.wrong_password();
    let waiting = "SELECT COUNT(*) FROM users WHERE username = 'alice' AND must_change_password AND reset_code_hash IS NULL";
    assert_eq!(app.db.number(waiting).await, 1);
}

async fn many_users_come_in_one_revision(app: TestApp) {
    use std::fmt::Write as _;
    let mut text = "username,hashed_password,role\n".to_owned();
    for number in 0..1_234 {
        writeln!(text, "user{number},{BCRYPT},user").unwrap();
    }
    let before = app.db.revision().await;
    let users = app.db.count("users").await;
    let said = imported(&app, "users.csv", &text, &[]).await;
    assert_eq!(said, "1234 users imported, 1234 roles assigned\n");
    assert_eq!(app.db.revision().await, before + 1);
    assert_eq!(app.db.count("users").await, users + 1_234);
    let long = "SELECT COUNT(*) FROM audit WHERE LENGTH(changes) > 500";
    assert_eq!(app.db.number(long).await, 0);
    app.login("user0").await;
    app.login("user1233").await;
    assert!(audit_is_whole(&app).await);
}

/// Lines of a file of users in no order.
fn many(users: u32) -> String {
    use std::fmt::Write as _;
    let mut text = "username,hashed_password,role\n".to_owned();
    for number in 0..users {
        let name = number.wrapping_mul(0x9E37_79B1);
        writeln!(text, "u{name:08x}.{number},{BCRYPT},user").unwrap();
    }
    text
}

async fn nobody_is_refused_a_log_in_while_very_many_users_come(app: TestApp) {
    app.user("alice", &[]).await;
    let text = many(10_000);
    let done = AtomicBool::new(false);
    let importing = async {
        imported(&app, "users.csv", &text, &[]).await;
        done.store(true, Ordering::Relaxed);
    };
    let logging_in = async {
        while !done.load(Ordering::Relaxed) {
            app.login("alice").await;
        }
    };
    tokio::join!(importing, logging_in);
}
