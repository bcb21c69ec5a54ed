//! `rolecall policy`: policy documents on the command line.

use std::{fs, path::Path, process::Output};

use crate::support::{MASTER_KEY, TestApp, command, on_both, output_of, rolecall, run};

on_both![
    the_exit_status_of_a_plan_shows_whether_there_are_changes,
    every_error_has_file_line_and_column,
    applying_an_export_changes_nothing,
    a_document_that_breaks_a_rule_changes_nothing,
    acting_as_a_user_applies_no_more_than_that_user_holds,
    expectations_are_checked_against_the_document_and_the_database,
    lint_finds_probable_mistakes,
];

const ITEMS: &str = r#"[permissions]
"items:read" = "see items"
"items:write" = ""

[roles.admin]

[roles.reader]
permissions = ["items:read"]

[roles.editor]
permissions = ["items:*"]
juniors = ["reader"]
"#;

/// Runs `rolecall policy` in a folder with the document as `policy.toml`; returns status, standard output and
/// standard error.
async fn policy(app: &TestApp, document: &str, arguments: &[&str]) -> (i32, String, String) {
    policy_with(
        app,
        document,
        arguments,
        ("ROLECALL_REGISTRATION__MODE", "open"),
    )
    .await
}

async fn policy_with(
    app: &TestApp,
    document: &str,
    arguments: &[&str],
    setting: (&str, &str),
) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.toml"), document).unwrap();
    let mut command = command(app, MASTER_KEY, &[&["policy"], arguments].concat());
    command.env(setting.0, setting.1).current_dir(folder.path());
    parts(&output_of(command).await)
}

fn parts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

async fn the_exit_status_of_a_plan_shows_whether_there_are_changes(app: TestApp) {
    app.create_role("reader", &["items:read"]).await;
    app.create_user("alice", &["reader"]).await;
    let revision = app.db.revision().await;
    let (status, out, _) = policy(&app, ITEMS, &["plan", "policy.toml"]).await;
    assert_eq!(status, 2, "{out}");
    assert!(
        out.starts_with("~ permission items:read: description\n+ permission items:write\n"),
        "{out}"
    );
    assert!(out.contains("+ role editor inherits reader\n"), "{out}");
    assert!(out.ends_with("0 gain, 0 lose something\n"), "{out}");
    let (status, out, _) = policy(
        &app,
        &ITEMS.replace("[\"items:read\"]", "[]"),
        &["plan", "policy.toml"],
    )
    .await;
    let loses = |line: &str| line.starts_with("alice ") && line.ends_with(" items:read");
    assert!(status == 2 && out.lines().any(loses), "{out}");
    assert_eq!(app.db.revision().await, revision);
    let (status, out, _) = policy(&app, ITEMS, &["--json", "plan", "policy.toml"]).await;
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (status, &json["counts"]["roles"]),
        (2, &serde_json::json!(1))
    );
    let (status, out, _) = policy(&app, ITEMS, &["apply", "policy.toml"]).await;
    assert_eq!(status, 0, "{out}");
    assert!(out.ends_with("5 changes made\n"), "{out}");
    let (status, out, _) = policy(&app, ITEMS, &["plan", "policy.toml"]).await;
    assert_eq!((status, out.as_str()), (0, "no change\n"));
    let (status, _, error) = policy(&app, ITEMS, &["plan", "nothing.toml"]).await;
    assert!(status == 1 && error.contains("nothing.toml"), "{error}");
    let (status, _, error) =
        policy(&app, ITEMS, &["apply", "policy.toml", "--if-match", "x"]).await;
    assert!(
        status == 1 && error.contains("the policy has changed"),
        "{error}"
    );
}

async fn every_error_has_file_line_and_column(app: TestApp) {
    let revision = app.db.revision().await;
    let faulty = "[roles.a]\njuniors = [\"ghost\"]\npermissions = [\"x:y\"]\n";
    let expected = "policy.toml:2:12: role `ghost` does not exist; define it under [roles.ghost]\n\
        policy.toml:3:16: permission `x:y` does not exist; define it under [permissions]\n";
    for arguments in [
        ["plan", "policy.toml"],
        ["apply", "policy.toml"],
        ["test", "policy.toml"],
        ["lint", "policy.toml"],
        ["rust", "policy.toml"],
        ["typescript", "policy.toml"],
    ] {
        let (status, out, error) = policy(&app, faulty, &arguments).await;
        assert_eq!(
            (status, out.as_str(), error.as_str()),
            (1, "", expected),
            "{arguments:?}"
        );
    }
    let constraint =
        "[roles.a]\n[constraints.x]\nkind = \"static\"\nroles = [\"a\", \"user\"]\nat_most = 2\n";
    let (status, _, error) = policy(&app, constraint, &["apply", "policy.toml"]).await;
    assert_eq!(
        (status, error.as_str()),
        (
            1,
            "policy.toml:5:11: at_most must be less than the number of roles, which is 2\n"
        )
    );
    assert_eq!(app.db.revision().await, revision);
}

async fn applying_an_export_changes_nothing(app: TestApp) {
    policy(&app, ITEMS, &["apply", "policy.toml"]).await;
    let revision = app.db.revision().await;
    for form in [&["policy", "export"][..], &["policy", "export", "--json"]] {
        let (_, exported, _) = parts(&rolecall(&app, form).await);
        let (status, out, _) = policy(&app, &exported, &["apply", "policy.toml"]).await;
        assert_eq!((status, out.as_str()), (0, "no change\n"));
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn a_document_that_breaks_a_rule_changes_nothing(app: TestApp) {
    app.create_role("member", &[]).await;
    let revision = app.db.revision().await;
    let setting = ("ROLECALL_REGISTRATION__ROLES", "user,member");
    for what in ["plan", "apply"] {
        let (status, _, error) = policy_with(&app, ITEMS, &[what, "policy.toml"], setting).await;
        let expected = "role `member` is still in use: `registration.roles` names it";
        assert!(status == 1 && error.contains(expected), "{error}");
    }
    assert_eq!(app.db.revision().await, revision);
}

async fn acting_as_a_user_applies_no_more_than_that_user_holds(app: TestApp) {
    let manager = format!(
        "{ITEMS}\n[roles.manager]\npermissions = [\"items:read\", \"rolecall.policy:read\", \"rolecall.policy:write\"]\n"
    );
    policy(&app, &manager, &["apply", "policy.toml"]).await;
    app.create_user("mary", &["manager", "reader"]).await;
    app.create_user("alice", &[]).await;
    let revision = app.db.revision().await;
    let more = manager.replace(
        "[\"items:read\", \"rolecall",
        "[\"items:write\", \"rolecall",
    );
    for (user, document, arguments) in [
        ("alice", &manager, &["plan", "policy.toml"][..]),
        ("alice", &manager, &["export"]),
        ("alice", &manager, &["lint"]),
        ("alice", &more, &["apply", "policy.toml"]),
        ("mary", &more, &["apply", "policy.toml"]),
    ] {
        let (status, out, error) =
            policy(&app, document, &[&["--as", user], arguments].concat()).await;
        assert!(
            status == 1 && out.is_empty() && error.contains("not permitted"),
            "{arguments:?}: {error}"
        );
    }
    // names are shown only to those who may read assignments
    let (status, out, _) = policy(&app, &more, &["--as", "mary", "plan", "policy.toml"]).await;
    assert!(status == 2 && !out.contains("mary"), "{out}");
    assert_eq!(app.db.revision().await, revision);
    let less = manager.replace(
        "[roles.reader]\npermissions = [\"items:read\"]",
        "[roles.reader]",
    );
    let (status, out, error) = policy(&app, &less, &["--as", "mary", "apply", "policy.toml"]).await;
    assert_eq!(status, 0, "{out}{error}");
}

async fn expectations_are_checked_against_the_document_and_the_database(app: TestApp) {
    let tests = "\n[[tests]]\nrole = \"reader\"\ncan = [\"items:read\"]\ncannot = [\"items:write\"]\n\
        [[tests]]\nuser = \"alice\"\ncan = [\"items:write\"]\n";
    let document = format!("{ITEMS}{tests}");
    let (status, out, _) = policy(&app, &document, &["test"]).await;
    assert_eq!(status, 1, "{out}");
    assert_eq!(
        out,
        "policy.toml:20:8: user `alice` should have `items:write`, but this user does not exist\n3 expectations, 2 met\n"
    );
    policy(&app, ITEMS, &["apply", "policy.toml"]).await;
    app.create_user("alice", &["editor"]).await;
    let (status, out, _) = policy(&app, &document, &["test"]).await;
    assert_eq!((status, out.as_str()), (0, "3 expectations, 3 met\n"));
    // the document is checked, unless `--live` is given
    let other = document.replace("permissions = [\"items:*\"]\n", "");
    let (status, out, _) = policy(&app, &other, &["test"]).await;
    assert_eq!(status, 1);
    assert!(
        out.starts_with(
            "policy.toml:19:8: user `alice` should have `items:write`, but no role gives it"
        ),
        "{out}"
    );
    let (status, out, _) = policy(&app, &other, &["test", "--live"]).await;
    assert_eq!(status, 0, "{out}");
    // an expired assignment gives nothing, but did before
    run(
        &app,
        &[
            "assign",
            "alice",
            "editor",
            "--until",
            "2100-01-01T00:00:00Z",
        ],
    )
    .await;
    let timed =
        |at: &str| document.replace("user = \"alice\"", &format!("user = \"alice\"\nat = {at}"));
    let (status, _, _) = policy(&app, &timed("2099-12-31T23:59:59Z"), &["test"]).await;
    assert_eq!(status, 0);
    let (status, out, _) = policy(&app, &timed("2100-01-01T00:00:00Z"), &["test"]).await;
    assert!(status == 1 && out.contains("has expired"), "{out}");
    // in one tenant only
    app.create_user("carol", &[]).await;
    run(&app, &["assign", "carol", "editor", "--tenant", "acme"]).await;
    let carol = format!(
        "{ITEMS}\n[[tests]]\nuser = \"carol\"\ntenant = \"acme\"\ncan = [\"items:write\"]\n\
         [[tests]]\nuser = \"carol\"\ntenant = \"other\"\ncannot = [\"items:read\"]\n\
         [[tests]]\nuser = \"carol\"\ncannot = [\"items:read\"]\n"
    );
    let (status, out, _) = policy(&app, &carol, &["test"]).await;
    assert_eq!((status, out.as_str()), (0, "3 expectations, 3 met\n"));
    let (status, out, _) = policy(&app, &carol.replace("\"other\"", "\"acme\""), &["test"]).await;
    assert!(status == 1 && out.contains("(in tenant `acme`)"), "{out}");
}

async fn lint_finds_probable_mistakes(app: TestApp) {
    let (status, out, _) = policy(&app, ITEMS, &["lint", "policy.toml"]).await;
    assert_eq!(status, 2);
    assert_eq!(
        out,
        "policy.toml:10:8: all-powerful: role `editor` gives every permission\n1 finding\n"
    );
    policy(&app, ITEMS, &["apply", "policy.toml"]).await;
    let (status, out, _) = policy(&app, ITEMS, &["lint"]).await;
    assert!(
        status == 2 && out.contains("unreached-role: role `editor` is not assigned"),
        "{out}"
    );
    app.create_user("alice", &["editor"]).await;
    let (_, out, _) = policy(&app, ITEMS, &["lint"]).await;
    assert!(!out.contains("unreached-role"), "{out}");
}

/// Commands that only read a file create no database.
#[test]
fn checking_a_file_needs_no_database() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.toml"), ITEMS).unwrap();
    for arguments in [
        ["test", "policy.toml"],
        ["lint", "policy.toml"],
        ["rust", "policy.toml"],
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .arg("policy")
            .args(arguments)
            .env_clear()
            .current_dir(folder.path())
            .output();
        let (status, out, error) = parts(&output.unwrap());
        assert!(status != 1 && !out.is_empty(), "{error}");
    }
    assert!(!Path::new(&folder.path().join("rolecall-data")).exists());
}
