//! A policy with many roles in a database: the time to load it, and until an edit of one role is in force.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use axum::{Router, body::Body};
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use rolecall_server::Embedded;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{fill, serve::PASSWORD};

const ADMIN: &str = "an-administrator";
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Prints `load` and the milliseconds, then `edit` and the milliseconds of each edit.
pub(crate) async fn run(url: &str, users: i64, roles: i64, edits: usize) -> anyhow::Result<()> {
    fill::run(url, users, roles).await?;
    // the first start creates what every database contains
    drop(open(url).await?);
    let start = Instant::now();
    let embedded = open(url).await?;
    println!("load\t{}", milliseconds(start));
    let mut caller = Caller {
        router: embedded.routes()?.into_axum(),
        token: String::new(),
    };
    let form = format!(
        "grant_type=password&username={ADMIN}&password={}",
        PASSWORD.replace(' ', "+")
    );
    let response = caller.send(Method::POST, "/token", FORM, form).await?;
    caller.token = text_at(&response, "/access_token")?;
    let users = "/api/users?username=user10";
    let response = caller.send(Method::GET, users, "", String::new()).await?;
    // `user10` has `role1`
    let subject = text_at(&response, "/items/0/id")?;
    for edit in 0..edits {
        let permission = format!("object{}:read", edit + 2);
        let path = format!("/api/roles/role1/permissions/{permission}");
        let start = Instant::now();
        caller.send(Method::PUT, &path, "", String::new()).await?;
        println!("edit\t{}", milliseconds(start));
        let question = json!({ "subject": subject, "permission": permission }).to_string();
        let decision = caller
            .send(Method::POST, "/api/decisions", JSON, question)
            .await?;
        let allowed = decision.pointer("/allowed").and_then(Value::as_bool);
        ensure!(
            allowed == Some(true),
            "the edit is not in force: {decision}"
        );
    }
    Ok(())
}

async fn open(url: &str) -> anyhow::Result<Embedded> {
    let builder = Embedded::builder(url).demo_user(ADMIN, PASSWORD, &["rolecall.admin"]);
    Ok(builder.open().await?)
}

fn milliseconds(start: Instant) -> String {
    format!("{:.2}", start.elapsed().as_secs_f64() * 1e3)
}

fn text_at(response: &Value, pointer: &str) -> anyhow::Result<String> {
    let text = response.pointer(pointer).and_then(Value::as_str);
    Ok(text
        .with_context(|| format!("no {pointer} in {response}"))?
        .to_owned())
}

/// Calls the routes without a network.
struct Caller {
    router: Router,
    token: String,
}

impl Caller {
    /// Sends a request, with a body unless the media type is empty.
    async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder().method(method).uri(path);
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(Body::from(body))?;
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{path}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }
}
