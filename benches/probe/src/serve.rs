//! An application with a guarded and an open route, which differ only in the guard.

use axum::Json;
use rolecall::{Guard, GuardedRouter, Public, Require, routing::get};
use rolecall_server::{Embedded, EmbeddedBuilder};
use serde_json::{Value, json};

rolecall::roles! { pub(crate) mod role { Admin = "admin" } }

/// The password of all users, including those that `fill` creates.
pub(crate) const PASSWORD: &str = "a password for measuring";

async fn read_items(caller: Require<role::Admin>) -> Json<Value> {
    Json(json!([{ "item_id": "Foo", "owner": caller.username() }]))
}

async fn read_open_items(_: Public) -> Json<Value> {
    Json(json!([{ "item_id": "Foo", "owner": "admin" }]))
}

pub(crate) fn routes(guard: Guard) -> GuardedRouter {
    GuardedRouter::new(guard)
        .route("/items/", get(read_items))
        .route("/open/items/", get(read_open_items))
}

/// The server on the database at `url`, with the user `admin`.
pub(crate) fn server(url: &str) -> EmbeddedBuilder {
    Embedded::builder(url)
        .master_key("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        .demo_user("admin", PASSWORD, &["admin", "rolecall.admin"])
}

pub(crate) async fn run(address: &str, url: &str) -> anyhow::Result<()> {
    let login = server(url).open().await?;
    let app = routes(login.guard()).merge(login.routes()?).into_axum();
    Ok(rolecall_server::serve(address, app).await?)
}
