//! The access matrix: readable, and it bites.

use std::path::PathBuf;

use rolecall::{
    AccessMatrix, AllOf, AnyOf, Authenticated, Guard, GuardedRouter, Optional, PolicyBuilder,
    Public, Require,
    routing::{delete, get, post},
    testing::{TestIssuer, assert_access_matrix},
};

use crate::{may, role};

type Editor = AllOf<(role::User, may::WriteItems)>;

async fn health(_: Public) {}
async fn greet(_: Optional) {}
async fn me(_: Authenticated) {}
async fn read(_: Require<may::ReadItems>) {}
async fn add(_: Require<role::Admin>) {}
async fn remove(_: Require<AllOf<(role::Admin, may::WriteItems)>>) {}
async fn edit(_: Require<AnyOf<(role::Admin, Editor)>>) {}

fn app(guard: Guard) -> GuardedRouter {
    let items = GuardedRouter::new(guard.clone())
        .route("/", get(read).post(add))
        .route("/{id}", delete(remove).patch(edit))
        .route("/{id}/files/{*path}", get(read));
    GuardedRouter::new(guard)
        .nest("/items", items)
        .route("/me", get(me))
        .route("/greet", get(greet))
        .merge_public("docs", axum::Router::new())
        .route("/health", get(health))
}

/// A file of its own for a test.
fn lock_file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("access.lock");
    std::fs::write(&path, text).unwrap();
    path
}

/// Whoever blesses wants no complaint: the tests that provoke one are left out then.
fn is_blessing() -> bool {
    std::env::var_os("ROLECALL_BLESS").is_some_and(|value| value == "1")
}

/// What `assert_access_matrix` says, if it fails.
fn complaint(lock: PathBuf, app: fn(Guard) -> GuardedRouter) -> Option<String> {
    let check = std::panic::AssertUnwindSafe(|| assert_access_matrix(lock, role::ALL, app));
    let panic = std::panic::catch_unwind(check).err()?;
    Some(panic.downcast_ref::<String>().unwrap().clone())
}

fn committed() -> String {
    let issuer = TestIssuer::new();
    AccessMatrix::of(&app(issuer.guard()))
        .roles(role::ALL)
        .to_string()
}

#[test]
fn who_may_call_what_is_as_committed() {
    assert_access_matrix("tests/it/access.lock", role::ALL, app);
}

#[test]
fn the_file_is_the_same_whatever_the_order_of_the_source() {
    let issuer = TestIssuer::new();
    let guard = issuer.guard();
    let turned = GuardedRouter::<()>::new(guard.clone())
        .route("/health", get(health))
        .merge_public("docs", axum::Router::new())
        .route("/items/{id}/files/{*path}", get(read))
        .route("/items", post(add))
        .route("/items", get(read))
        .merge(GuardedRouter::new(guard).route("/items/{id}", delete(remove).patch(edit)))
        .route("/greet", get(greet))
        .route("/me", get(me));
    let text = AccessMatrix::of(&turned).roles(role::ALL).to_string();
    assert_eq!(text, committed());
}

#[test]
fn a_guard_that_is_weakened_makes_the_assertion_fail_and_names_the_route() {
    fn weakened(guard: Guard) -> GuardedRouter {
        let items = GuardedRouter::new(guard.clone())
            .route("/", get(read).post(me))
            .route("/{id}", delete(remove).patch(edit))
            .route("/{id}/files/{*path}", get(read));
        GuardedRouter::new(guard)
            .nest("/items", items)
            .route("/me", get(me))
            .route("/greet", get(greet))
            .merge_public("docs", axum::Router::new())
            .route("/health", get(health))
    }
    if is_blessing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let said = complaint(lock_file(&folder, &committed()), weakened).unwrap();
    assert!(
        said.contains("- 401        403        ok     403   | POST /items for role:admin"),
        "{said}"
    );
    assert!(
        said.contains("+ 401        ok         ok     ok    | POST /items for any token"),
        "{said}"
    );
    assert!(said.contains("ROLECALL_BLESS=1 cargo test"), "{said}");
    assert_eq!(
        said.matches("\n- ").count(),
        1,
        "nothing else differs: {said}"
    );
}

#[test]
fn a_guard_that_is_removed_and_a_route_that_is_added_make_it_fail() {
    fn opened(guard: Guard) -> GuardedRouter {
        app(guard.clone()).merge(GuardedRouter::new(guard).route("/items/all", get(health)))
    }
    fn bare(guard: Guard) -> GuardedRouter {
        app(guard).merge_public("more", axum::Router::new())
    }
    if is_blessing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_file(&folder, &committed());
    let said = complaint(lock.clone(), opened).unwrap();
    assert!(
        said.contains("+ ok         ok         ok     ok    | GET /items/all for everyone"),
        "{said}"
    );
    let said = complaint(lock.clone(), bare).unwrap();
    assert!(
        said.contains("| everything that `more` has under /, unguarded"),
        "{said}"
    );
    assert_eq!(complaint(lock, app), None);
}

#[test]
fn a_file_that_is_missing_or_edited_makes_it_fail() {
    if is_blessing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let said = complaint(folder.path().join("none.lock"), app).unwrap();
    assert!(
        said.contains("none.lock") && said.contains("ROLECALL_BLESS=1 cargo test"),
        "{said}"
    );
    let edited = committed().replace("GET /me for any token", "GET /me for role:admin");
    assert!(complaint(lock_file(&folder, &edited), app).is_some());
    let mut doubled = committed();
    doubled.push_str(doubled.clone().lines().last().unwrap());
    assert!(complaint(lock_file(&folder, &doubled), app).is_some());
    assert!(complaint(lock_file(&folder, ""), app).is_some());
    let windows = committed().replace('\n', "\r\n");
    assert_eq!(complaint(lock_file(&folder, &windows), app), None);
}

#[test]
fn a_router_that_does_not_keep_what_its_table_says_makes_it_fail() {
    let issuer = TestIssuer::new();
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_file(&folder, &committed());
    let assert = |token: &dyn Fn(&rolecall::Caller) -> String| {
        let matrix = AccessMatrix::of(&app(issuer.guard())).roles(role::ALL);
        let check = std::panic::AssertUnwindSafe(|| matrix.assert(&lock, token));
        std::panic::catch_unwind(check).is_err()
    };
    // tokens that hold more, less, or nothing valid stand for a router that decides wrongly
    assert!(assert(&|_| issuer.token("a").role::<role::Admin>().sign()));
    assert!(assert(&|_| issuer.token("a").sign()));
    assert!(assert(&|_| "no token".to_owned()));
    assert!(assert(&|caller| TestIssuer::new().token_of(caller)));
    assert!(!assert(&|caller| issuer.token_of(caller)));
}

#[test]
fn holders_of_a_permission_are_asked_for_even_where_no_column_shows_them() {
    let issuer = TestIssuer::new();
    let router = GuardedRouter::<()>::new(issuer.guard()).route("/items", get(read));
    let matrix = AccessMatrix::of(&router);
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_file(&folder, &matrix.to_string());
    matrix.assert(&lock, |caller| issuer.token_of(caller));
    let deaf = std::panic::AssertUnwindSafe(|| matrix.assert(&lock, |_| issuer.token("a").sign()));
    assert!(std::panic::catch_unwind(deaf).is_err());
}

#[test]
fn with_a_policy_each_role_shows_what_it_holds_and_inherits() {
    let mut rules = PolicyBuilder::default();
    let name = |text: &str| text.parse().unwrap();
    rules
        .permission("items:read".parse().unwrap())
        .permission("items:write".parse().unwrap())
        .grant(name("user"), "items:read".parse().unwrap())
        .grant(name("editor"), "items:*".parse().unwrap())
        .inherit(name("editor"), name("user"));
    let policy = rules.build().unwrap();
    let issuer = TestIssuer::new();
    let matrix = AccessMatrix::of(&app(issuer.guard()))
        .roles(role::ALL)
        .policy(&policy);
    let text = matrix.to_string();
    assert!(
        text.contains("\nanonymous  any token  admin  user  editor  | route\n"),
        "{text}"
    );
    assert!(
        text.contains("\n401        403        403    ok    ok      | GET /items for items:read\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "\n401        403        ok     403   ok      | PATCH /items/{id} for any of"
        ),
        "{text}"
    );
    assert!(
        !text
            .lines()
            .any(|line| line.contains("?  ") && line.contains("| ")),
        "{text}"
    );
    let folder = tempfile::tempdir().unwrap();
    matrix.assert(lock_file(&folder, &text), |caller| issuer.token_of(caller));
}

#[test]
fn a_route_more_changes_no_other_line_of_the_file() {
    let issuer = TestIssuer::new();
    let longer = GuardedRouter::new(issuer.guard()).route(
        "/a/very/long/path/that/is/longer/than/every/other/{id}",
        get(remove),
    );
    let before = committed();
    let after = AccessMatrix::of(&app(issuer.guard()).merge(longer))
        .roles(role::ALL)
        .to_string();
    assert!(
        before
            .lines()
            .all(|line| after.lines().any(|other| other == line))
    );
    assert_eq!(after.lines().count(), before.lines().count() + 1);
}

#[test]
fn no_handler_and_no_layer_runs_for_a_cell() {
    async fn never(_: Authenticated) {
        unreachable!("a cell ran its handler")
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/x", get(never))
        .layer(axum::middleware::from_fn(
            |_: axum::extract::Request, _: axum::middleware::Next| async {
                unreachable!("a cell ran a layer");
                #[expect(unreachable_code, reason = "says what the layer would answer")]
                ""
            },
        ));
    let matrix = AccessMatrix::of(&app);
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_file(&folder, &matrix.to_string());
    matrix.assert(lock, |caller| issuer.token_of(caller));
}
