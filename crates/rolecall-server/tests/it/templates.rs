//! `templates`, and what refuses faults in templates and texts: through the program itself.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

/// An empty folder in which the program runs.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns true if the program has no fault to tell, and its output.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(arguments)
            .env_clear()
            .env("ROLECALL_DATABASE__URL", "sqlite:rolecall.db")
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    #[track_caller]
    fn run_json(&self, arguments: &[&str]) -> (bool, Value) {
        let (done, text) = self.run(&[arguments, &["--json"]].concat());
        let json = serde_json::from_str(&text);
        (done, json.unwrap_or_else(|error| panic!("{error}: {text}")))
    }
}

#[test]
fn what_is_exported_can_be_checked_and_used_as_it_is() {
    let folder = Folder::new();
    let (done, text) = folder.run(&["templates", "export", "look"]);
    assert!(
        done && text.contains("pages.templates = \"look/templates\""),
        "{text}"
    );
    assert!(folder.path("look/locales/de.ftl").is_file());
    assert_eq!(
        folder.run(&["templates", "check", "look"]),
        (true, "templates and texts can be used\n".to_owned())
    );
    let settings = [
        "--set",
        "pages.templates=look/templates",
        "--set",
        "pages.locales=look/locales",
    ];
    let (done, text) = folder.run(&[&settings[..], &["config", "check"]].concat());
    assert!(done, "{text}");
    // a second time it would replace what somebody has changed
    fs::write(folder.path("look/locales/de.ftl"), "sign-in = Einloggen").unwrap();
    let (done, text) = folder.run(&["templates", "export", "look"]);
    assert!(
        !done && text.contains("already exists") && text.contains("--force"),
        "{text}"
    );
    let changed = || fs::read_to_string(folder.path("look/locales/de.ftl")).unwrap();
    assert_eq!(changed(), "sign-in = Einloggen");
    let (done, files) = folder.run_json(&["templates", "export", "look", "--force"]);
    assert!(
        done && files["files"].as_array().unwrap().len() > 10,
        "{files}"
    );
    assert!(changed().contains("sign-in = Anmelden"));
}

#[test]
fn every_command_that_looks_at_the_pages_finds_the_same_faults() {
    let folder = Folder::new();
    for name in ["look/templates", "look/locales"] {
        fs::create_dir_all(folder.path(name)).unwrap();
    }
    fs::write(folder.path("look/templates/message.html"), "\n{{ headin }}").unwrap();
    fs::write(
        folder.path("look/locales/fr.ftl"),
        "sign-in = x\npasswort = x",
    )
    .unwrap();
    let faults = [
        "`pages.locales`: fr.ftl, line 2: there is no text `passwort`; did you mean `password`?",
        "`pages.templates`: message.html, line 2: there is no variable `headin`; did you mean `heading`?",
    ];
    let settings = [
        "--set",
        "pages.templates=look/templates",
        "--set",
        "pages.locales=look/locales",
    ];
    for command in [
        &["templates", "check"][..],
        &["templates", "check", "look"],
        &["config", "check"],
        &["doctor"],
        &["--set", "listen=127.0.0.1:0", "serve"],
    ] {
        let (done, text) = folder.run(&[&settings[..], command].concat());
        assert!(!done, "{command:?}: {text}");
        for fault in faults {
            assert!(text.contains(fault), "{command:?}: {text}");
        }
    }
    assert!(!folder.path("rolecall.db").exists());
    let (done, checked) = folder.run_json(&["templates", "check", "look"]);
    let first = json!({
        "setting": "pages.locales", "file": "fr.ftl", "line": 2,
        "text": "there is no text `passwort`; did you mean `password`?",
    });
    assert!(!done);
    assert_eq!(
        (&checked["ok"], &checked["faults"][0]),
        (&json!(false), &first)
    );
    assert_eq!(checked["faults"].as_array().unwrap().len(), 2);
}

#[test]
fn texts_that_a_language_lacks_are_remarked() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("look/locales")).unwrap();
    fs::write(folder.path("look/locales/fr.ftl"), "sign-in = Connexion").unwrap();
    let (done, text) = folder.run(&["templates", "check", "look"]);
    assert!(
        done && text.contains("remark: fr lacks ") && text.contains("password"),
        "{text}"
    );
    let (done, checked) = folder.run_json(&["templates", "check", "look"]);
    assert!(
        done && checked["missing"]["fr"].as_array().unwrap().len() > 40,
        "{checked}"
    );
}

#[test]
fn a_folder_without_templates_or_texts_is_refused_with_the_way_out() {
    let folder = Folder::new();
    for name in [".", "none"] {
        let (done, text) = folder.run(&["templates", "check", name]);
        assert!(
            !done && text.contains("rolecall templates export"),
            "{text}"
        );
    }
    let (done, text) = folder.run(&["--as", "nobody", "templates", "check"]);
    assert!(!done && text.contains("without --as"), "{text}");
}
