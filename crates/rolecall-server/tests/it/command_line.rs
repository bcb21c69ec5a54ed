//! The command line in a process of its own, beside a server that runs.

use std::process::{Command, Output};

use rolecall::SystemClock;

use crate::support::{ISSUER, MASTER_KEY, PASSWORD, TestApp, WRONG, eventually, on_both};

on_both![
    a_role_taken_away_by_the_command_line_is_refused_by_the_running_server,
    a_user_disabled_by_the_command_line_is_refused_by_the_running_server,
    an_audit_log_that_was_altered_or_cut_is_not_called_whole,
    whoever_acts_as_a_user_reads_and_writes_no_more_than_that_user,
];

/// `rolecall` on the database of the application, and on nothing else.
pub(crate) fn command(app: &TestApp, master_key: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command
        .args(arguments)
        .env_clear()
        .env("ROLECALL_DATABASE__URL", &app.db.url)
        .env("ROLECALL_MASTER_KEY", master_key)
        .env("ROLECALL_PUBLIC_URL", ISSUER);
    command
}

/// Runs `rolecall`.
pub(crate) async fn rolecall(app: &TestApp, arguments: &[&str]) -> Output {
    rolecall_with(app, MASTER_KEY, arguments).await
}

/// Runs `rolecall` with another master key.
pub(crate) async fn rolecall_with(app: &TestApp, master_key: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(app, master_key, arguments);
    command.current_dir(folder.path());
    tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap();
        drop(folder);
        output
    })
    .await
    .unwrap()
}

pub(crate) async fn run(app: &TestApp, arguments: &[&str]) {
    let output = rolecall(app, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

async fn a_role_taken_away_by_the_command_line_is_refused_by_the_running_server(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    app.user("alice", &["editor"]).await;
    app.user("bob", &["editor"]).await;
    let server = app.node(|builder| builder.clock(SystemClock)).await;
    let (alice, bob) = (server.login("alice").await, server.login("bob").await);
    server.get("/items/", &alice).await.is(200);
    run(&app, &["unassign", "alice", "editor"]).await;
    eventually("the server refuses", async || {
        server.get("/items/", &alice).await.status == 401
    })
    .await;
    server.get("/items/", &alice).await.ended();
    server.get("/items/", &bob).await.is(200);
    server
        .get("/items/", &server.login("alice").await)
        .await
        .forbidden("items:read");
    run(&app, &["assign", "alice", "editor"]).await;
    server
        .get("/items/", &server.login("alice").await)
        .await
        .is(200);
}

async fn a_user_disabled_by_the_command_line_is_refused_by_the_running_server(app: TestApp) {
    app.user("alice", &["user"]).await;
    let server = app.node(|builder| builder.clock(SystemClock)).await;
    let token = server.login("alice").await;
    run(&app, &["user", "disable", "alice"]).await;
    server
        .password_grant("alice", PASSWORD)
        .await
        .wrong_password();
    eventually("the server refuses", async || {
        server.get("/api/me", &token).await.status == 401
    })
    .await;
    // the last administrator stays, whoever asks
    let refused = rolecall(&app, &["user", "disable", "admin"]).await;
    assert!(!refused.status.success());
    server.login("admin").await;
    server.password_grant("admin", WRONG).await.wrong_password();
}

/// Whether the log is called whole, and what is said of it.
async fn verify(app: &TestApp) -> (bool, String) {
    let output = rolecall(app, &["audit", "verify"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said)
}

/// Whether the log is called whole.
pub(crate) async fn audit_is_whole(app: &TestApp) -> bool {
    verify(app).await.0
}

async fn an_audit_log_that_was_altered_or_cut_is_not_called_whole(app: TestApp) {
    app.role("editor", &["items:read"]).await;
    let alice = app.user("alice", &["editor"]).await;
    app.unassign(&alice, "editor").await;
    let newest = app.db.revision().await;
    let (whole, said) = verify(&app).await;
    assert!(whole && said.contains(&newest.to_string()), "{said}");
    for (harm, repair) in [
        (
            "UPDATE audit SET actor = 'nobody' WHERE revision = 3",
            "UPDATE audit SET actor = 'system' WHERE revision = 3",
        ),
        (
            "UPDATE audit SET at = at + 1 WHERE revision = 3",
            "UPDATE audit SET at = at - 1 WHERE revision = 3",
        ),
        (
            "UPDATE audit SET revision = 1000 WHERE revision = 3",
            "UPDATE audit SET revision = 3 WHERE revision = 1000",
        ),
    ] {
        app.db.execute(harm).await;
        let (whole, said) = verify(&app).await;
        assert!(!whole && said.contains("altered"), "{harm}: {said}");
        app.db.execute(repair).await;
        assert!(verify(&app).await.0, "{repair}");
    }
    let cut = format!("DELETE FROM audit WHERE revision = {newest}");
    app.db.execute(&cut).await;
    let (whole, said) = verify(&app).await;
    assert!(!whole && said.contains("truncated"), "{said}");
}

async fn whoever_acts_as_a_user_reads_and_writes_no_more_than_that_user(app: TestApp) {
    app.role("clerk", &["rolecall.users:read"]).await;
    app.user("clara", &["clerk"]).await;
    app.user("alice", &["user"]).await;
    run(&app, &["--as", "clara", "user", "list"]).await;
    let revision = app.db.revision().await;
    for refused in [
        ["--as", "clara", "audit", "list"].as_slice(),
        &["--as", "clara", "role", "list"],
        &["--as", "clara", "user", "show", "alice"],
        &["--as", "clara", "user", "disable", "alice"],
        &["--as", "clara", "role", "add", "editor"],
        &["--as", "clara", "assign", "alice", "clerk"],
        &["--as", "clara", "recover"],
        &["--as", "clara", "backup", "copy.db"],
        &["--as", "alice", "user", "list"],
    ] {
        let output = rolecall(&app, refused).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{refused:?}");
        assert!(output.stdout.is_empty(), "{refused:?}");
        assert!(
            said.contains("not permitted") || said.contains("without --as"),
            "{refused:?}: {said}"
        );
    }
    assert_eq!(app.db.revision().await, revision);
}
