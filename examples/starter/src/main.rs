//! Serves the application. `DATABASE_URL`, `LISTEN`, `PUBLIC_URL` and `MASTER_KEY` configure it.

use std::env;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    rolecall_server::logging::init(&rolecall_server::config::Log::default())?;
    let get = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let listen = get("LISTEN", "127.0.0.1:8000");
    let mut builder = starter::login(&get("DATABASE_URL", "sqlite:app.db"))
        .public_url(&get("PUBLIC_URL", &format!("http://{listen}")));
    if let Ok(key) = env::var("MASTER_KEY") {
        builder = builder.master_key(&key); // PostgreSQL needs one
    }
    let login = builder.open().await?;
    let app = starter::app(&login)?;
    println!("Open http://{listen}/docs");
    Ok(rolecall_server::serve(&listen, app).await?)
}
