//! Refusals in an application's own format.

use axum::{
    Json,
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use rolecall::{
    Denial, GuardedRouter, Principal, Require, RequireOr, routing::get, testing::TestIssuer,
};
use serde_json::{Value, json};

use crate::{role, user};

async fn items(_: Require<role::Admin>) {}

async fn own_refusal(_: Require<role::User>) -> (StatusCode, &'static str) {
    (StatusCode::FORBIDDEN, "the handler's words")
}

struct Owner;

impl rolecall::DataRule for Owner {
    type Data = str;
    const NAME: &'static str = "owner";
    fn admits(caller: &Principal, owner: &str) -> bool {
        caller.username() == owner
    }
}

async fn note(caller: RequireOr<role::Admin, Owner>) -> Result<&'static str, Denial> {
    caller.check("bob")?;
    Ok("the note")
}

fn describe(denial: &Denial) -> Json<Value> {
    Json(json!({ "error": denial.code() }))
}

fn routes(issuer: &TestIssuer) -> GuardedRouter {
    GuardedRouter::new(issuer.guard())
        .route("/items/", get(items))
        .route("/own", get(own_refusal))
        .route("/note", get(note))
}

#[tokio::test]
async fn every_denial_has_the_format_of_the_application() {
    let issuer = TestIssuer::new();
    let app = routes(&issuer).on_denied(describe).into_axum();
    let answer = crate::get(&app, "/items/", None).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.challenge(), Some("Bearer"));
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json(), json!({ "error": "not_authenticated" }));
    let alice = user(&issuer);
    let answer = crate::get(&app, "/items/", alice.clone()).await;
    assert_eq!(answer.status, 403);
    let challenge = r#"Bearer error="insufficient_scope", scope="role:admin""#;
    assert_eq!(answer.challenge(), Some(challenge));
    assert_eq!(answer.json(), json!({ "error": "forbidden" }));
    // a rule on data refuses in the handler
    let answer = crate::get(&app, "/note", alice.clone()).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json(), json!({ "error": "forbidden" }));
    // no denial
    let answer = crate::get(&app, "/own", alice.clone()).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.body, "the handler's words");
    let answer = crate::get(&app, "/nowhere", None).await;
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn the_format_is_that_of_the_routes_added_before() {
    let issuer = TestIssuer::new();
    let kind = async |app: &axum::Router, path: &str| {
        let answer = crate::get(app, path, None).await;
        answer.headers["content-type"].to_str().unwrap().to_owned()
    };
    let text = |_: &Denial| "log in".into_response();
    let inner = GuardedRouter::new(issuer.guard())
        .route("/inner", get(items))
        .on_denied(text);
    let kept = GuardedRouter::new(issuer.guard())
        .route("/kept", get(items))
        .keep_problems();
    let app = GuardedRouter::new(issuer.guard())
        .route("/before", get(items))
        .merge(inner)
        .nest("/below", kept)
        .on_denied(describe)
        .route("/after", get(items))
        .with_state(())
        .into_axum();
    assert_eq!(kind(&app, "/before").await, "application/json");
    assert_eq!(kind(&app, "/inner").await, "text/plain; charset=utf-8");
    let problem = "application/problem+json";
    assert_eq!(kind(&app, "/below/kept").await, problem);
    assert_eq!(kind(&app, "/after").await, problem);
}

#[tokio::test]
async fn a_browser_can_be_sent_to_the_page_where_users_log_in() {
    let issuer = TestIssuer::new();
    let lead = |denial: &Denial| -> Response {
        match denial {
            Denial::NotAuthenticated | Denial::EndedToken => Redirect::to("/login").into_response(),
            other => other.clone().into_response(),
        }
    };
    let app = routes(&issuer).on_denied(lead).into_axum();
    let answer = crate::get(&app, "/items/", None).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.headers["location"], "/login");
    let answer = crate::get(&app, "/items/", user(&issuer)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}
