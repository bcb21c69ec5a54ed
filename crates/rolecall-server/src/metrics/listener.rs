//! `GET /metrics`, and nothing else.

use std::{net::SocketAddr, sync::Arc};

use ::http::header::CONTENT_TYPE;
use axum::{Router, extract::State, middleware::from_fn, response::IntoResponse, routing::get};
use rolecall::Guard;
use tokio::net::TcpListener;

use super::{Requests, text};
use crate::{
    app::App,
    http::{self, LayerOptions, refuse_other_hosts},
};

#[derive(Clone)]
struct Source {
    app: App,
    guard: Guard,
    requests: Arc<Requests>,
}

/// Answers Prometheus until the process is told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    app: App,
    guard: Guard,
    requests: Arc<Requests>,
) {
    let source = Source {
        app,
        guard,
        requests,
    };
    let routes = routes(source, address);
    http::serve_until_signal(listener, http::wrap(routes, LayerOptions::default())).await;
}

fn routes(source: Source, address: SocketAddr) -> Router {
    let routes = Router::new()
        .route("/metrics", get(get_metrics))
        .with_state(source);
    if address.ip().is_loopback() {
        // a page elsewhere may let its own name point at this machine
        routes.layer(from_fn(refuse_other_hosts))
    } else {
        routes
    }
}

async fn get_metrics(State(source): State<Source>) -> impl IntoResponse {
    let text = super::write(&source.app, &source.guard, &source.requests);
    ([(CONTENT_TYPE, text::CONTENT_TYPE)], text)
}
