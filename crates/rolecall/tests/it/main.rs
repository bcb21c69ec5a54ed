//! The guard as an application sees it: over HTTP, through the public interface.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unnecessary_wraps,
    reason = "helpers of tests: to fail is to panic, and a caller is an argument for `get`"
)]

mod answers;
mod arguments;
mod layer;
mod live;
mod matrix;
mod methods;
mod paths;
mod policy;
mod remote;
mod router;
mod tenants;
mod wire;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt as _;
use rolecall::testing::TestIssuer;
use tower::ServiceExt as _;

rolecall::roles! { pub(crate) mod role { Admin = "admin", User = "user" } }
rolecall::permissions! { pub(crate) mod may { ReadItems = "items:read", WriteItems = "items:write" } }

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn challenge(&self) -> Option<&str> {
        let value = self.headers.get("www-authenticate")?;
        Some(value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) async fn send(app: &axum::Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

pub(crate) async fn call(
    app: &axum::Router,
    method: Method,
    path: &str,
    credential: Option<HeaderValue>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(credential) = credential {
        request = request.header(AUTHORIZATION, credential);
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

pub(crate) async fn get(app: &axum::Router, path: &str, credential: Option<HeaderValue>) -> Answer {
    call(app, Method::GET, path, credential).await
}

pub(crate) fn admin(issuer: &TestIssuer) -> Option<HeaderValue> {
    Some(issuer.token("boss").role::<role::Admin>().bearer())
}

pub(crate) fn user(issuer: &TestIssuer) -> Option<HeaderValue> {
    Some(issuer.token("alice").role::<role::User>().bearer())
}
