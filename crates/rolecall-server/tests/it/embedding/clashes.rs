//! An application that has routes at paths of rolecall's.

use axum::Router;
use http::{Method, StatusCode};
use rolecall::{
    GuardedRouter, Public, Require,
    routing::{get, post},
};
use rolecall_server::{Embedded, EmbeddedBuilder, StartError};
use serde_json::json;

use crate::support::{CHEAP, PASSWORD, RequestBuilder, role};

const URL: &str = "https://app.example";

fn builder() -> EmbeddedBuilder {
    Embedded::builder("sqlite::memory:")
        .hashing(CHEAP)
        .public_url(URL)
}

async fn own_page(_: Public) -> &'static str {
    "mine"
}

async fn own_list(_: Require<role::Admin>) {}

fn with(login: &Embedded, paths: &[&str]) -> GuardedRouter {
    paths
        .iter()
        .fold(GuardedRouter::new(login.guard()), |router, path| {
            router.route(path, get(own_page))
        })
}

#[tokio::test]
async fn every_path_of_both_is_named_with_the_ways_out() {
    let login = builder().open().await.unwrap();
    let refusal = |paths: &[&str]| {
        let application = login.with_application(with(&login, paths));
        let refused = application.routes().err().unwrap();
        assert!(matches!(refused, StartError::Clash { .. }), "{refused}");
        refused.to_string()
    };
    // another method of the path is one too: it would be behind another guard
    let register = refusal(&["/register", "/items"]);
    assert_eq!(
        register,
        "the application and rolecall both have routes at `/register`: put rolecall's under a prefix with \
         `.nest(\"/auth\")` and `.public_url(\"https://app.example/auth\")`, or leave rolecall's registration out with \
         `.own_registration()`, or choose other paths for yours"
    );
    let several = refusal(&["/token", "/register", "/api/users/{name}"]);
    assert!(
        several.contains("`/token`") && several.contains("`/register`"),
        "{several}"
    );
    assert!(several.contains("`/api/users/{name}`"), "{several}");
    assert!(!several.contains("own_registration"), "{several}");
}

#[tokio::test]
async fn a_clash_below_the_prefix_asks_for_another_prefix() {
    let url = format!("{URL}/auth");
    let login = builder().public_url(&url).open().await.unwrap();
    let application = login.with_application(with(&login, &["/auth/docs", "/docs"]));
    let refused = application
        .nest("/auth")
        .routes()
        .err()
        .unwrap()
        .to_string();
    assert!(
        refused.contains("`/auth/docs`: choose another prefix"),
        "{refused}"
    );
}

#[test]
fn a_merge_without_a_document_names_the_way_out_too() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let login = runtime.block_on(builder().open()).unwrap();
    for path in ["/register", "/api/users/{name}"] {
        let merge =
            std::panic::AssertUnwindSafe(|| with(&login, &[path]).merge(login.routes().unwrap()));
        let Err(panic) = std::panic::catch_unwind(merge) else {
            panic!("it is accepted");
        };
        let text = panic.downcast::<String>().unwrap();
        for part in [
            path,
            "rolecall's own",
            "login.with_application(routes).nest(\"/auth\")",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}

async fn send(app: &Router, method: Method, path: &str) -> crate::support::Response {
    let request = RequestBuilder::new(app.clone(), method, path.to_owned());
    let body = json!({ "username": "dora", "password": PASSWORD });
    request.json(&body).send().await
}

#[tokio::test]
async fn an_application_can_have_its_own_registration() {
    let open = rolecall_server::Registration::Open;
    let login = builder()
        .registration(open)
        .own_registration()
        .open()
        .await
        .unwrap();
    let own = GuardedRouter::new(login.guard()).route("/register", get(own_page).post(own_page));
    let joined: Router = login
        .with_application(own.clone())
        .routes()
        .unwrap()
        .into_axum();
    let merged: Router = own.merge(login.routes().unwrap()).into_axum();
    for app in [joined, merged] {
        for method in [Method::GET, Method::POST] {
            let answer = send(&app, method, "/register").await;
            assert_eq!(*answer.is(200).body, *b"mine");
        }
        assert_eq!(
            send(&app, Method::GET, "/docs").await.status,
            StatusCode::OK
        );
    }
    assert_eq!(
        login
            .accounts("test")
            .page("", "", 10)
            .await
            .unwrap()
            .users
            .len(),
        0
    );
    // without a route of its own, nobody registers
    let without: Router = login.routes().unwrap().into_axum();
    assert_eq!(
        send(&without, Method::POST, "/register").await.status,
        StatusCode::NOT_FOUND
    );
    let document = send(&without, Method::GET, "/openapi.json").await.json;
    assert!(document["paths"].get("/register").is_none());
    assert!(document["paths"].get("/password").is_some());
}

#[tokio::test]
async fn a_prefix_keeps_both() {
    let login = builder()
        .public_url(&format!("{URL}/auth"))
        .open()
        .await
        .unwrap();
    let own = GuardedRouter::new(login.guard())
        .route("/register", get(own_page))
        .route("/token", post(own_page))
        .route("/api/users", get(own_list));
    let app: Router = login
        .with_application(own)
        .nest("/auth")
        .routes()
        .unwrap()
        .into_axum();
    assert_eq!(
        *send(&app, Method::GET, "/register").await.is(200).body,
        *b"mine"
    );
    send(&app, Method::POST, "/auth/register")
        .await
        .problem(403, "Registration is closed");
}
