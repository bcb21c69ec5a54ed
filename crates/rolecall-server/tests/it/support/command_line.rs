//! The program `rolecall` in a process of its own, on the database of a test.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use super::{ISSUER, MASTER_KEY, TestApp};

/// A call of `rolecall` with no settings but the database, the master key and the public URL.
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

/// Runs a command without blocking the runtime.
pub(crate) async fn output_of(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// Runs a command that reads `text`, without blocking the runtime.
pub(crate) async fn with_input(mut command: Command, text: &'static str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let run = move || {
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Runs `rolecall`.
pub(crate) async fn rolecall(app: &TestApp, arguments: &[&str]) -> Output {
    rolecall_with(app, MASTER_KEY, arguments).await
}

/// Runs `rolecall` with a master key.
pub(crate) async fn rolecall_with(app: &TestApp, master_key: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(app, master_key, arguments);
    command.current_dir(folder.path());
    output_of(command).await
}

/// Runs `rolecall`, which must succeed, and returns its standard output.
pub(crate) async fn run(app: &TestApp, arguments: &[&str]) -> String {
    let output = rolecall(app, arguments).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `rolecall`, which must fail, and returns its standard error.
pub(crate) async fn run_failing(app: &TestApp, arguments: &[&str]) -> String {
    let output = rolecall(app, arguments).await;
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Runs `rolecall audit verify`; returns whether it succeeds, and its standard output.
pub(crate) async fn verify_audit(app: &TestApp) -> (bool, String) {
    let output = rolecall(app, &["audit", "verify"]).await;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), stdout)
}

pub(crate) async fn audit_is_whole(app: &TestApp) -> bool {
    verify_audit(app).await.0
}
