use rolecall::{Authenticated, GuardedRouter, Require, routing::get};
use rolecall_server::Embedded;

rolecall::permissions! { mod may { ReadItems = "items:read" } }

async fn read_items(caller: Require<may::ReadItems>) -> String {
    format!("the items of {}\n", caller.username())
}

async fn read_me(caller: Authenticated) -> String {
    format!("{}\n", caller.username())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    rolecall_server::logging::init(&rolecall_server::config::Log::default())?;
    let login = Embedded::builder("sqlite:login.db")
        .policy(include_str!("policy.toml"))
        .first_admin_with_roles("root", &["editor"])
        .open()
        .await?;
    let app = GuardedRouter::new(login.guard())
        .route("/items/", get(read_items))
        .route("/me", get(read_me))
        .merge(login.routes()?) // /token, /register, /api, /docs and the rest
        .into_axum(); // from here on an ordinary axum::Router
    Ok(rolecall_server::serve("127.0.0.1:8000", app).await?)
}
