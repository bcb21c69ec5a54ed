use std::path::Path;

use rolecall::{AccessMatrix, Authenticated, GuardedRouter, routing::get, testing::TestIssuer};
use rolecall_core::Policy;

use super::*;
use crate::{app::App, web::document};

/// The policy of a new database.
fn policy() -> Policy {
    rolecall_core::builtin::rules().build().unwrap()
}

fn guards(issuer: &TestIssuer) -> Guards {
    Guards {
        api: issuer.guard(),
        forward_auth: issuer.guard(),
        tickets: issuer.guard(),
    }
}

fn matrix_of(router: &GuardedRouter<App>) -> AccessMatrix {
    AccessMatrix::of(router).policy(&policy())
}

#[test]
fn the_access_matrix_matches_the_committed_file() {
    let issuer = TestIssuer::new();
    matrix_of(&api(guards(&issuer), "https://login.test", &[]).router)
        .assert("access.lock", |caller| issuer.token_of(caller));
}

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    let issuer = TestIssuer::new();
    let api = api(guards(&issuer), "https://login.test", &[]);
    let table = api.router.access_table();
    let document = document::write("https://login.test", &api.paths, &api.schemas, &table).unwrap();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    let mut mounted: Vec<String> = table
        .iter()
        .map(|route| format!("{} {}", route.method.as_ref().unwrap(), route.path))
        .collect();
    documented.sort();
    mounted.sort();
    assert_eq!(documented, mounted);
}

/// A part of the API, with something else in the place of the audit log.
fn part_with(
    issuer: &TestIssuer,
    audit: impl FnOnce(GuardedRouter<App>) -> GuardedRouter<App>,
) -> AccessMatrix {
    let part = mount!(Api::behind(issuer.guard()); accounts::handlers::list_users, roles::handlers::list_roles);
    matrix_of(&audit(part.router))
}

/// What the comparison with the committed file says, if it fails.
fn complaint(matrix: &AccessMatrix, lock: &Path, issuer: &TestIssuer) -> Option<String> {
    let check = std::panic::AssertUnwindSafe(|| {
        matrix.assert(lock, |caller| issuer.token_of(caller));
    });
    let panic = std::panic::catch_unwind(check).err()?;
    Some(panic.downcast_ref::<String>().unwrap().clone())
}

#[test]
fn a_guard_that_is_weakened_or_removed_makes_it_fail() {
    async fn weakened(_: Authenticated) {}
    async fn removed(_: rolecall::Public) {}
    // whoever blesses wants no complaint
    if std::env::var_os("ROLECALL_BLESS").is_some() {
        return;
    }
    let issuer = TestIssuer::new();
    let whole = part_with(&issuer, |part| {
        part.route("/api/audit", get(audit::handlers::list_audit_entries))
    });
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("access.lock");
    std::fs::write(&lock, whole.to_string()).unwrap();
    assert_eq!(complaint(&whole, &lock, &issuer), None);

    let weak = part_with(&issuer, |part| part.route("/api/audit", get(weakened)));
    let said = complaint(&weak, &lock, &issuer).unwrap();
    assert!(
        said.contains("| GET /api/audit for rolecall.audit:read\n+ 401"),
        "{said}"
    );
    assert!(said.contains("| GET /api/audit for any token"), "{said}");

    let open = part_with(&issuer, |part| part.route("/api/audit", get(removed)));
    let said = complaint(&open, &lock, &issuer).unwrap();
    assert!(said.contains("| GET /api/audit for everyone"), "{said}");

    let gone = part_with(&issuer, |part| part);
    let said = complaint(&gone, &lock, &issuer).unwrap();
    assert!(said.contains("- 401"), "{said}");
}
