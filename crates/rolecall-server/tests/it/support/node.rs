//! One process with the application: its guard, its routes, rolecall's routes.

use std::{fmt::Display, sync::Arc};

use axum::{Json, Router};
use http::Method;
use rolecall::{ForTenant, GuardedRouter, Require, routing::get};
use rolecall_server::{Embedded, EmbeddedBuilder};
use serde_json::{Value, json};

use super::{RequestBuilder, Response};

rolecall::roles! { pub(crate) mod role { Admin = "admin", Editor = "editor" } }
rolecall::permissions! { pub(crate) mod may { ReadItems = "items:read" } }

async fn read_items(caller: Require<may::ReadItems>) -> Json<Value> {
    Json(json!({ "reader": caller.username() }))
}

async fn edit(_: Require<role::Editor>) {}

async fn read_tenant_items(caller: ForTenant<may::ReadItems>) -> Json<Value> {
    Json(json!({ "reader": caller.username(), "tenant": caller.tenant() }))
}

async fn administrate(_: Require<role::Admin>) {}

pub(crate) struct Node {
    embedded: Arc<Embedded>,
    router: Router,
}

impl Node {
    pub(crate) async fn open(builder: EmbeddedBuilder) -> Self {
        let embedded = builder.open().await.unwrap();
        let router = GuardedRouter::new(embedded.guard())
            .route("/items/", get(read_items))
            .route("/edit", get(edit))
            .route("/t/{tenant}/items/", get(read_tenant_items))
            .route("/admin-only", get(administrate))
            .merge(embedded.routes().unwrap())
            .into_axum();
        Self {
            embedded: Arc::new(embedded),
            router,
        }
    }

    /// A node whose routes are rolecall's below a prefix.
    pub(crate) async fn nested(builder: EmbeddedBuilder, prefix: &str) -> Self {
        let embedded = builder.open().await.unwrap();
        let router = GuardedRouter::new(embedded.guard())
            .nest(prefix, embedded.routes().unwrap())
            .into_axum();
        Self {
            embedded: Arc::new(embedded),
            router,
        }
    }

    pub(crate) fn embedded(&self) -> &Embedded {
        &self.embedded
    }

    pub(crate) fn guard(&self) -> rolecall::Guard {
        self.embedded.guard()
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) fn request(&self, method: Method, path: impl Display) -> RequestBuilder {
        RequestBuilder::new(self.router.clone(), method, path.to_string())
    }

    pub(crate) async fn get(&self, path: impl Display, token: &str) -> Response {
        self.request(Method::GET, path).token(token).send().await
    }

    pub(crate) async fn put(&self, path: impl Display, token: &str) -> Response {
        self.request(Method::PUT, path).token(token).send().await
    }

    pub(crate) async fn delete(&self, path: impl Display, token: &str) -> Response {
        self.request(Method::DELETE, path).token(token).send().await
    }

    pub(crate) async fn put_json(&self, path: impl Display, token: &str, body: Value) -> Response {
        let request = self.request(Method::PUT, path).token(token);
        request.json(&body).send().await
    }

    pub(crate) async fn patch(&self, path: impl Display, token: &str, body: Value) -> Response {
        let request = self.request(Method::PATCH, path).token(token);
        request.json(&body).send().await
    }

    /// Sends no token if `token` is empty.
    pub(crate) async fn post(&self, path: impl Display, token: &str, body: Value) -> Response {
        let request = self.request(Method::POST, path).token(token);
        request.json(&body).send().await
    }

    /// Reads a list page by page, up to the page without a next cursor.
    pub(crate) async fn pages(&self, list: impl Display, token: &str) -> Vec<Response> {
        let list = list.to_string();
        let separator = if list.contains('?') { '&' } else { '?' };
        let mut pages: Vec<Response> = Vec::new();
        let mut path = list.clone();
        loop {
            assert!(pages.len() < 1_000, "{list} has no last page");
            let page = self.get(&path, token).await;
            let cursor = page.is(200).json["next_cursor"].as_str().map(str::to_owned);
            pages.push(page);
            let Some(cursor) = cursor else {
                return pages;
            };
            path = format!("{list}{separator}cursor={cursor}");
        }
    }

    /// Replaces the policy by a TOML document.
    pub(crate) async fn put_policy(&self, token: &str, document: &str, if_match: &str) -> Response {
        let request = self.request(Method::PUT, "/api/policy").token(token);
        let request = request.header("if-match", if_match);
        request
            .raw("application/toml", document.to_owned())
            .send()
            .await
    }

    /// Plans a TOML document.
    pub(crate) async fn plan_policy(&self, token: &str, document: &str) -> Response {
        let request = self.request(Method::POST, "/api/policy/plan").token(token);
        request
            .raw("application/toml", document.to_owned())
            .send()
            .await
    }
}
