//! Files of the database that are gone, and killed restores: through the program itself.

use std::{fs, path::PathBuf};

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
        assert!(folder.run(&["role", "add", "editor"]).0);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
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
