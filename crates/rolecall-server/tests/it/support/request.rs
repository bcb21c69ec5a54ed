//! A request under construction.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::Response;

pub(crate) struct RequestBuilder {
    router: Router,
    request: http::request::Builder,
    body: Body,
}

impl RequestBuilder {
    pub(crate) fn new(router: Router, method: http::Method, path: String) -> Self {
        Self {
            router,
            request: Request::builder().method(method).uri(path),
            body: Body::empty(),
        }
    }

    /// Adds a Bearer token, unless it is empty.
    pub(crate) fn token(self, token: &str) -> Self {
        if token.is_empty() {
            self
        } else {
            self.header("authorization", &format!("Bearer {token}"))
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        self.request = self.request.header(name, value);
        self
    }

    /// Sets the address of the peer.
    pub(crate) fn peer(mut self, address: &str) -> Self {
        let address = SocketAddr::new(address.parse().unwrap(), 40_000);
        self.request = self.request.extension(ConnectInfo(address));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.raw("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn raw(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE.as_str(), content_type)
    }

    pub(crate) async fn send(self) -> Response {
        let request = self.request.body(self.body).unwrap();
        let response = self.router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Response {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_slice(&body).unwrap_or_default(),
            body,
        }
    }
}
