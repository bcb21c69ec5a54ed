//! Users of another application are imported completely or not at all.

use std::{
    io::Write as _,
    process::Output,
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use crate::support::{PASSWORD, RealHashing, TestApp, audit_is_whole, claims, on_both, rolecall};

on_both![
    imported_users_log_in_with_their_old_passwords_and_are_rehashed,
    one_invalid_line_means_nothing_is_written,
    an_existing_name_is_not_imported,
    a_dry_run_writes_nothing,
    nobody_imports_more_than_they_may_assign,
    y278_a_limited_user_imports_no_password_that_she_knows,
    a_user_without_a_hash_can_only_log_in_after_a_reset,
    existing_users_are_skipped_and_counted_but_never_changed,
    y130_an_id_is_kept_only_if_nobody_has_or_had_it,
    columns_may_have_other_names_and_any_order,
    y133_imported_users_claim_an_address_once,
    i059_an_imported_address_is_verified_once,
    many_users_are_imported_in_one_revision,
    logins_work_during_a_large_import,
];

/// A bcrypt hash of [`PASSWORD`] at the lowest cost.
pub(crate) struct Bcrypt;
pub(crate) const BCRYPT: Bcrypt = Bcrypt;

impl std::fmt::Display for Bcrypt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        static HASH: LazyLock<String> = LazyLock::new(|| bcrypt::hash(PASSWORD, 4).unwrap());
        f.write_str(&HASH)
    }
}

/// A PBKDF2 hash of [`PASSWORD`] as Django writes it.
const DJANGO: &str =
    "pbkdf2_sha256$20000$saltsaltsalt$By3CyozCxuFKjzlRa1QJjKoozMpX98iR7ua5agkHJ8E=";

/// Writes a file in a temporary folder; returns the folder and the path.
fn temporary_file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

pub(crate) async fn import(app: &TestApp, name: &str, text: &str, flags: &[&str]) -> Output {
    import_with(app, &[], name, text, flags).await
}

/// The same with global flags.
pub(crate) async fn import_with(
    app: &TestApp,
    globals: &[&str],
    name: &str,
    text: &str,
    flags: &[&str],
) -> Output {
    let (_folder, path) = temporary_file(name, text);
    let arguments = [globals, &["import", "users", &path], flags].concat();
    rolecall(app, &arguments).await
}

/// Imports a file, which must succeed, and returns the standard output.
async fn expect_import(app: &TestApp, name: &str, text: &str, flags: &[&str]) -> String {
    let output = import(app, name, text, flags).await;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stdout}{stderr}");
    stdout
}

/// Imports a file, which must fail and change nothing, and returns everything printed.
async fn expect_refusal(app: &TestApp, name: &str, text: &str, flags: &[&str]) -> String {
    let before = (app.db.revision().await, app.db.count("users").await);
    let output = import(app, name, text, flags).await;
    assert!(!output.status.success(), "{output:?}");
    let after = (app.db.revision().await, app.db.count("users").await);
    assert_eq!(before, after, "something was written");
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.push_str(&String::from_utf8_lossy(&output.stderr));
    printed
}

async fn imported_users_log_in_with_their_old_passwords_and_are_rehashed(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let text = format!(
        "username,hashed_password,role,email,disabled\r\nAlice,{BCRYPT},editor;user,a@b.example,0\r\nbob,{DJANGO},,,\r\neve,{BCRYPT},editor,,1\r\n"
    );
    let output = expect_import(&app, "users.csv", &text, &[]).await;
    assert_eq!(output, "3 users imported, 3 roles assigned\n");
    let old = "SELECT COUNT(*) FROM users WHERE username = 'alice' AND password_hash LIKE '$2b$%'";
    assert_eq!(app.db.number(old).await, 1);
    let token = app.log_in("alice").await;
    assert_eq!(app.db.number(old).await, 0);
    let new =
        "SELECT COUNT(*) FROM users WHERE username = 'alice' AND password_hash LIKE '$argon2id$%'";
    assert_eq!(app.db.number(new).await, 1);
    app.get("/items/", &token).await.is(200);
    app.log_in("alice").await;
    app.log_in("bob").await;
    app.password_grant("eve", PASSWORD).await.wrong_password();
    assert!(audit_is_whole(&app).await);
}

async fn one_invalid_line_means_nothing_is_written(app: TestApp) {
    let text = format!(
        "{{\"username\":\"alice\",\"hashed_password\":\"{BCRYPT}\",\"role\":\"user\"}}\n\
         {{\"username\":\"ALICE\",\"hashed_password\":\"{BCRYPT}\"}}\n\
         {{\"username\":\"bob\",\"hashed_password\":\"{}\"}}\n\
         {{\"username\":\"carol\",\"hashed_password\":\"md5$canary\"}}\n\
         {{\"username\":\"dan\",\"hashed_password\":\"$2b$31$canary\",\"role\":\"nowhere\"}}\n\
         {{\"username\":\"finn\",\"hashed_password\":\"{BCRYPT}\",\"role\":\"nowhere\"}}\n",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
    );
    let output = expect_refusal(&app, "users.jsonl", &text, &[]).await;
    assert!(!output.contains("canary"), "{output}");
    for line in [
        "line 2: `alice` is the same name as on line 1",
        "line 3: the password hash: the costs, the salt or the output are out of bounds",
        "line 4: the password hash: the scheme is not supported",
        "line 5: the password hash: the text is malformed or truncated",
        "line 6: no role `nowhere`; --add-roles makes it",
        "5 problems in 6 users; nothing was written",
    ] {
        assert!(output.contains(line), "{line} is missing in {output}");
    }
    let output = expect_refusal(&app, "users.jsonl", &text, &["--json"]).await;
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(output["problems"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&output["ok"], &output["written"]),
        (&false.into(), &false.into())
    );
}

async fn an_existing_name_is_not_imported(app: TestApp) {
    app.create_user("stra\u{df}e", &[]).await;
    app.create_user("alice", &[]).await;
    let text =
        format!("username,hashed_password\nbob,{BCRYPT}\nSTRASSE,{BCRYPT}\nAlice,{BCRYPT}\n");
    let output = expect_refusal(&app, "users.csv", &text, &[]).await;
    assert!(
        output.contains("line 3: user `stra\u{df}e` already exists"),
        "{output}"
    );
    assert!(
        output.contains("line 4: user `alice` already exists"),
        "{output}"
    );
    let text = format!("username,hashed_password\nbob,{BCRYPT}\n");
    expect_import(&app, "users.csv", &text, &[]).await;
    let again = expect_refusal(&app, "users.csv", &text, &[]).await;
    assert!(
        again.contains("line 2: user `bob` already exists"),
        "{again}"
    );
}

async fn a_dry_run_writes_nothing(app: TestApp) {
    let text = format!("username,hashed_password,role\nalice,{BCRYPT},brand-new\n");
    let before = (app.db.revision().await, app.db.count("roles").await);
    let output = expect_import(&app, "users.csv", &text, &["--dry-run", "--add-roles"]).await;
    assert!(output.contains("1 users could be imported"), "{output}");
    assert!(output.contains("new roles: brand-new"), "{output}");
    assert_eq!(
        (app.db.revision().await, app.db.count("roles").await),
        before
    );
    expect_import(&app, "users.csv", &text, &["--add-roles"]).await;
    assert_eq!(app.db.count("roles").await, before.1 + 1);
    assert_eq!(app.db.revision().await, before.0 + 1);
}

async fn nobody_imports_more_than_they_may_assign(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    app.create_role(
        "clerk",
        &[
            "rolecall.users:write",
            "rolecall.assignments:write",
            "rolecall.roles:write",
        ],
    )
    .await;
    app.create_user("clara", &["clerk"]).await;
    app.create_user("mole", &[]).await;
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
        let output = expect_refusal(
            &app,
            "users.csv",
            &with(role),
            &["--as", name, "--add-roles"],
        )
        .await;
        assert!(output.contains(why), "{name} {role}: {output}");
    }
    for role in ["rolecall.resource-server", "rolecall.other"] {
        let output = expect_refusal(&app, "users.csv", &with(role), &["--add-roles"]).await;
        assert!(output.contains("line 2: "), "{role}: {output}");
    }
    let without = "username,hashed_password,role\nalice,,clerk\n";
    let flags = ["--as", "clara", "--without-password"];
    expect_import(&app, "users.csv", without, &flags).await;
}

async fn y278_a_limited_user_imports_no_password_that_she_knows(app: TestApp) {
    let permissions = ["rolecall.users:write", "rolecall.assignments:write"];
    app.create_role("clerk", &permissions).await;
    app.create_user("clara", &["clerk"]).await;
    for role in ["", "clerk"] {
        let text = format!("username,hashed_password,role\nalice,{BCRYPT},{role}\n");
        let output = expect_refusal(&app, "users.csv", &text, &["--as", "clara"]).await;
        assert!(output.contains("without hashes"), "{output}");
    }
    // a dry run does not promise what is refused
    let text = format!("username,hashed_password\nalice,{BCRYPT}\n");
    let flags = ["--as", "clara", "--dry-run"];
    expect_refusal(&app, "users.csv", &text, &flags).await;
    // she may take over accounts without passwords, which need a reset code, and one hash among them is one too many
    let mixed = format!("username,hashed_password\nalice,\nbob,{BCRYPT}\n");
    let flags = ["--as", "clara", "--without-password"];
    expect_refusal(&app, "users.csv", &mixed, &flags).await;
    expect_import(
        &app,
        "users.csv",
        "username,hashed_password\nbob,\n",
        &flags,
    )
    .await;
    // nobody limits those who can assign any role, nor the operator
    app.create_user("root", &["rolecall.admin"]).await;
    expect_import(&app, "users.csv", &text, &["--as", "root"]).await;
    let other = text.replace("alice", "carol");
    expect_import(&app, "users.csv", &other, &[]).await;
}

async fn a_user_without_a_hash_can_only_log_in_after_a_reset(app: TestApp) {
    let text = "username,hashed_password\nalice,\n";
    let output = expect_refusal(&app, "users.csv", text, &[]).await;
    assert!(
        output.contains("line 2: the password hash is missing"),
        "{output}"
    );
    expect_import(&app, "users.csv", text, &["--without-password"]).await;
    app.password_grant("alice", "").await;
    app.password_grant("alice", PASSWORD).await.wrong_password();
    let must_change = "SELECT COUNT(*) FROM users WHERE username = 'alice' AND must_change_password AND reset_code_hash IS NULL";
    assert_eq!(app.db.number(must_change).await, 1);
}

async fn existing_users_are_skipped_and_counted_but_never_changed(app: TestApp) {
    app.create_user("alice", &["user"]).await;
    app.create_user("strasse", &[]).await;
    app.create_role("editor", &[]).await;
    let text = format!(
        "username,hashed_password,role,email\nAlice,{BCRYPT},ghost,a@b\nbob,{BCRYPT},editor,\nstra\u{df}e,{BCRYPT},,\n"
    );
    let refused = expect_refusal(&app, "u.csv", &text, &[]).await;
    assert!(refused.contains("user `alice` already exists"), "{refused}");
    let alice = format!("/api/users/{}", app.id_of("alice").await);
    let shown = async || {
        let shown = app.get(&alice, app.admin().await).await;
        shown.is(200).json.clone()
    };
    let before = shown().await;
    let dry = expect_import(&app, "u.csv", &text, &["--skip-existing", "--dry-run"]).await;
    assert!(dry.contains("1 users could be imported"), "{dry}");
    let printed = expect_import(&app, "u.csv", &text, &["--skip-existing"]).await;
    assert!(
        printed.contains("1 users imported, 1 roles assigned")
            && printed.contains("2 users skipped: they exist already"),
        "{printed}"
    );
    assert_eq!(shown().await, before);
    app.log_in("alice").await;
    app.log_in("bob").await;
    // everybody exists now, so that nothing is written
    let revision = app.db.revision().await;
    let again = import_with(&app, &["--json"], "u.csv", &text, &["--skip-existing"]).await;
    let report: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(
        (&report["users"], &report["skipped"]),
        (&Value::from(0), &Value::from(3))
    );
    assert_eq!(app.db.revision().await, revision);
    assert!(audit_is_whole(&app).await);
}

async fn y130_an_id_is_kept_only_if_nobody_has_or_had_it(app: TestApp) {
    let gone = app.create_user("gone", &[]).await;
    app.delete(format!("/api/users/{gone}"), app.admin().await)
        .await
        .no_content();
    let there = app.create_user("there", &[]).await;
    let line = |name: &str, id: &str| {
        format!("{{\"username\":\"{name}\",\"sub\":\"{id}\",\"hashed_password\":\"{BCRYPT}\"}}\n")
    };
    for (id, reason) in [
        (gone.as_str(), "belongs to another user or client, or did"),
        (there.as_str(), "belongs to another user or client, or did"),
        ("u/1", "an id is 1 to 128"),
        ("rolecall", "reserved"),
    ] {
        let refused = expect_refusal(&app, "u.jsonl", &line("new", id), &["--keep-ids"]).await;
        assert!(
            refused.contains("line 1") && refused.contains(reason),
            "{refused}"
        );
    }
    let twice = line("one", "u-1") + &line("two", "u-1");
    let refused = expect_refusal(&app, "u.jsonl", &twice, &["--keep-ids"]).await;
    assert!(
        refused.contains("id `u-1` is the same as on line 1"),
        "{refused}"
    );
    let refused = expect_refusal(&app, "u.jsonl", &line("one", "u-1"), &[]).await;
    assert!(refused.contains("--keep-ids"), "{refused}");
    let text = line("one", "u-1") + &line("two", "42") + &line("there", &there);
    expect_import(&app, "u.jsonl", &text, &["--keep-ids", "--skip-existing"]).await;
    for (name, id) in [("one", "u-1"), ("two", "42"), ("there", there.as_str())] {
        let token = app.log_in(name).await;
        assert_eq!(claims(&token)["sub"], id);
        app.get("/api/me", &token).await.is(200);
        let path = format!("/api/users/{id}/roles/user");
        app.put(&path, app.admin().await).await.no_content();
    }
}

async fn columns_may_have_other_names_and_any_order(app: TestApp) {
    let text = format!("mail,hash,uid,login\na@example.com,{BCRYPT},7,alice\n");
    let refused = expect_refusal(&app, "u.csv", &text, &[]).await;
    for column in ["mail", "hash", "uid", "login"] {
        assert!(
            refused.contains(&format!("unknown column `{column}`")),
            "{refused}"
        );
    }
    let flags = [
        "--keep-ids",
        "--column",
        "email=mail",
        "--column",
        "hashed_password=hash",
        "--column",
        "username=login",
        "--column",
        "id=uid",
    ];
    expect_import(&app, "u.csv", &text, &flags).await;
    let token = app.log_in("alice").await;
    assert_eq!(claims(&token)["sub"], "7");
    let wrong = expect_refusal(&app, "u.csv", &text, &["--column", "name=login"]).await;
    assert!(wrong.contains("hashed_password"), "{wrong}");
}

async fn y133_imported_users_claim_an_address_once(app: TestApp) {
    let body =
        serde_json::json!({ "username": "alice", "password": PASSWORD, "email": "A@mail.example" });
    app.post("/register", "", body).await.is(201);
    let text = format!(
        "username,hashed_password,email\nbob,{BCRYPT},a@mail.example\ncarl,{BCRYPT},c@mail.example\ndora,{BCRYPT},C@MAIL.example\n"
    );
    let flags = ["--set", "registration.unique_email=true"];
    let refused = expect_refusal(&app, "u.csv", &text, &flags).await;
    assert!(
        refused.contains("line 2: another user has this e-mail address")
            && refused.contains("line 4: the e-mail address is the same as on line 3"),
        "{refused}"
    );
    assert!(!refused.contains("mail.example"), "{refused}");
    expect_import(&app, "u.csv", &text, &[]).await;
}

async fn i059_an_imported_address_is_verified_once(app: TestApp) {
    let path = format!("/api/users/{}", app.create_user("alice", &[]).await);
    let verified = serde_json::json!({ "email": "A@mail.example", "email_verified": true });
    app.patch(&path, app.admin().await, verified).await.is(200);
    let text = format!(
        "username,hashed_password,email,email_verified\nbob,{BCRYPT},a@mail.example,1\ncarl,{BCRYPT},c@mail.example,true\n\
         dora,{BCRYPT},C@MAIL.example,true\nerin,{BCRYPT},e@mail.example,perhaps\na@Mail.example,{BCRYPT},,\n\
         c@mail.example,{BCRYPT},,\n"
    );
    let refused = expect_refusal(&app, "u.csv", &text, &[]).await;
    for problem in [
        "line 2: another user has this e-mail address",
        "line 4: the e-mail address is the same as on line 3",
        "line 5: `email_verified` must be `true`, `false`, 1 or 0",
        "line 6: the user name is the verified e-mail address of another user",
        "line 7: the user name is the verified e-mail address of another user",
    ] {
        assert!(refused.contains(problem), "{refused}");
    }
    assert!(!refused.contains("mail.example"), "{refused}");
    let lines = format!(
        "{{\"username\":\"bob\",\"hashed_password\":\"{BCRYPT}\",\"email\":\"a@mail.example\",\"email_verified\":false}}\n\
         {{\"username\":\"carl\",\"hashed_password\":\"{BCRYPT}\",\"email\":\"c@mail.example\",\"email_verified\":true}}\n\
         {{\"username\":\"dora\",\"hashed_password\":\"{BCRYPT}\",\"email\":\"C@mail.example\"}}\n\
         {{\"username\":\"erin\",\"hashed_password\":\"{BCRYPT}\",\"email_verified\":true}}\n"
    );
    expect_import(&app, "u.jsonl", &lines, &[]).await;
    let users = "SELECT username FROM users WHERE email_verified_at IS NOT NULL ORDER BY username";
    assert_eq!(app.db.texts(users).await, ["alice", "carl"]);
}

async fn many_users_are_imported_in_one_revision(app: TestApp) {
    use std::fmt::Write as _;
    let mut text = "username,hashed_password,role\n".to_owned();
    for number in 0..1_234 {
        writeln!(text, "user{number},{BCRYPT},user").unwrap();
    }
    let before = app.db.revision().await;
    let users = app.db.count("users").await;
    let output = expect_import(&app, "users.csv", &text, &[]).await;
    assert_eq!(output, "1234 users imported, 1234 roles assigned\n");
    assert_eq!(app.db.revision().await, before + 1);
    assert_eq!(app.db.count("users").await, users + 1_234);
    let long = "SELECT COUNT(*) FROM audit WHERE LENGTH(changes) > 500";
    assert_eq!(app.db.number(long).await, 0);
    app.log_in("user0").await;
    app.log_in("user1233").await;
    assert!(audit_is_whole(&app).await);
}

/// A file of many users in no particular order.
fn many_users(users: u32) -> String {
    use std::fmt::Write as _;
    let mut text = "username,hashed_password,role\n".to_owned();
    for number in 0..users {
        let name = number.wrapping_mul(0x9E37_79B1);
        writeln!(text, "u{name:08x}.{number},{BCRYPT},user").unwrap();
    }
    text
}

async fn logins_work_during_a_large_import(app: RealHashing) {
    app.create_user("alice", &[]).await;
    let text = many_users(10_000);
    let done = AtomicBool::new(false);
    let importing = async {
        expect_import(&app, "users.csv", &text, &[]).await;
        done.store(true, Ordering::Relaxed);
    };
    let logging_in = async {
        while !done.load(Ordering::Relaxed) {
            app.log_in("alice").await;
        }
    };
    tokio::join!(importing, logging_in);
}
