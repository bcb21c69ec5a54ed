//! Databases that rolecall shares with an application, may not touch, or has to create first.

use std::{fs, process::Command, time::Duration};

use rolecall_server::{Embedded, StartError};
use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::support::{
    Database, ISSUER, MASTER_KEY, TestApp, command, on_both, output_of, run, run_failing,
};

on_both![
    y124_a_command_creates_no_tables,
    y126_a_server_refuses_a_database_that_dev_made,
    a_foreign_key_of_an_application_protects_its_user,
    a_deleted_user_takes_the_rows_of_an_application_along_if_it_asks_for_that,
    a_foreign_key_that_is_checked_at_the_commit_protects_its_user,
];

/// A folder in which the program runs on `app.db`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
        command
            .args(arguments)
            .env_clear()
            .env("ROLECALL_DATABASE__URL", "sqlite:data/app.db")
            .env("ROLECALL_PUBLIC_URL", ISSUER)
            .env("ROLECALL_LISTEN", "127.0.0.1:0")
            .current_dir(self.0.path());
        command
    }

    /// Returns whether a command succeeds, and its output.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    fn names(&self) -> Vec<String> {
        let folder = fs::read_dir(self.0.path().join("data"));
        let Ok(entries) = folder else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Every command that opens the database, except those that create it.
const COMMANDS: &[&[&str]] = &[
    &["user", "list"],
    &["user", "add", "anna", "--password-stdin"],
    &["role", "list"],
    &["constraint", "list"],
    &["assign", "anna", "editor"],
    &["request", "list"],
    &["explain", "anna", "items:read"],
    &["client", "list"],
    &["key", "list"],
    &["session", "list", "anna"],
    &["audit", "verify"],
    &["policy", "export"],
    &["backup", "backup.db"],
    &["recover"],
];

#[tokio::test]
async fn y123_a_database_of_an_application_is_left_as_it_is() {
    let folder = Folder::new();
    fs::create_dir(folder.0.path().join("data")).unwrap();
    let path = folder.0.path().join("data/app.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let app = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE users (id INTEGER PRIMARY KEY)")
        .execute(&app)
        .await
        .unwrap();
    app.close().await;
    let content = fs::read(&path).unwrap();
    let creating: [&[&str]; 4] = [
        &["migrate", "--check"],
        &["migrate"],
        &["serve"],
        &["doctor"],
    ];
    for command in creating.iter().chain(COMMANDS) {
        let (done, text) = folder.run(command);
        assert!(!done, "{command:?}: {text}");
        for part in ["`data/app.db`", "a table `users`", "database.url"] {
            assert!(text.contains(part), "{command:?}: {text}");
        }
        assert_eq!(folder.names(), ["app.db"], "{command:?}");
        assert_eq!(fs::read(&path).unwrap(), content, "{command:?}");
    }
    let embedded = Embedded::open(&format!("sqlite:{}", path.display())).await;
    let text = embedded.err().unwrap().to_string();
    assert!(text.contains("a table `users`"), "{text}");
    assert_eq!(folder.names(), ["app.db"]);
}

#[test]
fn y124_only_serve_dev_and_migrate_create_a_file() {
    let folder = Folder::new();
    for command in COMMANDS {
        let (done, text) = folder.run(command);
        assert!(!done, "{command:?}: {text}");
        for part in ["`data/app.db` does not exist", "rolecall migrate"] {
            assert!(text.contains(part), "{command:?}: {text}");
        }
        assert!(!folder.0.path().join("data").exists(), "{command:?}");
    }
    assert!(folder.run(&["doctor"]).0);
    assert!(!folder.0.path().join("data").exists());
    assert!(folder.run(&["migrate"]).0);
    assert!(folder.run(&["user", "list"]).0);
}

/// A command on another schema, or on a table of an older release.
async fn y124_a_command_creates_no_tables(app: TestApp) {
    app.db
        .execute("DELETE FROM rolecall_migrations WHERE version = 14")
        .await;
    // `recover` updates the schema itself, see y386
    for arguments in COMMANDS.iter().filter(|one| **one != ["recover"]) {
        let text = run_failing(&app, arguments).await;
        assert!(text.contains("rolecall migrate"), "{arguments:?}: {text}");
    }
    if app.db.is_sqlite() {
        return;
    }
    for arguments in COMMANDS {
        let mut command = command(&app, MASTER_KEY, arguments);
        command.env("ROLECALL_DATABASE__SCHEMA", "elsewhere");
        let output = output_of(command).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.contains("has no tables of rolecall"),
            "{arguments:?}: {text}"
        );
    }
    let schemas = "SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'elsewhere'";
    assert_eq!(app.db.number(schemas).await, 0);
    for arguments in [["migrate"].as_slice(), &["role", "list"], &["doctor"]] {
        let mut command = command(&app, MASTER_KEY, arguments);
        command.env("ROLECALL_DATABASE__SCHEMA", "elsewhere");
        let output = output_of(command).await;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        let is_error = |line: &str| line.starts_with("rolecall: ");
        assert!(!text.lines().any(is_error), "{arguments:?}: {text}");
    }
    assert_eq!(app.db.number(schemas).await, 1);
    assert_eq!(app.db.count("elsewhere.head").await, 1);
    // and a node of an application uses it
    let node = app.builder().schema("elsewhere").open().await.unwrap();
    drop(node);
    assert_eq!(app.db.count("elsewhere.users").await, 1);
    let refused = app.builder().schema("else-where").open().await;
    let text = refused.err().unwrap().to_string();
    assert!(text.contains("database.schema"), "{text}");
}

#[test]
fn y125_a_database_that_cannot_be_opened_is_named_without_its_password() {
    let folder = Folder::new();
    fs::create_dir(folder.0.path().join("data")).unwrap();
    fs::write(
        folder.0.path().join("data/text.db"),
        "no database".repeat(200),
    )
    .unwrap();
    for (url, parts) in [
        (
            "postgres://me:canary@127.0.0.1:1/accounts",
            ["`accounts` on `127.0.0.1`, port 1", "refused"],
        ),
        (
            "postgres://me:canary@no-such-host.invalid/accounts",
            ["`accounts` on `no-such-host.invalid`", "address"],
        ),
        ("sqlite:data/text.db", ["`data/text.db`", "not a database"]),
        ("sqlite:data", ["`data`", ""]),
    ] {
        for arguments in [["role", "list"].as_slice(), &["migrate"], &["doctor"]] {
            let output = folder
                .command(arguments)
                .env("ROLECALL_DATABASE__URL", url)
                .env("ROLECALL_MASTER_KEY", MASTER_KEY)
                .output()
                .unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).unwrap();
            assert!(!output.status.success(), "{arguments:?} {url}: {text}");
            for part in parts {
                assert!(text.contains(part), "{arguments:?} {url}: {text}");
            }
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

async fn y126_a_server_refuses_a_database_that_dev_made(app: TestApp) {
    app.db.execute("UPDATE head SET made_by_dev = TRUE").await;
    let refused = app.builder().open().await.err().unwrap();
    assert!(matches!(refused, StartError::MadeByDev(_)), "{refused}");
    let text = run_failing(&app, &["--set", "listen=127.0.0.1:0", "serve"]).await;
    assert!(text.contains("was made by `rolecall dev`"), "{text}");
    // commands work, as those do that `dev` prints
    run(&app, &["role", "list"]).await;
    let findings = run_failing(&app, &["user", "show", "nobody"]).await;
    assert!(findings.contains("`nobody`"), "{findings}");
}

#[test]
fn y126_dev_marks_its_database_and_accepts_no_other() {
    let folder = Folder::new();
    let log = folder.0.path().join("log");
    let mut dev = folder
        .command(&["dev", "--keep", "data", "--listen", "127.0.0.1:0"])
        .stdout(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    while !fs::read_to_string(&log).unwrap().contains("Stop it with") {
        assert!(dev.try_wait().unwrap().is_none(), "`dev` has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    let run = |arguments: &[&str], name: &str| {
        let mut command = folder.command(arguments);
        command.env("ROLECALL_DATABASE__URL", format!("sqlite:data/{name}"));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    // the database is in use, as beside any other server
    assert!(run(&["user", "list"], "rolecall.db").0);
    dev.kill().unwrap();
    dev.wait().unwrap();
    let (done, text) = run(&["serve"], "rolecall.db");
    assert!(
        !done && text.contains("was made by `rolecall dev`"),
        "{text}"
    );
    assert!(text.contains("database.url"), "{text}");
    let (_, text) = run(&["doctor"], "rolecall.db");
    assert!(text.contains("so `serve` refuses it"), "{text}");
    // and the other way round
    fs::remove_dir_all(folder.0.path().join("data")).unwrap();
    assert!(run(&["migrate"], "rolecall.db").0);
    let (done, text) = run(&["dev", "--keep", "data"], "rolecall.db");
    assert!(
        !done && text.contains("was not made by `rolecall dev`"),
        "{text}"
    );
    let (_, users) = run(&["user", "list"], "rolecall.db");
    assert!(!users.contains("alice"), "{users}");
}

/// Runs the migrations of an application, whose table is that which sqlx names by default.
async fn migrate_application(db: &Database, table: &'static str) {
    let migration = Migration::new(
        20_240_101_000_000,
        "documents".into(),
        MigrationType::Simple,
        table.into_sql_str(),
        false,
    );
    db.migrate(&Migrator::with_migrations(vec![migration]))
        .await;
}

async fn a_foreign_key_of_an_application_protects_its_user(app: TestApp) {
    migrate_application(
        &app.db,
        "CREATE TABLE documents (id BIGINT PRIMARY KEY, owner TEXT NOT NULL REFERENCES users (id))",
    )
    .await;
    refuse_to_delete_an_owner(app).await;
}

async fn a_foreign_key_that_is_checked_at_the_commit_protects_its_user(app: TestApp) {
    migrate_application(
        &app.db,
        "CREATE TABLE documents (id BIGINT PRIMARY KEY, owner TEXT NOT NULL \
            REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    .await;
    refuse_to_delete_an_owner(app).await;
}

async fn refuse_to_delete_an_owner(app: TestApp) {
    let alice = app.create_user("alice", &[]).await;
    let token = app.log_in("alice").await;
    let insert = format!("INSERT INTO documents (id, owner) VALUES (1, '{alice}')");
    app.db.execute(&insert).await;
    assert!(
        app.db
            .refuses("INSERT INTO documents (id, owner) VALUES (2, 'nobody')")
            .await
    );
    let path = format!("/api/users/{alice}");
    let refused = app.delete(&path, app.admin().await).await;
    let detail = refused.is(409).text("detail");
    assert!(detail.contains("ON DELETE"), "{detail}");
    // nothing has changed
    app.get("/api/me", &token).await.is(200);
    app.log_in("alice").await;
    let text = run_failing(&app, &["user", "delete", "alice"]).await;
    assert!(text.contains("ON DELETE"), "{text}");
    // a restart of both leaves it as it is, and without the row the user can go
    let app = app.restart().await;
    app.db.execute("DELETE FROM documents").await;
    app.delete(&path, app.admin().await).await.no_content();
    assert_eq!(app.db.count("documents").await, 0);
}

async fn a_deleted_user_takes_the_rows_of_an_application_along_if_it_asks_for_that(app: TestApp) {
    migrate_application(
        &app.db,
        "CREATE TABLE documents (id BIGINT PRIMARY KEY, owner TEXT REFERENCES users (id) ON DELETE SET NULL, \
            author TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE)",
    )
    .await;
    let alice = app.create_user("alice", &[]).await;
    let bob = app.create_user("bob", &[]).await;
    for (id, owner, author) in [(1, &alice, &bob), (2, &bob, &alice)] {
        let insert = format!(
            "INSERT INTO documents (id, owner, author) VALUES ({id}, '{owner}', '{author}')"
        );
        app.db.execute(&insert).await;
    }
    let path = format!("/api/users/{alice}");
    app.delete(&path, app.admin().await).await.no_content();
    let left = "SELECT id FROM documents WHERE owner IS NULL";
    assert_eq!(app.db.number(left).await, 1);
    assert_eq!(app.db.count("documents").await, 1);
}
