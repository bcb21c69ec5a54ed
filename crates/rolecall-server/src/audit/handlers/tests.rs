use std::pin::pin;

use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::{Embedded, heavy::Purpose};

const PASSWORD: &str = "a password of the tests";

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, serde_json::Value) {
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn get(path: &str, token: &str) -> Request<Body> {
    let request = Request::builder()
        .uri(path)
        .header(header::HOST, "localhost");
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn y521_reading_the_audit_log_waits_for_a_turn() {
    let server = Embedded::builder("sqlite::memory:")
        .demo_user("root", PASSWORD, &["rolecall.admin"])
        .open()
        .await
        .unwrap();
    let mounted = server.routes().unwrap();
    let router = crate::http::wrap(mounted.into_axum(), crate::http::LayerOptions::default());
    let form = format!("grant_type=password&username=root&password={PASSWORD}");
    let log_in = Request::post("/token")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let (_, answer) = send(&router, log_in).await;
    let token = answer["access_token"].as_str().unwrap();
    let app = server.app();
    let mut turns = Vec::new();
    for _ in 0..app.settings().policy.at_once {
        turns.push(app.heavy().turn(Purpose::Audit).await.ok().unwrap());
    }
    let mut reading = pin!(send(&router, get("/api/audit", token)));
    let others = async {
        for _ in 0..10 {
            let (status, _) = send(&router, get("/api/me", token)).await;
            assert_eq!(status, StatusCode::OK);
        }
    };
    tokio::select! {
        biased;
        answer = &mut reading => panic!("it has not waited: {answer:?}"),
        () = others => {}
    }
    drop(turns);
    assert_eq!(reading.await.0, StatusCode::OK);
}
