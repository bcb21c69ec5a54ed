//! Files of the database that are gone, killed restores, configurations that cannot work, and starts before PostgreSQL
//! answers: through the program itself.

use std::{fs, path::PathBuf};

use serde_json::json;

use crate::support::{Database, Proxy, TestApp, eventually};

/// A database of the program with the role `editor`, and its key beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(arguments)
            .env_clear()
            .env("ROLECALL_DATABASE__URL", "sqlite:rolecall.db")
            .env("ROLECALL_PUBLIC_URL", crate::support::ISSUER)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        assert!(folder.run(&["migrate"]).0);
        assert!(folder.run(&["role", "add", "editor"]).0);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A pipe without a writer is at each place at which a file can be named; a program that waits for it never ends.
#[test]
fn y271_a_pipe_or_device_in_place_of_a_file_is_refused_at_once() {
    let folder = Folder::new();
    let pipe = folder.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::write(folder.path("model.conf"), "[request_definition]").unwrap();
    for arguments in [
        &["--config", "pipe", "config", "check"][..],
        &["--config", "/dev/zero", "config", "check"],
        &["--set", "master_key_file=pipe", "config", "check"],
        &["--set", "tokens.secret_file=pipe", "config", "check"],
        &[
            "--set",
            "pages.logo=pipe",
            "--set",
            "listen=127.0.0.1:0",
            "serve",
        ],
        &["--set", "database.url=sqlite:pipe", "role", "list"],
        &["--set", "database.url=sqlite:pipe", "doctor"],
        &[
            "--set",
            "database.url=postgres://a@127.0.0.1:1/b?sslmode=verify-full&sslrootcert=pipe",
            "role",
            "list",
        ],
        &["dev", "--seed", "pipe", "--listen", "127.0.0.1:0"],
        &["import", "users", "pipe", "--format", "csv"],
        &["policy", "apply", "pipe"],
        &["policy", "import", "--casbin", "model.conf", "pipe"],
        &["policy", "import", "--keycloak", "pipe"],
        &["--set", "database.url=sqlite:new.db", "restore", "pipe"],
    ] {
        let (done, text) = folder.run(arguments);
        let names_it = text.contains("pipe") || text.contains("device");
        assert!(!done && names_it, "{arguments:?}: {text}");
    }
    // a key file that a previous start could have left
    fs::remove_file(folder.path("rolecall.key")).unwrap();
    fs::rename(&pipe, folder.path("rolecall.key")).unwrap();
    let (done, text) = folder.run(&["role", "list"]);
    assert!(!done && text.contains("it is a named pipe"), "{text}");
}

#[test]
fn y271_the_output_of_a_command_is_a_file() {
    let folder = Folder::new();
    let output = std::process::Command::new("bash")
        .args([
            "-c",
            "exec \"$0\" --config <(echo 'log.level = \"warn\"') config show",
        ])
        .arg(env!("CARGO_BIN_EXE_rolecall"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .current_dir(folder.path("."))
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && text.contains("warn"), "{text}");
}

#[test]
fn y548_a_program_whose_standard_error_is_full_ends_as_usual() {
    let folder = Folder::new();
    for (arguments, code) in [
        (["--json", "nonsense"], 2),
        // the database cannot be opened
        (["role", "list"], 1),
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        let status = std::process::Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(arguments)
            .env_clear()
            .env("ROLECALL_DATABASE__URL", "nonsense:")
            .current_dir(folder.path("."))
            .stdout(std::process::Stdio::null())
            .stderr(full.unwrap())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn y084_no_empty_database_takes_the_place_of_one_that_is_gone() {
    let folder = Folder::new();
    fs::rename(folder.path("rolecall.db"), folder.path("away")).unwrap();
    let lost = |folder: &Folder| {
        let (done, text) = folder.run(&["role", "list"]);
        assert!(!done && text.contains("is missing or empty"), "{text}");
        let (done, text) = folder.run(&["doctor"]);
        assert!(!done && text.contains("is missing or empty"), "{text}");
    };
    // the key, and then the mark of its use, show that there was one
    lost(&folder);
    fs::write(folder.path("rolecall.db"), "").unwrap();
    lost(&folder);
    fs::remove_file(folder.path("rolecall.db")).unwrap();
    fs::rename(folder.path("rolecall.key"), folder.path("key")).unwrap();
    lost(&folder);
    assert!(!folder.path("rolecall.db").exists() && !folder.path("rolecall.key").exists());
    fs::rename(folder.path("away"), folder.path("rolecall.db")).unwrap();
    // and a key that is gone is not written anew
    let (done, text) = folder.run(&["role", "list"]);
    assert!(!done && text.contains("rolecall.key` is missing"), "{text}");
    assert!(!folder.path("rolecall.key").exists());
    fs::rename(folder.path("key"), folder.path("rolecall.key")).unwrap();
    assert!(folder.run(&["role", "list"]).0);
}

#[test]
fn y085_a_restore_that_is_killed_leaves_the_old_or_the_new_database() {
    let folder = Folder::new();
    assert!(folder.run(&["backup", "backup.db"]).0);
    assert!(folder.run(&["role", "add", "newer"]).0);
    let files = ["rolecall.db", "rolecall.db-wal"].map(|name| folder.path(name));
    let saved = files
        .each_ref()
        .map(|path| fs::read(path).unwrap_or_default());
    for round in 0..16 {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(["restore", "backup.db", "--force"])
            .env_clear()
            .env("ROLECALL_DATABASE__URL", "sqlite:rolecall.db")
            .current_dir(folder.0.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // each round is killed a little later
        std::thread::sleep(std::time::Duration::from_millis(round * 8));
        let _ = child.kill();
        child.wait().unwrap();
        let (done, text) = folder.run(&["role", "list"]);
        assert!(done && text.contains("editor"), "{round}: {text}");
        let (sound, text) = folder.run(&["doctor", "--full"]);
        assert!(
            text.contains("the database file is sound"),
            "{round}: {sound} {text}"
        );
        let _ = fs::remove_file(folder.path("rolecall.db-shm"));
        for (path, content) in files.iter().zip(&saved) {
            fs::write(path, content).unwrap();
        }
    }
    assert!(folder.run(&["restore", "backup.db", "--force"]).0);
    assert!(!folder.run(&["role", "show", "newer"]).0);
}

#[test]
fn y121_commands_leave_no_log_beside_the_database() {
    let folder = Folder::new();
    for command in [
        ["role", "add", "auditor"].as_slice(),
        &["role", "list"],
        &["role", "show", "unknown"],
        &["--as", "unknown", "role", "list"],
        &["policy", "export"],
        &["policy", "apply", "missing.toml"],
        &["backup", "backup.db"],
        &["audit", "verify"],
        &["doctor"],
        &["migrate"],
    ] {
        folder.run(command);
        for log in ["rolecall.db-wal", "rolecall.db-shm"] {
            assert!(!folder.path(log).exists(), "{command:?} left {log}");
        }
    }
    assert!(folder.run(&["role", "show", "auditor"]).0);
}

#[test]
fn y086_no_command_about_the_whole_installation_runs_for_a_user() {
    let folder = Folder::new();
    assert!(folder.run(&["backup", "backup.db"]).0);
    let before = fs::read(folder.path("rolecall.db")).unwrap();
    for command in [
        ["--as", "nobody", "restore", "backup.db", "--force"].as_slice(),
        &["--as", "nobody", "backup", "other.db"],
        &["--as", "nobody", "migrate"],
        &["--as", "nobody", "doctor"],
        &["--as", "nobody", "config", "show"],
        &["--as", "nobody", "serve"],
    ] {
        let (done, text) = folder.run(command);
        assert!(
            !done && text.contains("without --as"),
            "{command:?}: {text}"
        );
    }
    assert_eq!(fs::read(folder.path("rolecall.db")).unwrap(), before);
}

#[test]
fn y087_config_check_refuses_the_urls_that_serve_refuses() {
    let folder = Folder::new();
    fs::create_dir(folder.path("folder")).unwrap();
    for (url, text) in [
        ("sqlite:", "the path of the file is missing"),
        ("sqlite:folder", "names a folder"),
        ("sqlite:rolecall.db?mode=ro", "has no parameters"),
        ("postgres://user@host:port/db", "cannot be read"),
        ("postgres://user@127.0.0.1:1/db", "needs a master key"),
        ("mysql://host/db", "must begin with"),
    ] {
        let set = format!("database.url={url}");
        let (done, found) = folder.run(&["--set", &set, "config", "check"]);
        assert!(!done && found.contains(text), "{url}: {found}");
        let (done, _) = folder.run(&["--set", &set, "--set", "listen=127.0.0.1:0", "serve"]);
        assert!(!done, "{url}");
    }
    // it works, but others on the network can read it
    fs::write(folder.path("master.key"), "5c7e0b1a".repeat(8)).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(folder.path("master.key"), private).unwrap();
    for (mode, remarked) in [("prefer", true), ("require", true), ("verify-full", false)] {
        let set = format!("database.url=postgres://me@db.example.com/rolecall?sslmode={mode}");
        let key = "master_key_file=master.key";
        let (done, text) = folder.run(&["--set", &set, "--set", key, "config", "check"]);
        assert!(done, "{text}");
        assert_eq!(text.contains("remark: `database.url`"), remarked, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y088_a_start_waits_for_postgresql_as_long_as_it_is_configured_to() {
    let Some(db) = Database::postgres().await else {
        return;
    };
    let (name, socket) = db.name_and_socket();
    let proxy = Proxy::to(socket).await;
    proxy.disconnect();
    let folder = tempfile::tempdir().unwrap();
    let serve = |patience: &str| {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        std::process::Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(["serve"])
            .env_clear()
            .env("ROLECALL_DATABASE__URL", proxy.url(&name))
            .env("ROLECALL_DATABASE__START_TIMEOUT", patience)
            .env("ROLECALL_MASTER_KEY", crate::support::MASTER_KEY)
            .env("ROLECALL_PUBLIC_URL", crate::support::ISSUER)
            .env("ROLECALL_LISTEN", "127.0.0.1:0")
            .current_dir(folder.path())
            .stderr(log)
            .spawn()
            .unwrap()
    };
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    let mut impatient = serve("0s");
    let status = tokio::task::spawn_blocking(move || impatient.wait().unwrap());
    assert!(!status.await.unwrap().success());
    let mut patient = serve("1h");
    eventually("it tries again", async || log().contains("trying again")).await;
    assert!(patient.try_wait().unwrap().is_none());
    proxy.restore();
    eventually("it listens", async || log().contains("\"listening\"")).await;
    patient.kill().unwrap();
    patient.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn y089_the_end_of_the_year_9999_is_a_time() {
    let app = TestApp::sqlite().await;
    let alice = app.create_user("alice", &[]).await;
    app.create_role("editor", &[]).await;
    let path = format!("/api/users/{alice}/roles/editor");
    for end in ["9999-12-31T23:59:59Z", "9999-12-31T00:00:00Z"] {
        let body = json!({ "expires_at": end });
        app.put_json(&path, app.admin().await, body)
            .await
            .no_content();
        let listed = app
            .get(format!("/api/users/{alice}/roles"), app.admin().await)
            .await;
        let text = String::from_utf8_lossy(&listed.is(200).body).into_owned();
        assert!(text.contains(end), "{text}");
    }
    app.log_in("alice").await;
    let later = json!({ "expires_at": "9999-12-31T23:59:59-01:00" });
    let refused = app.put_json(&path, app.admin().await, later).await;
    refused.invalid(&["body", "expires_at"]);
}
