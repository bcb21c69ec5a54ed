//! Handler arguments: up to 16 of them, custom extractors, and several extractors of rolecall.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Json, MatchedPath, OriginalUri, Path, Query, State},
    response::IntoResponse,
};
use http::{HeaderMap, Method, Request, Uri, Version, header::AUTHORIZATION, request::Parts};
use rolecall::{
    Access, AllOf, AnyOf, Authenticated, DataRule, Denial, GuardedRouter, Optional, Principal,
    Public, Require, RequireOr, Rule,
    routing::{get, post},
    testing::TestIssuer,
};

use crate::{admin, call, may, role, send, user};

struct CurrentCustomer(String);

impl Access for CurrentCustomer {
    type Rule = Require<role::User>;
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentCustomer {
    type Rejection = Denial;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denial> {
        let caller = Require::<role::User>::from_request_parts(parts, state).await?;
        Ok(Self(caller.username().to_owned()))
    }
}

/// A custom extractor that names a rule and checks nothing.
struct Careless;

impl Access for Careless {
    type Rule = Require<role::Admin>;
}

impl<S: Send + Sync> FromRequestParts<S> for Careless {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

type Text = HashMap<String, String>;

#[expect(clippy::too_many_arguments, reason = "axum allows 16")]
async fn sixteen(
    caller: Require<role::Admin>,
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    State(state): State<u8>,
    Path(path): Path<Text>,
    Query(query): Query<Text>,
    matched: MatchedPath,
    original: OriginalUri,
    again: Authenticated,
    optional: Optional,
    _: Public,
    _: Careless,
    _: Require<AnyOf<(role::Admin, may::ReadItems)>>,
    Json(body): Json<Text>,
) -> String {
    let _ = (uri, version, headers, original);
    let names = [
        caller.username(),
        again.username(),
        optional.principal().unwrap().username(),
    ];
    format!(
        "{} {method} {state} {} {} {} {}",
        names.join("="),
        path["id"],
        query["q"],
        matched.as_str(),
        body["b"]
    )
}

#[tokio::test]
async fn sixteen_arguments_are_guarded_by_the_first() {
    let issuer = TestIssuer::new();
    let app: axum::Router = GuardedRouter::new(issuer.guard())
        .route("/x/{id}", post(sixteen))
        .with_state(7)
        .into_axum();
    let request = |credential| {
        Request::post("/x/1?q=2")
            .header(AUTHORIZATION, credential)
            .header("content-type", "application/json")
            .body(r#"{"b":"3"}"#.into())
            .unwrap()
    };
    let refused = send(&app, request(user(&issuer).unwrap())).await;
    assert_eq!(refused.status, 403);
    let answer = send(&app, request(admin(&issuer).unwrap())).await;
    assert_eq!(answer.body, "boss=boss=boss POST 7 1 2 /x/{id} 3");
}

#[tokio::test]
async fn the_rule_is_checked_before_body_and_parameters_are_read() {
    async fn strict(_: Require<role::Admin>, Path(id): Path<u8>, Json(_): Json<Text>) -> String {
        id.to_string()
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x/{id}", post(strict))
        .into_axum();
    let ask = |credential| call(&app, Method::POST, "/x/none", credential);
    assert_eq!(ask(None).await.status, 401);
    assert_eq!(ask(user(&issuer)).await.status, 403);
    assert_eq!(ask(admin(&issuer)).await.status, 400);
}

#[tokio::test]
async fn a_custom_extractor_brings_its_rule() {
    async fn buy(CurrentCustomer(name): CurrentCustomer) -> String {
        name
    }
    let issuer = TestIssuer::new();
    let router = GuardedRouter::<()>::new(issuer.guard()).route("/x", get(buy));
    assert_eq!(router.access_table()[0].rule, Rule::Role("user"));
    let app = router.into_axum();
    assert_eq!(crate::get(&app, "/x", admin(&issuer)).await.status, 403);
    assert_eq!(crate::get(&app, "/x", user(&issuer)).await.body, "alice");
}

#[tokio::test]
async fn a_custom_extractor_without_checks_is_still_guarded() {
    async fn careless(_: Careless) -> &'static str {
        "in"
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(careless))
        .into_axum();
    assert_eq!(crate::get(&app, "/x", None).await.status, 401);
    assert_eq!(crate::get(&app, "/x", user(&issuer)).await.status, 403);
    assert_eq!(crate::get(&app, "/x", admin(&issuer)).await.body, "in");
}

#[tokio::test]
async fn a_later_argument_can_need_more_than_the_first() {
    async fn both(_: Public, caller: Require<role::Admin>) -> String {
        caller.username().to_owned()
    }
    async fn more(
        _: Authenticated,
        _: Require<AllOf<(role::User, may::ReadItems)>>,
    ) -> impl IntoResponse {
        "more"
    }
    async fn maybe(_: Public, caller: Optional) -> String {
        caller
            .principal()
            .map_or("-", |caller| caller.username())
            .to_owned()
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/both", get(both))
        .route("/more", get(more))
        .route("/maybe", get(maybe))
        .into_axum();
    assert_eq!(crate::get(&app, "/both", None).await.status, 401);
    assert_eq!(crate::get(&app, "/both", user(&issuer)).await.status, 403);
    assert_eq!(crate::get(&app, "/both", admin(&issuer)).await.body, "boss");
    let answer = crate::get(&app, "/more", user(&issuer)).await;
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="role:user items:read""#)
    );
    let both = issuer
        .token("a")
        .role::<role::User>()
        .permission::<may::ReadItems>();
    assert_eq!(
        crate::get(&app, "/more", Some(both.bearer())).await.body,
        "more"
    );
    assert_eq!(crate::get(&app, "/maybe", None).await.body, "-");
    assert_eq!(
        crate::get(&app, "/maybe", user(&issuer)).await.body,
        "alice"
    );
    let bad = Some("Bearer x".parse().unwrap());
    assert_eq!(crate::get(&app, "/maybe", bad).await.status, 401);
}

#[tokio::test]
async fn a_later_argument_can_ask_for_a_rule_without_needing_it() {
    async fn read(_: Public, admin: Option<Require<role::Admin>>) -> String {
        admin.map_or_else(|| "-".to_owned(), |admin| admin.username().to_owned())
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x", get(read))
        .into_axum();
    assert_eq!(crate::get(&app, "/x", None).await.body, "-");
    assert_eq!(crate::get(&app, "/x", user(&issuer)).await.body, "-");
    assert_eq!(crate::get(&app, "/x", admin(&issuer)).await.body, "boss");
    let bad = Some("Bearer x".parse().unwrap());
    assert_eq!(crate::get(&app, "/x", bad).await.status, 401);
}

#[tokio::test]
async fn rules_on_data_stay_in_the_handler() {
    async fn read(caller: Authenticated, Path(owner): Path<String>) -> Result<String, Denial> {
        if caller.subject() != owner {
            caller.require::<role::Admin>()?;
        }
        Ok(format!("{owner}'s, {}", caller.has::<role::Admin>()))
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x/{owner}", get(read))
        .into_axum();
    assert_eq!(
        crate::get(&app, "/x/alice", user(&issuer)).await.body,
        "alice's, false"
    );
    assert_eq!(
        crate::get(&app, "/x/alice", admin(&issuer)).await.body,
        "alice's, true"
    );
    let answer = crate::get(&app, "/x/bob", user(&issuer)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="role:admin""#)
    );
}

/// The owner of a path's segment.
struct Owner;

impl DataRule for Owner {
    type Data = str;
    const NAME: &'static str = "owner";
    fn admits(caller: &Principal, owner: &str) -> bool {
        caller.username() == owner
    }
}

async fn read_owned(
    caller: RequireOr<AnyOf<(role::Admin, may::ReadItems)>, Owner>,
    Path(owner): Path<String>,
) -> Result<String, Denial> {
    assert!(!caller.unchecked().subject().is_empty());
    Ok(caller.check(&owner)?.username().to_owned())
}

#[tokio::test]
async fn a_rule_on_data_admits_its_callers_and_the_holders_of_a_role() {
    let issuer = TestIssuer::new();
    let router = GuardedRouter::<()>::new(issuer.guard()).route("/x/{owner}", get(read_owned));
    let rule = router.access_table()[0].rule;
    assert_eq!(
        rule.to_string(),
        "any of (role:admin, items:read), or if owner"
    );
    assert_eq!((rule.scope(), rule.depth()), (None, 1));
    let app = router.into_axum();
    let ask = async |path, credential| crate::get(&app, path, credential).await;
    assert_eq!(ask("/x/alice", user(&issuer)).await.body, "alice");
    assert_eq!(ask("/x/alice", admin(&issuer)).await.body, "boss");
    assert_eq!(ask("/x/alice", None).await.status, 401);
    let refused = ask("/x/bob", user(&issuer)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.challenge(),
        Some(r#"Bearer error="insufficient_scope", scope="role:admin""#)
    );
}

#[tokio::test]
async fn a_refusal_by_a_rule_on_data_names_the_rule_and_the_roles_of_the_caller() {
    /// Replaces the body of a refusal, and leaves the rest of the response.
    async fn reworded(caller: RequireOr<role::Admin, Owner>) -> axum::response::Response {
        let refusal = caller.check("bob").unwrap_err();
        let mut response = axum::response::IntoResponse::into_response(refusal);
        *response.body_mut() = axum::body::Body::from("{}");
        response
    }
    async fn refuses_otherwise(caller: RequireOr<role::Admin, Owner>) -> Result<(), Denial> {
        caller.check("alice")?;
        Err(Denial::Unavailable)
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/x/{owner}", get(read_owned))
        .route("/admins", get(async |_: Require<role::Admin>| {}))
        .route("/reworded", get(reworded))
        .route("/unavailable", get(refuses_otherwise))
        .into_axum();
    let ask = async |path| crate::get(&app, path, user(&issuer)).await;
    let refused = ask("/x/bob").await;
    let problem = refused.json();
    assert_eq!(
        problem["rule"],
        "any of (role:admin, items:read), or if owner"
    );
    assert_eq!(problem["roles"], serde_json::json!(["user"]));
    let names = |problem: &serde_json::Value| {
        let members = problem.as_object().unwrap().keys();
        members.cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&problem), names(&ask("/admins").await.json()));
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.headers["cache-control"], "no-store");
    assert_eq!(ask("/reworded").await.body, "{}");
    let unavailable = ask("/unavailable").await;
    assert_eq!(unavailable.status, 503);
    assert!(unavailable.json().get("rule").is_none());
}

#[tokio::test]
async fn a_handler_that_does_not_ask_its_rule_on_data_cannot_succeed() {
    async fn forgetful(_: RequireOr<role::Admin, Owner>) -> &'static str {
        "secret"
    }
    async fn redirects(_: RequireOr<role::Admin, Owner>) -> axum::response::Redirect {
        axum::response::Redirect::to("/secret")
    }
    async fn finds_nothing(_: RequireOr<role::Admin, Owner>) -> http::StatusCode {
        http::StatusCode::NOT_FOUND
    }
    let issuer = TestIssuer::new();
    let app = GuardedRouter::new(issuer.guard())
        .route("/forgetful", get(forgetful))
        .route("/redirects", get(redirects))
        .route("/nothing", get(finds_nothing))
        .into_axum();
    for path in ["/forgetful", "/redirects"] {
        for credential in [user(&issuer), admin(&issuer)] {
            let answer = crate::get(&app, path, credential).await;
            assert_eq!(answer.status, 500, "{path}");
            assert!(!answer.body.contains("secret"));
        }
    }
    let answer = crate::get(&app, "/nothing", user(&issuer)).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn x013_a_handler_without_a_guard_is_500_and_never_runs() {
    async fn secret(_: Require<role::Admin>) -> &'static str {
        "secret"
    }
    async fn me(_: Authenticated) -> &'static str {
        "me"
    }
    async fn maybe(_: Optional) -> &'static str {
        "maybe"
    }
    let issuer = TestIssuer::new();
    let app = axum::Router::new()
        .route("/secret", axum::routing::get(secret))
        .route("/me", axum::routing::get(me))
        .route("/maybe", axum::routing::get(maybe));
    for path in ["/secret", "/me", "/maybe"] {
        for credential in [None, admin(&issuer)] {
            let answer = crate::get(&app, path, credential).await;
            assert_eq!(answer.status, 500, "{path}");
            assert_eq!(answer.json()["type"], "urn:rolecall:problem:internal");
            assert!(answer.challenge().is_none());
        }
    }
}
