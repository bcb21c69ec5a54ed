//! What outlives the process, and which databases are refused.

use std::time::Duration;

use rolecall_server::StartError;

use crate::refresh::Pair;
use crate::support::{MASTER_KEY, PASSWORD, TestApp, WRONG, on_both};

on_both![
    users_keys_tokens_and_losses_outlive_the_process,
    a_restart_makes_no_second_administrator_key_or_era,
    another_master_key_is_refused,
    a_database_of_a_newer_server_is_refused,
    x094_failures_outlive_the_process,
    x094_a_restart_forgets_neither_the_grace_nor_a_token_that_was_used,
    a_longer_lifetime_is_remembered_for_floors,
];

async fn users_keys_tokens_and_losses_outlive_the_process(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    app.user("bob", &["editor"]).await;
    let (lost, kept) = (app.login("alice").await, app.login("bob").await);
    app.unassign(&alice, "editor").await;
    let keys = app.get("/.well-known/jwks.json", "").await.json;
    let app = app.restart().await;
    assert_eq!(app.get("/.well-known/jwks.json", "").await.json, keys);
    app.get("/items/", &kept).await.is(200);
    app.get("/items/", &lost).await.ended();
    let later = app.login("alice").await;
    app.get("/items/", &later).await.forbidden("items:read");
}

async fn a_restart_makes_no_second_administrator_key_or_era(app: TestApp) {
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
    // and nothing was broken by trying
    app.restart().await.login("admin").await;
}

async fn a_database_of_a_newer_server_is_refused(app: TestApp) {
    let newer = app
        .db
        .number("SELECT MAX(version) + 1 FROM _sqlx_migrations")
        .await;
    app.db
        .execute(&format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT {newer}, 'of tomorrow', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1"
        ))
        .await;
    let refused = app.builder().open().await.err().unwrap().to_string();
    assert!(refused.contains("newer rolecall"), "{refused}");
}

async fn x094_failures_outlive_the_process(app: TestApp) {
    for _ in 0..5 {
        app.password_grant("admin", WRONG).await.wrong_password();
    }
    app.password_grant("admin", WRONG).await.wrong_password();
    let app = app.restart().await;
    let answer = app.password_grant("admin", PASSWORD).await;
    assert_eq!(answer.is(429).header("retry-after"), Some("1"));
    app.pass(Duration::from_secs(1));
    app.login("admin").await;
    assert_eq!(app.db.count("login_failures").await, 0);
}

async fn a_longer_lifetime_is_remembered_for_floors(app: TestApp) {
    let day = app.builder().access_ttl(Duration::from_hours(20));
    drop(day.open().await.unwrap());
    let app = app.restart().await;
    let alice = app.user("alice", &["user"]).await;
    app.unassign(&alice, "user").await;
    let ends = app
        .db
        .number(&format!(
            "SELECT ends_at FROM floors WHERE subject = '{alice}'"
        ))
        .await;
    let start = crate::support::START.micros();
    assert_eq!((ends - start) / 1_000_000, 20 * 3600 + 90);
}

/// What SQLite leaves on the disk is for its owner alone.
#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_database_or_the_master_key() {
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
    // the key that was made is the key of the next start, and without it there is none
    drop(open().await);
    std::fs::remove_file(data.join("rolecall.key")).unwrap();
    let refused = rolecall_server::Embedded::open(&url).await;
    assert!(matches!(refused.err(), Some(StartError::WrongMasterKey)));
}

/// Nodes share a PostgreSQL database, so a key beside it would be no common one.
#[tokio::test]
async fn postgresql_without_a_master_key_is_refused() {
    let Some(db) = crate::support::Database::postgres().await else {
        return;
    };
    let refused = rolecall_server::Embedded::open(&db.url).await;
    assert!(matches!(refused.err(), Some(StartError::NoMasterKey)));
}

async fn x094_a_restart_forgets_neither_the_grace_nor_a_token_that_was_used(app: TestApp) {
    app.user("alice", &[]).await;
    let first = app.log_in("alice").await;
    let second = Pair::of(&app.refresh(&first.refresh).await);
    let app = app.restart().await;
    let again = Pair::of(&app.refresh(&first.refresh).await);
    assert_eq!(again.refresh, second.refresh, "the same successor");
    let third = Pair::of(&app.refresh(&second.refresh).await);
    let app = app.restart().await;
    for used in [&first, &third] {
        let refused = app.refresh(&used.refresh).await;
        refused.oauth(400, "invalid_grant");
    }
    app.get("/api/me", &third.access).await.ended();
}
