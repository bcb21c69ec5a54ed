//! Applications that embed the server compile no libraries of the command line.

use std::collections::BTreeSet;

use crate::tools::Workspace;

/// The libraries of feature `cli`.
const COMMAND_LINE: [&str; 5] = [
    "clap",
    "clap_complete",
    "comfy-table",
    "indicatif",
    "rpassword",
];

/// Returns the names of the packages that `arguments` of `cargo tree` select, development dependencies excluded.
fn packages(arguments: &[&str]) -> BTreeSet<String> {
    let mut tree = Workspace::find().cargo();
    tree.args(["tree", "--offline", "--locked", "--edges", "normal,build"]);
    let tree = tree.args(["--prefix", "none"]).args(arguments).output();
    let tree = String::from_utf8(tree.unwrap().stdout).unwrap();
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn an_embedded_server_compiles_no_command_line() {
    for arguments in [
        ["--package", "rolecall-server", "--no-default-features"].as_slice(),
        &["--package", "hello"],
        &["--package", "starter"],
        &["--package", "tutorial"],
    ] {
        let packages = packages(arguments);
        assert!(packages.contains("axum"), "{arguments:?}: {packages:?}");
        for library in COMMAND_LINE {
            assert!(!packages.contains(library), "{arguments:?}: {library}");
        }
    }
}

#[test]
fn the_program_compiles_every_library_of_the_command_line() {
    let packages = packages(&["--package", "rolecall-server"]);
    for library in COMMAND_LINE {
        assert!(packages.contains(library), "{library}");
    }
}
