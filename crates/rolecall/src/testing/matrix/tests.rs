use axum::{extract::Request, middleware::Next, middleware::from_fn, response::IntoResponse};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

use super::*;
use crate::{
    Authenticated, DataRule, ForTenant, GuardedRouter, Principal, RequireOr, Requirement,
    routing::get, testing::TestIssuer,
};

fn matrix(issuer: &TestIssuer) -> AccessMatrix {
    let handler = |_: Authenticated| async {};
    AccessMatrix::of(&GuardedRouter::<()>::new(issuer.guard()).route("/x", get(handler)))
}

fn fault(issuer: &TestIssuer, matrix: &AccessMatrix) -> Option<String> {
    let send = |request: CellRequest<'_>| matrix.probe(request);
    matrix
        .request_all(&|caller| issuer.token_of(caller), &send)
        .err()
}

#[test]
fn a_router_that_admits_an_invalid_token_or_answers_options_fails() {
    let issuer = TestIssuer::new();
    assert_eq!(fault(&issuer, &matrix(&issuer)), None);

    let mut careless = matrix(&issuer);
    careless.probe = careless.probe.map(|probe| {
        probe.layer(from_fn(|request: Request, next: Next| async {
            let bad = request.headers().get(AUTHORIZATION);
            if bad.is_some_and(|value| value == "Bearer not.a.token") {
                return StatusCode::NO_CONTENT.into_response();
            }
            next.run(request).await
        }))
    });
    assert!(
        fault(&issuer, &careless)
            .unwrap()
            .contains("a token that is not valid")
    );

    let mut talkative = matrix(&issuer);
    talkative.probe = talkative.probe.map(|probe| {
        probe.layer(from_fn(|request: Request, next: Next| async {
            if request.method() == Method::OPTIONS {
                return StatusCode::NO_CONTENT.into_response();
            }
            next.run(request).await
        }))
    });
    assert!(fault(&issuer, &talkative).unwrap().contains("OPTIONS"));
}

#[test]
fn a_router_that_admits_another_tenant_fails() {
    let issuer = TestIssuer::new();
    let handler = |_: ForTenant<Authenticated>| async {};
    let router = GuardedRouter::<()>::new(issuer.guard()).route("/{tenant}", get(handler));
    let mut matrix = AccessMatrix::of(&router);
    assert_eq!(fault(&issuer, &matrix), None);
    matrix.probe = matrix.probe.map(|probe| {
        probe.layer(from_fn(|request: Request, next: Next| async {
            if request.headers().contains_key(AUTHORIZATION) {
                return StatusCode::NO_CONTENT.into_response();
            }
            next.run(request).await
        }))
    });
    let fault = fault(&issuer, &matrix).unwrap();
    assert!(
        fault.starts_with("GET /{tenant} for any token with a token for another tenant: "),
        "{fault}"
    );
}

#[test]
fn a_router_that_answers_without_a_challenge_fails() {
    let issuer = TestIssuer::new();
    let mut mute = matrix(&issuer);
    mute.probe = mute.probe.map(|probe| {
        probe.layer(from_fn(|request: Request, next: Next| async {
            let mut answer = next.run(request).await;
            answer.headers_mut().remove(WWW_AUTHENTICATE);
            answer
        }))
    });
    let fault = fault(&issuer, &mute).unwrap();
    assert!(
        fault.starts_with("GET /x for anonymous: expected (401, Some("),
        "{fault}"
    );
}

#[test]
fn path_parameters_are_filled_in() {
    assert_eq!(fill_parameters("/x"), "/x");
    assert_eq!(fill_parameters("/x/{id}/y"), "/x/rolecall-test/y");
    assert_eq!(
        fill_parameters("/{a}/{*rest}"),
        "/rolecall-test/rolecall-test"
    );
    assert_eq!(fill_parameters("/{{x}}/{id}"), "/{x}/rolecall-test");
}

#[test]
fn blessing_writes_the_file_only_for_a_correct_router() {
    let issuer = TestIssuer::new();
    let folder = tempfile::tempdir().unwrap();
    let lock = folder.path().join("access.lock");
    let right = |caller: &Caller| issuer.token_of(caller);
    let matrix = matrix(&issuer);
    assert!(matrix.check(&lock, true, &|_| String::new()).is_err());
    assert!(!lock.exists());
    assert!(
        matrix
            .check(&lock, false, &right)
            .unwrap_err()
            .contains("cannot read")
    );
    matrix.check(&lock, true, &right).unwrap();
    matrix.check(&lock, false, &right).unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap(), matrix.to_string());
}

struct Admin;

impl Requirement for Admin {
    const RULE: Rule = Rule::Role("admin");
}

struct Owner;

impl DataRule for Owner {
    type Data = bool;
    const NAME: &'static str = "owner";
    fn admits(_: &Principal, is_owner: &bool) -> bool {
        *is_owner
    }
}

fn matrix_with_data_rule<R: Requirement>(issuer: &TestIssuer) -> AccessMatrix {
    let handler = |_: RequireOr<R, Owner>| async {};
    let router = GuardedRouter::<()>::new(issuer.guard()).route("/x", get(handler));
    AccessMatrix::of(&router).roles(&["admin"])
}

#[test]
fn a_rule_on_data_is_tried_with_data_on_both_sides() {
    let issuer = TestIssuer::new();
    let matrix = || matrix_with_data_rule::<Admin>(&issuer);
    let with = |admitted: bool, refused: bool| {
        matrix().data_rule::<Owner, _>(move |_| admitted, move |_| refused)
    };
    assert_eq!(fault(&issuer, &with(true, false)), None);
    for (matrix, expected) in [
        (matrix(), "there is no data to try `if owner` with"),
        (
            with(true, true),
            "`if owner` admits the data that it should refuse",
        ),
        (
            with(false, false),
            "`if owner` refuses the data that it should admit",
        ),
        (
            with(false, true),
            "`if owner` refuses the data that it should admit",
        ),
        (
            matrix_with_data_rule::<Authenticated>(&issuer),
            "`authenticated` admits everyone, so that `if owner` decides nothing",
        ),
    ] {
        let fault = fault(&issuer, &matrix).unwrap();
        assert!(fault.starts_with(&format!("GET /x: {expected}")), "{fault}");
    }
}
