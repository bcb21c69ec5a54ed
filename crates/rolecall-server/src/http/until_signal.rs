//! Serves until the process gets a signal to stop.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use super::{
    open_files,
    runtime::{Limits, serve},
};

/// Serves until the process gets SIGINT or SIGTERM. Requests in progress are finished first. Raises the limit on open
/// files to what the connections need, or lowers their number to what it allows.
pub async fn serve_until_signal(listener: TcpListener, app: Router, limits: Limits) {
    let limit = open_files::raise(limits.connections);
    let limits = Limits {
        connections: open_files::connections(limits.connections, limit),
        ..limits
    };
    serve(listener, app, limits, stop_signal()).await;
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return interrupted().await;
    };
    tokio::select! {
        () = interrupted() => {}
        _ = terminated.recv() => {}
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    interrupted().await;
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        tokio::time::sleep(Duration::MAX).await;
    }
}
