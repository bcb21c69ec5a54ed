//! A policy of many roles in a database: how long until it is loaded, and until an edit of one role is in force.

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

/// Prints `load` and, once for each edit, `edit`, with milliseconds.
pub(crate) async fn run(url: &str, users: i64, roles: i64, edits: usize) -> anyhow::Result<()> {
    fill::run(url, users, roles).await?;
    // the first start makes what every database has
    drop(open(url).await?);
    let began = Instant::now();
    let embedded = open(url).await?;
    println!("load\t{}", milliseconds(began));
    let mut caller = Caller {
        router: embedded.routes()?.into_axum(),
        token: String::new(),
    };
    let form = format!(
        "grant_type=password&username={ADMIN}&password={}",
        PASSWORD.replace(' ', "+")
    );
    let answer = caller.ask(Method::POST, "/token", FORM, form).await?;
    caller.token = text_at(&answer, "/access_token")?;
    let users = "/api/users?username=user10";
    let answer = caller.ask(Method::GET, users, "", String::new()).await?;
    // `user10` has `role1`
    let subject = text_at(&answer, "/items/0/id")?;
    for edit in 0..edits {
        let permission = format!("object{}:read", edit + 2);
        let path = format!("/api/roles/role1/permissions/{permission}");
        let began = Instant::now();
        caller.ask(Method::PUT, &path, "", String::new()).await?;
        println!("edit\t{}", milliseconds(began));
        let question = json!({ "subject": subject, "permission": permission }).to_string();
        let decided = caller
            .ask(Method::POST, "/api/decisions", JSON, question)
            .await?;
        let allowed = decided.pointer("/allowed").and_then(Value::as_bool);
        ensure!(allowed == Some(true), "the edit is not in force: {decided}");
    }
    Ok(())
}

async fn open(url: &str) -> anyhow::Result<Embedded> {
    let builder = Embedded::builder(url).demo_user(ADMIN, PASSWORD, &["rolecall.admin"]);
    Ok(builder.open().await?)
}

fn milliseconds(began: Instant) -> String {
    format!("{:.2}", began.elapsed().as_secs_f64() * 1e3)
}

fn text_at(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let text = answer.pointer(pointer).and_then(Value::as_str);
    Ok(text
        .with_context(|| format!("no {pointer} in {answer}"))?
        .to_owned())
}

/// Asks the routes without a network in between.
struct Caller {
    router: Router,
    token: String,
}

impl Caller {
    /// Sends a request, with a body of the media type `kind` if that is not empty.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder().method(method).uri(path);
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(body))?;
        let answer = self.router.clone().oneshot(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{path}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }
}
