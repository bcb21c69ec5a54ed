//! A policy document in the tests of an application: generated code, and the access matrix with its roles.

use std::{fs, path::Path};

use rolecall::{
    AccessMatrix, Guard, GuardedRouter, Require,
    routing::get,
    testing::{TestIssuer, assert_access_matrix_with, document, read_policy},
};

/// The output of `rolecall policy rust`, which must compile.
#[path = "../policy/permissions.rs"]
mod permissions;

use permissions::{may, role};

const FILE: &str = "tests/policy/policy.toml";

async fn write(_: Require<may::WriteItems>) {}
async fn read(_: Require<may::ReadItems>) {}
async fn administrate(_: Require<role::Admin>) {}

fn app(guard: Guard) -> GuardedRouter {
    GuardedRouter::new(guard)
        .route("/write", get(write))
        .route("/read", get(read))
        .route("/admin", get(administrate))
}

/// Compares `text` with a committed file; `ROLECALL_BLESS=1` writes it.
fn assert_matches_file(file: &str, text: &str) {
    if std::env::var_os("ROLECALL_BLESS").is_some_and(|value| value == "1") {
        fs::write(file, text).unwrap();
    }
    assert_eq!(fs::read_to_string(file).unwrap(), text, "{file}");
}

#[test]
fn generated_code_matches_the_committed_files() {
    let policy = read_policy(FILE);
    assert_matches_file(
        "tests/policy/permissions.rs",
        &document::generate_rust(&policy),
    );
    assert_matches_file(
        "tests/policy/permissions.ts",
        &document::generate_typescript(&policy),
    );
    assert_eq!(role::ALL, ["admin", "user"]);
    assert_eq!(may::ALL, ["items:read", "items:write"]);
}

#[test]
fn the_matrix_includes_inherited_permissions() {
    let issuer = TestIssuer::new();
    let matrix = AccessMatrix::of(&app(issuer.guard())).document(&read_policy(FILE));
    let matrix = matrix.unwrap().to_string();
    assert!(
        matrix.ends_with(
            "anonymous  any token  admin  user  | route\n\
             401        403        ok     403   | GET /admin for role:admin\n\
             401        403        ok     ok    | GET /read for items:read\n\
             401        403        ok     403   | GET /write for items:write\n"
        ),
        "{matrix}"
    );
    assert_access_matrix_with("tests/policy/access.lock", FILE, app);
    let other = |guard| app(guard).route("/more", get(read));
    let compared = std::panic::catch_unwind(|| {
        assert_access_matrix_with("tests/policy/access.lock", FILE, other);
    });
    assert!(compared.is_err(), "a route that was not reviewed");
}

#[test]
fn faults_in_a_document_have_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    fs::write(&file, "[roles.a]\njuniors = [\"b\"]\n").unwrap();
    let failure_message = |file: &Path| {
        let read = std::panic::AssertUnwindSafe(|| read_policy(file));
        let panic = std::panic::catch_unwind(read).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    let message = failure_message(&file);
    assert!(
        message.contains("policy.toml:\nline 2, column 12: role `b` does not exist"),
        "{message}"
    );
    assert!(failure_message(&folder.path().join("none.toml")).contains("cannot read"));
}
