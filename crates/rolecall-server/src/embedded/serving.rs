//! Serving an application as the program does.

use crate::{api, http};

/// Serves an application on `address` as the program does: with timeouts, a body limit, request ids, security headers
/// and a graceful shutdown.
///
/// # Errors
///
/// If it cannot listen on the address.
pub async fn serve(address: &str, app: axum::Router) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let app = http::wrap(app, api::layer_options());
    http::serve_until_signal(listener, app, http::Limits::default()).await;
    Ok(())
}
