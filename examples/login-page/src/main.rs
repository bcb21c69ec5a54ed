//! Serves the pages. `DATABASE_URL`, `LISTEN` and `ORIGIN` configure it.

use std::{env, sync::Arc};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    rolecall_server::logging::init(&rolecall_server::config::Log::default())?;
    let get = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let listen = get("LISTEN", "127.0.0.1:8000");
    // browsers keep the cookie at `localhost`, and with HTTPS, but not at http://127.0.0.1
    let origin = get("ORIGIN", "http://localhost:8000");
    let builder = login_page::login(&get("DATABASE_URL", "sqlite:app.db"), &origin)?;
    let login = Arc::new(builder.open().await?);
    let app = login_page::app(&login, login_page::session_cookie(&origin)?)?;
    println!("Open {origin}");
    Ok(rolecall_server::serve(&listen, app).await?)
}
