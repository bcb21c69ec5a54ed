//! An API in a process of its own. It follows a rolecall server and refuses tokens within a second of their
//! revocation there.
//!
//! Environment: `ISSUER`; `AUDIENCE` (default: the issuer); `CLIENT_ID` and `CLIENT_SECRET` (without them only keys
//! are loaded, and tokens are valid until they expire); `MAX_STALENESS` in seconds (default: 30); `LISTEN` (default:
//! `127.0.0.1:0`, a free port). Prints the address on which it listens.

use std::{env, error::Error, process::ExitCode, time::Duration};

use axum::Json;
use rolecall::{Authenticated, Guard, GuardedRouter, Public, Require, routing::get};
use serde_json::{Value, json};
use tokio::net::TcpListener;

rolecall::roles! { mod role { Admin = "admin" } }
rolecall::permissions! { mod may { ReadItems = "items:read" } }

async fn read_items(caller: Require<may::ReadItems>) -> Json<Value> {
    Json(json!([{ "item_id": "Foo", "reader": caller.username() }]))
}

async fn manage(_: Require<role::Admin>) {}

async fn read_me(caller: Authenticated) -> Json<Value> {
    Json(json!({ "id": caller.subject(), "roles": caller.roles().collect::<Vec<_>>() }))
}

/// Builds the guard from the environment.
fn build_guard() -> Result<Guard, Box<dyn Error>> {
    let issuer = env::var("ISSUER").map_err(
        |_| "set ISSUER to the address of a rolecall server, such as http://127.0.0.1:8000",
    )?;
    let audience = env::var("AUDIENCE").unwrap_or_else(|_| issuer.clone());
    let builder = Guard::builder().issuer(&issuer).audience(&audience);
    let builder = match (env::var("CLIENT_ID"), env::var("CLIENT_SECRET")) {
        (Ok(id), Ok(secret)) => builder.client(&id, &secret),
        _ => builder,
    };
    let builder = match env::var("MAX_STALENESS") {
        Ok(seconds) => builder.max_staleness(parse_seconds(&seconds)?),
        Err(_) => builder,
    };
    Ok(builder.build()?)
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| format!("set MAX_STALENESS to a number of seconds, not `{text}`"))
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let guard = build_guard()?;
    let observed = guard.clone();
    let read_status = async move |_: Public| {
        let status = observed.status();
        Json(json!({
            "keys": status.keys,
            "floors": status.floors,
            "connected": status.connected,
            "age_ms": status.age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            "failures": status.failures,
            "last_failure": status.last_failure,
        }))
    };
    let app: axum::Router = GuardedRouter::new(guard)
        .route("/items/", get(read_items))
        .route("/admin", get(manage))
        .route("/me", get(read_me))
        .route("/status", get(read_status))
        .into_axum();
    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
