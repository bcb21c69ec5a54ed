//! A policy of many roles in a database: how long until it is loaded, and until an edit of one role is in force.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use rolecall_server::Embedded;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{fill, serve::PASSWORD};

const ADMIN: &str = "an-administrator";

/// Prints `load` and, once for each edit, `edit`, with milliseconds.
pub(crate) async fn run(url: &str, users: i64, roles: i64, edits: usize) -> anyhow::Result<()> {
    fill::run(url, users, roles).await?;
    let open = async || {
        Embedded::builder(url)
            .demo_user(ADMIN, PASSWORD, &["rolecall.admin"])
            .open()
            .await
    };
    // the first start makes what every database has
    drop(open().await?);
    let began = Instant::now();
    let embedded = open().await?;
    println!("load\t{:.2}", began.elapsed().as_secs_f64() * 1e3);
    let router = embedded.routes()?.into_axum();
    let ask = async |method: Method, path: String, token: &str, body: Option<(&str, String)>| {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some((kind, text)) => {
                request = request.header(header::CONTENT_TYPE, kind);
                Body::from(text)
            }
            None => Body::empty(),
        };
        let answer = router.clone().oneshot(request.body(body)?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok::<Value, anyhow::Error>(serde_json::from_slice(&body).unwrap_or_default())
    };
    let form = format!("username={ADMIN}&password={}", PASSWORD.replace(' ', "+"));
    let form = ("application/x-www-form-urlencoded", form);
    let token = ask(Method::POST, "/token".into(), "", Some(form)).await?;
    let token = token["access_token"]
        .as_str()
        .context("no token")?
        .to_owned();
    let subject = ask(
        Method::GET,
        "/api/users?username=user10".into(),
        &token,
        None,
    )
    .await?;
    let subject = subject["items"][0]["id"]
        .as_str()
        .context("no user")?
        .to_owned();
    for edit in 0..edits {
        // `user10` has `role1`
        let permission = format!("object{}:read", edit + 2);
        let path = format!("/api/roles/role1/permissions/{permission}");
        let began = Instant::now();
        ask(Method::PUT, path, &token, None).await?;
        println!("edit\t{:.2}", began.elapsed().as_secs_f64() * 1e3);
        let question = json!({ "subject": subject, "permission": permission }).to_string();
        let question = ("application/json", question);
        let decided = ask(
            Method::POST,
            "/api/decisions".into(),
            &token,
            Some(question),
        )
        .await?;
        ensure!(
            decided["allowed"] == true,
            "the edit is not in force: {decided}"
        );
    }
    Ok(())
}
