//! Tests of the guard over HTTP and through its public interface, as an application uses it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unnecessary_wraps,
    reason = "test helpers fail by panicking, and a caller is an optional argument of `get`"
)]

mod ahead;
mod answers;
mod arguments;
mod builder;
mod cache;
mod cookies;
mod denials;
mod evaluate;
mod frozen;
mod layer;
mod lost;
mod matrix;
mod methods;
mod paths;
mod policy;
mod principal;
mod remote;
mod revocation;
mod router;
mod staleness;
mod step_up;
mod tenants;
mod tickets;
mod wire;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt as _;
use rolecall::{
    Floor, FloorKind, Guard, Optional, Require, Timestamp, testing::TestIssuer, token::KeySet,
};
use tower::ServiceExt as _;

rolecall::roles! { pub(crate) mod role { Admin = "admin", User = "user" } }
rolecall::permissions! { pub(crate) mod may { ReadItems = "items:read", WriteItems = "items:write" } }

/// A response that was read completely.
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

pub(crate) async fn greet(caller: Require<role::User>) -> String {
    caller.username().to_owned()
}

pub(crate) async fn greet_anybody(caller: Optional) -> String {
    let caller = caller.principal();
    caller
        .map_or("nobody", |caller| caller.username())
        .to_owned()
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

/// Returns a floor that never ends.
pub(crate) fn floor(kind: FloorKind, key: &str, revision: i64) -> Floor {
    Floor {
        kind,
        key: key.to_owned(),
        tenant: None,
        revision,
        until: Timestamp::MAX,
    }
}

/// Returns a builder with the issuer's key as a fixed key set, without a live state.
pub(crate) fn fixed(issuer: &TestIssuer) -> rolecall::GuardBuilder {
    let keys = KeySet::new(vec![issuer.key().verifying_key()]).unwrap();
    Guard::builder()
        .keys(keys)
        .issuer(TestIssuer::URL)
        .audience(TestIssuer::URL)
        .clock(issuer.clock().clone())
}
