//! Who may call what, and a login from end to end.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use rolecall::testing::assert_access_matrix_with;
use rolecall_server::NewUser;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// `ROLECALL_BLESS=1 cargo test` writes the file; read its changes in review.
#[test]
fn the_access_matrix_matches_access_lock() {
    assert_access_matrix_with("access.lock", "policy.toml", starter::routes);
}

const PASSWORD: &str = "a long password of a test";

async fn send(app: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn log_in(app: &Router, username: &str) -> String {
    let form = format!("grant_type=password&username={username}&password={PASSWORD}");
    let request = Request::post("/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.replace(' ', "+").into());
    let (status, tokens) = send(app, request.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn post_note(app: &Router, token: &str) -> StatusCode {
    let request = Request::post("/notes")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(json!({ "text": "hello" }).to_string().into());
    send(app, request.unwrap()).await.0
}

#[tokio::test]
async fn a_writer_writes_until_the_role_is_taken_away() {
    let login = starter::login("sqlite::memory:").open().await.unwrap();
    let app = starter::app(&login).unwrap();
    let users = login.accounts("test");
    let mut ids = Vec::new();
    for (name, role) in [("anna", "writer"), ("bob", "reader")] {
        let user = NewUser::new(name).password(PASSWORD).role(role);
        ids.push(users.create(user).await.unwrap().user.id);
    }
    let (anna, bob) = (log_in(&app, "anna").await, log_in(&app, "bob").await);
    assert_eq!(post_note(&app, &anna).await, StatusCode::CREATED);
    assert_eq!(post_note(&app, &bob).await, StatusCode::FORBIDDEN);
    let request = Request::get("/notes")
        .header(header::AUTHORIZATION, format!("Bearer {bob}"))
        .body(Body::empty());
    let (_, notes) = send(&app, request.unwrap()).await;
    assert_eq!(notes, json!([{ "text": "hello", "author": ids[0] }]));
    users.unassign(&ids[0], "writer", None).await.unwrap();
    assert_eq!(post_note(&app, &anna).await, StatusCode::UNAUTHORIZED);
}
