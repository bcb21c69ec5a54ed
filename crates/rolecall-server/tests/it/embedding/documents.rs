//! The projects that the documentation shows.

use std::path::Path;

use rolecall_server::Embedded;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The blocks of a page in one language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block = lines.by_ref().take_while(|line| *line != "```");
            let block: Vec<&str> = block.collect();
            blocks.push(block.join("\n") + "\n");
        }
    }
    blocks
}

/// The workspace builds `examples/hello`, so that what the README shows compiles.
#[test]
fn the_project_of_the_readme_is_the_example_hello() {
    let readme = read("README.md");
    let toml = blocks(&readme, "toml");
    let [manifest, policy] = toml.as_slice() else {
        panic!("{toml:?}");
    };
    let comment = |line: &&str| !line.starts_with('#');
    let manifest: Vec<&str> = manifest.lines().filter(comment).collect();
    let built = read("examples/hello/Cargo.toml");
    // beside a clone instead of inside it
    let built = built.replace("\"../../crates/", "\"../rolecall/crates/");
    assert_eq!(manifest, built.lines().collect::<Vec<_>>());
    assert_eq!(*policy, read("examples/hello/src/policy.toml"));
    let code = blocks(&readme, "rust,ignore");
    assert_eq!(code, [read("examples/hello/src/main.rs")]);
}

/// The command that moves the starter's paths, as the pages show it.
const MOVE: &str = r#"sed -i.bak 's|"\.\./\.\./crates|"../rolecall/crates|' Cargo.toml"#;

#[cfg(unix)]
#[test]
fn a_copy_of_the_starter_finds_the_crates() {
    for page in [
        "docs/embedding.md",
        "examples/starter/README.md",
        "examples/login-page/README.md",
    ] {
        assert!(read(page).contains(&format!("$ {MOVE}\n")), "{page}");
    }
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let clone = folder.path().join("rolecall");
    std::os::unix::fs::symlink(root.canonicalize().unwrap(), clone).unwrap();
    let copy = folder.path().join("my-api");
    std::fs::create_dir(&copy).unwrap();
    std::fs::write(copy.join("Cargo.toml"), read("examples/starter/Cargo.toml")).unwrap();
    let moved = std::process::Command::new("sh")
        .args(["-c", MOVE])
        .current_dir(&copy)
        .status();
    assert!(moved.unwrap().success());
    let manifest = std::fs::read_to_string(copy.join("Cargo.toml")).unwrap();
    let paths = manifest.split("path = \"").skip(1);
    let paths: Vec<&str> = paths.filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(paths.len(), 3, "{manifest}");
    for path in paths {
        assert!(copy.join(path).join("Cargo.toml").exists(), "{path}");
    }
}

#[tokio::test]
async fn the_policies_of_the_examples_are_in_force_and_pass_their_tests() {
    for path in [
        "examples/hello/src/policy.toml",
        "examples/starter/policy.toml",
    ] {
        let document = read(path);
        assert!(document.contains("[[tests]]"), "{path}");
        let opened = Embedded::builder("sqlite::memory:").policy(&document);
        opened.open().await.unwrap();
    }
}
