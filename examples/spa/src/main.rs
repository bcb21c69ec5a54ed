//! A page that signs people in at a rolecall server, and the API that it calls with their tokens.
//!
//! Environment: `ISSUER`; `CLIENT_ID` of the page; `FEED_CLIENT_ID` and `FEED_CLIENT_SECRET` (without them only keys are
//! loaded, and tokens are valid until they expire); `LISTEN` (default: `127.0.0.1:0`, a free port). Prints the address on
//! which it listens.

use std::{env, error::Error, process::ExitCode};

use axum::{
    Json,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::IntoResponse,
};
use rolecall::{Fresh, Guard, GuardedRouter, Public, Require, routing::get};
use serde_json::{Value, json};
use tokio::net::TcpListener;

rolecall::roles! { mod role { Admin = "admin" } }

async fn read_items(caller: Require<role::Admin>) -> Json<Value> {
    Json(json!([{ "item_id": "Foo", "owner": caller.username() }]))
}

/// Needs a sign-in of the last five minutes: the page asks for another one, and comes back.
async fn delete_items(_: Fresh<role::Admin, 300>) -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn script(_: Public) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/javascript")],
        include_str!("../page/app.js"),
    )
}

async fn style(_: Public) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "text/css")],
        include_str!("../page/style.css"),
    )
}

/// Builds the guard from the environment.
fn build_guard(issuer: &str) -> Result<Guard, Box<dyn Error>> {
    let builder = Guard::builder().issuer(issuer).audience(issuer);
    let builder = match (env::var("FEED_CLIENT_ID"), env::var("FEED_CLIENT_SECRET")) {
        (Ok(id), Ok(secret)) => builder.client(&id, &secret),
        _ => builder,
    };
    Ok(builder.build()?)
}

fn build_app(issuer: &str, client: &str) -> Result<axum::Router, Box<dyn Error>> {
    let config = json!({ "issuer": issuer, "client_id": client });
    let read_config = async move |_: Public| Json(config.clone());
    // the page loads nothing from elsewhere and calls nobody but this application and the issuer
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {issuer}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let page = async move |_: Public| {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (CONTENT_SECURITY_POLICY, policy.clone()),
            // the address has the code in it until the script has read it
            (REFERRER_POLICY, "no-referrer".to_owned()),
        ];
        (headers, include_str!("../page/index.html"))
    };
    Ok(GuardedRouter::new(build_guard(issuer)?)
        .route("/", get(page))
        .route("/app.js", get(script))
        .route("/style.css", get(style))
        .route("/config.json", get(read_config))
        .route("/items/", get(read_items).delete(delete_items))
        .into_axum())
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spa: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let issuer = env::var("ISSUER").map_err(
        |_| "set ISSUER to the address of a rolecall server, such as http://127.0.0.1:8000",
    )?;
    let client = env::var("CLIENT_ID")
        .map_err(|_| "set CLIENT_ID to the client of the page; see README.md")?;
    let app = build_app(&issuer, &client)?;
    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
