//! A policy document in the tests of an application: code made from it, and the matrix by its roles.

use std::{fs, path::Path};

use rolecall::{
    AccessMatrix, Guard, GuardedRouter, Require,
    routing::get,
    testing::{TestIssuer, assert_access_matrix_with, document, read_policy},
};

/// As `rolecall policy rust` writes it; that it compiles is what is tested.
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

/// Compares with a committed file; `ROLECALL_BLESS=1` writes it.
fn is_as_committed(file: &str, text: &str) {
    if std::env::var_os("ROLECALL_BLESS").is_some_and(|value| value == "1") {
        fs::write(file, text).unwrap();
    }
    assert_eq!(fs::read_to_string(file).unwrap(), text, "{file}");
}

#[test]
fn the_code_made_from_a_document_is_the_code_that_compiles_here() {
    let policy = read_policy(FILE);
    is_as_committed(
        "tests/policy/permissions.rs",
        &document::generate_rust(&policy),
    );
    is_as_committed(
        "tests/policy/permissions.ts",
        &document::generate_typescript(&policy),
    );
    assert_eq!(role::ALL, ["admin", "user"]);
    assert_eq!(may::ALL, ["items:read", "items:write"]);
}

#[test]
fn the_matrix_shows_what_a_role_comes_to_by_way_of_others() {
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
fn a_document_with_faults_is_refused_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    fs::write(&file, "[roles.a]\njuniors = [\"b\"]\n").unwrap();
    let complaint = |file: &Path| {
        let read = std::panic::AssertUnwindSafe(|| read_policy(file));
        let panic = std::panic::catch_unwind(read).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    let said = complaint(&file);
    assert!(
        said.contains("policy.toml:\nline 2, column 12: role `b` does not exist"),
        "{said}"
    );
    assert!(complaint(&folder.path().join("none.toml")).contains("cannot read"));
}
