//! Tests of the access matrix and of `assert_access_matrix`.

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

/// Writes a lock file into `folder`.
fn lock_file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("access.lock");
    std::fs::write(&path, text).unwrap();
    path
}

/// Returns true if files are to be written. Tests that expect a difference are skipped then.
fn is_blessing() -> bool {
    std::env::var_os("ROLECALL_BLESS").is_some_and(|value| value == "1")
}

/// Returns the message of `assert_access_matrix` if it fails.
fn failure_message(lock: PathBuf, app: fn(Guard) -> GuardedRouter) -> Option<String> {
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
fn the_access_matrix_matches_the_committed_file() {
    assert_access_matrix("tests/it/access.lock", role::ALL, app);
}

#[test]
fn the_file_does_not_depend_on_the_order_of_routes() {
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
fn weakening_a_rule_fails_and_names_the_route() {
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
    let message = failure_message(lock_file(&folder, &committed()), weakened).unwrap();
    assert!(
        message.contains("- 401        403        ok     403   | POST /items for role:admin"),
        "{message}"
    );
    assert!(
        message.contains("+ 401        ok         ok     ok    | POST /items for any token"),
        "{message}"
    );
    assert!(message.contains("ROLECALL_BLESS=1 cargo test"), "{message}");
    assert_eq!(
        message.matches("\n- ").count(),
        1,
        "nothing else differs: {message}"
    );
}

#[test]
fn adding_a_public_route_or_router_fails() {
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
    let message = failure_message(lock.clone(), opened).unwrap();
    assert!(
        message.contains("+ ok         ok         ok     ok    | GET /items/all for everyone"),
        "{message}"
    );
    let message = failure_message(lock.clone(), bare).unwrap();
    assert!(
        message.contains("| everything that `more` has under /, unguarded"),
        "{message}"
    );
    assert_eq!(failure_message(lock, app), None);
}

#[test]
fn a_missing_or_edited_file_fails() {
    if is_blessing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let message = failure_message(folder.path().join("none.lock"), app).unwrap();
    assert!(
        message.contains("none.lock") && message.contains("ROLECALL_BLESS=1 cargo test"),
        "{message}"
    );
    let edited = committed().replace("GET /me for any token", "GET /me for role:admin");
    assert!(failure_message(lock_file(&folder, &edited), app).is_some());
    let mut doubled = committed();
    doubled.push_str(doubled.clone().lines().last().unwrap());
    assert!(failure_message(lock_file(&folder, &doubled), app).is_some());
    assert!(failure_message(lock_file(&folder, ""), app).is_some());
    let windows = committed().replace('\n', "\r\n");
    assert_eq!(failure_message(lock_file(&folder, &windows), app), None);
}

#[test]
fn a_router_that_does_not_behave_like_its_matrix_fails() {
    let issuer = TestIssuer::new();
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_file(&folder, &committed());
    let assert = |token: &dyn Fn(&rolecall::Caller) -> String| {
        let matrix = AccessMatrix::of(&app(issuer.guard())).roles(role::ALL);
        let check = std::panic::AssertUnwindSafe(|| matrix.assert(&lock, token));
        std::panic::catch_unwind(check).is_err()
    };
    // tokens with more or less than stated have the same effect as a router that decides wrongly
    assert!(assert(&|_| issuer.token("a").role::<role::Admin>().sign()));
    assert!(assert(&|_| issuer.token("a").sign()));
    assert!(assert(&|_| "no token".to_owned()));
    assert!(assert(&|caller| TestIssuer::new().token_of(caller)));
    assert!(!assert(&|caller| issuer.token_of(caller)));
}

#[test]
fn permission_holders_are_tested_without_a_column_for_them() {
    let issuer = TestIssuer::new();
    let router = GuardedRouter::<()>::new(issuer.guard()).route("/items", get(read));
    let matrix = AccessMatrix::of(&router);
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_file(&folder, &matrix.to_string());
    matrix.assert(&lock, |caller| issuer.token_of(caller));
    let without_permission =
        std::panic::AssertUnwindSafe(|| matrix.assert(&lock, |_| issuer.token("a").sign()));
    assert!(std::panic::catch_unwind(without_permission).is_err());
}

#[test]
fn with_a_policy_each_role_has_what_it_holds_and_inherits() {
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
fn adding_a_route_changes_no_other_line() {
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
fn testing_a_cell_runs_no_handler_or_layer() {
    async fn never(_: Authenticated) {
        unreachable!("a cell ran its handler")
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::<()>::new(issuer.guard())
        .route("/x", get(never))
        .layer(axum::middleware::from_fn(
            |_: axum::extract::Request, _: axum::middleware::Next| async {
                unreachable!("a cell ran a layer");
                #[expect(unreachable_code, reason = "gives the type of the response")]
                ""
            },
        ));
    let matrix = AccessMatrix::of(&app);
    let folder = tempfile::tempdir().unwrap();
    let lock = lock_file(&folder, &matrix.to_string());
    matrix.assert(lock, |caller| issuer.token_of(caller));
}
