//! Serving until the process is told to stop.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use super::{Limits, open_files, serve};

/// Serves with the usual limits, or as many connections as files may be open, until the process gets SIGINT or SIGTERM; requests under way are finished.
pub async fn serve_until_signal(listener: TcpListener, app: Router) {
    let usual = Limits::default();
    let limits = Limits {
        connections: open_files::connections(usual.connections, open_files::limit()),
        ..usual
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
