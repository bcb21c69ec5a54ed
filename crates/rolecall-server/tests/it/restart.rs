//! State that survives a restart, and databases that a server refuses to open.

use std::time::Duration;

use rolecall_server::StartError;

use crate::support::{
    Database, MASTER_KEY, PASSWORD, START, TestApp, TokenPair, WRONG, command, on_both, output_of,
};

on_both![
    users_keys_tokens_and_losses_survive_a_restart,
    a_restart_creates_no_second_administrator_key_or_era,
    another_master_key_is_refused,
    a_database_from_a_newer_server_is_refused,
    x094_failures_survive_a_restart,
    x094_the_grace_period_and_used_tokens_survive_a_restart,
    floors_remember_the_longest_token_lifetime,
    y386_a_dump_from_before_an_upgrade_is_recovered_without_a_start,
];

async fn users_keys_tokens_and_losses_survive_a_restart(app: TestApp) {
    app.create_role("editor", &["items:read"]).await;
    let alice = app.create_user("alice", &["editor"]).await;
    app.create_user("bob", &["editor"]).await;
    let (lost, kept) = (app.log_in("alice").await, app.log_in("bob").await);
    app.unassign(&alice, "editor").await;
    let keys = app.get("/.well-known/jwks.json", "").await.json;
    let app = app.restart().await;
    assert_eq!(app.get("/.well-known/jwks.json", "").await.json, keys);
    app.get("/items/", &kept).await.is(200);
    app.get("/items/", &lost).await.ended_token();
    let later = app.log_in("alice").await;
    app.get("/items/", &later).await.forbidden("items:read");
}

async fn a_restart_creates_no_second_administrator_key_or_era(app: TestApp) {
    let state = async |app: &TestApp| {
        let mut state = app.db.texts("SELECT era FROM head").await;
        state.extend(app.db.texts("SELECT kid FROM signing_keys").await);
        state.extend(app.db.texts("SELECT username FROM users").await);
        state.push(app.db.revision().await.to_string());
        state
    };
    let before = state(&app).await;
    let app = app.restart().await;
    assert_eq!(state(&app).await, before);
}

async fn another_master_key_is_refused(app: TestApp) {
    let other = MASTER_KEY.replace('0', "f");
    let refused = app.builder().master_key(&other).open().await;
    assert!(matches!(refused.err(), Some(StartError::WrongMasterKey)));
    let malformed = app.builder().master_key("short").open().await;
    assert!(matches!(malformed.err(), Some(StartError::MasterKey(_))));
    // and the attempts broke nothing
    app.restart().await.log_in("admin").await;
}

async fn a_database_from_a_newer_server_is_refused(app: TestApp) {
    let newer = app
        .db
        .number("SELECT MAX(version) + 1 FROM rolecall_migrations")
        .await;
    app.db
        .execute(&format!(
            "INSERT INTO rolecall_migrations (version, description, success, checksum, execution_time) \
             SELECT {newer}, 'future', success, checksum, 0 FROM rolecall_migrations WHERE version = 1"
        ))
        .await;
    let refused = app.builder().open().await.err().unwrap().to_string();
    assert!(refused.contains("newer rolecall"), "{refused}");
}

async fn x094_failures_survive_a_restart(app: TestApp) {
    for number in 0..5 {
        let guess = format!("{WRONG} {number}");
        app.password_grant("admin", &guess).await.wrong_password();
    }
    app.password_grant("admin", WRONG).await.wrong_password();
    let app = app.restart().await;
    let response = app.password_grant("admin", PASSWORD).await;
    assert_eq!(response.is(429).header("retry-after"), Some("1"));
    app.pass_time(Duration::from_secs(1));
    app.log_in("admin").await;
    assert_eq!(app.db.count("login_failures").await, 0);
}

async fn floors_remember_the_longest_token_lifetime(app: TestApp) {
    let day = app.builder().access_ttl(Duration::from_hours(20));
    drop(day.open().await.unwrap());
    let app = app.restart().await;
    let alice = app.create_user("alice", &["user"]).await;
    app.unassign(&alice, "user").await;
    let ends = app
        .db
        .number(&format!(
            "SELECT ends_at FROM floors WHERE subject = '{alice}'"
        ))
        .await;
    let start = START.micros();
    assert_eq!((ends - start) / 1_000_000, 20 * 3600 + 90);
}

/// The files of SQLite are readable only by their owner.
#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_database_and_the_master_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("rolecall-data");
    let url = format!("sqlite:{}", data.join("rolecall.db").display());
    let open = async || rolecall_server::Embedded::open(&url).await.unwrap();
    drop(open().await);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    assert!(names.iter().any(|name| name == "rolecall.key"), "{names:?}");
    // the generated key is used at the next start, and is required
    drop(open().await);
    std::fs::remove_file(data.join("rolecall.key")).unwrap();
    let refused = rolecall_server::Embedded::open(&url).await;
    assert!(matches!(refused.err(), Some(StartError::KeyFileMissing(_))));
    // another key in its place would only hide that
    assert!(!data.join("rolecall.key").exists());
}

/// Nodes share a PostgreSQL database, so a key generated beside it would not be shared.
#[tokio::test]
async fn postgresql_without_a_master_key_is_refused() {
    let Some(db) = Database::postgres().await else {
        return;
    };
    let refused = rolecall_server::Embedded::open(&db.url).await;
    assert!(matches!(refused.err(), Some(StartError::NoMasterKey)));
}

async fn x094_the_grace_period_and_used_tokens_survive_a_restart(app: TestApp) {
    app.create_user("alice", &[]).await;
    let first = app.open_session("alice").await;
    let second = TokenPair::of(&app.refresh(&first.refresh).await);
    let app = app.restart().await;
    let again = TokenPair::of(&app.refresh(&first.refresh).await);
    assert_eq!(again.refresh, second.refresh, "the same successor");
    let third = TokenPair::of(&app.refresh(&second.refresh).await);
    let app = app.restart().await;
    for used in [&first, &third] {
        let refused = app.refresh(&used.refresh).await;
        refused.oauth_error(400, "invalid_grant");
    }
    app.get("/api/me", &third.access).await.ended_token();
}

/// A start would update it too, and let the tokens of the time before in.
async fn y386_a_dump_from_before_an_upgrade_is_recovered_without_a_start(app: TestApp) {
    let token = app.log_in("admin").await;
    let folder = tempfile::tempdir().unwrap();
    let run = async |command: &mut Option<std::process::Command>| {
        let mut command = command.take().unwrap();
        command.current_dir(folder.path());
        output_of(command).await
    };
    let mut of_admin = Some(command(&app, MASTER_KEY, &["recover", "--as", "admin"]));
    let mut listing = Some(command(&app, MASTER_KEY, &["user", "list"]));
    let mut recovering = Some(command(&app, MASTER_KEY, &["recover", "--json"]));
    let app = app
        .restart_as(
            |builder| builder,
            async |db: &Database| {
                let versions = "SELECT MAX(version) FROM rolecall_migrations";
                let newest = db.number(versions).await;
                // what the newest version has made
                for undo in [
                    "DELETE FROM rolecall_migrations WHERE version = 49",
                    "ALTER TABLE rolecall_mail_codes DROP COLUMN made_at",
                    "ALTER TABLE users DROP COLUMN language",
                    "ALTER TABLE known_times DROP COLUMN latest_at",
                ] {
                    db.execute(undo).await;
                }
                for other in [&mut of_admin, &mut listing] {
                    let refused = run(other).await;
                    assert!(!refused.status.success(), "{refused:?}");
                    let text = String::from_utf8_lossy(&refused.stderr);
                    assert!(text.contains("rolecall migrate"), "{text}");
                }
                let output = run(&mut recovering).await;
                assert!(output.status.success(), "{output:?}");
                assert!(output.stdout.starts_with(b"{"), "{output:?}");
                assert_eq!(db.number(versions).await, newest);
            },
        )
        .await;
    app.get("/api/me", &token).await.is(401);
    app.log_in("admin").await;
}
