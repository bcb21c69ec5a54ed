//! What the server answers while it waits for its database.

use std::{io, pin::pin, time::Duration};

use axum::{Router, response::IntoResponse, routing::get};
use rolecall::Public;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::{
    api,
    error::ApiError,
    health,
    http::{self, Limits},
};

/// The time for which requests wait for a server that starts, and are answered by it then. A usual start takes less, so
/// that a rolling restart behind a proxy loses no request.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `work`. If it takes longer than `patience`, answers requests meanwhile: the process lives, and is not ready. Returns
/// what comes of the work, and the listener, on which nothing else was accepted.
///
/// # Errors
///
/// If the listener cannot be shared.
pub(super) async fn answering<T>(
    listener: TcpListener,
    patience: Duration,
    work: impl Future<Output = T>,
) -> io::Result<(TcpListener, T)> {
    let mut work = pin!(work);
    if let Ok(outcome) = timeout(patience, &mut work).await {
        return Ok((listener, outcome));
    }
    let listener = listener.into_std()?;
    let meanwhile = TcpListener::from_std(listener.try_clone()?)?;
    let (working, done) = oneshot::channel::<()>();
    let end = async { drop(done.await) };
    let app = http::wrap(routes(), api::layer_options(None));
    let serving = http::serve(meanwhile, app, Limits::default(), end);
    let work = async {
        let outcome = work.await;
        drop(working);
        outcome
    };
    let (outcome, ()) = tokio::join!(work, serving);
    Ok((TcpListener::from_std(listener)?, outcome))
}

fn routes() -> Router {
    Router::new()
        .route("/health/live", get(live))
        .fallback(wait)
}

async fn live() -> impl IntoResponse {
    health::get_liveness(Public).await
}

async fn wait() -> ApiError {
    ApiError::Starting
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    async fn get(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.to_lowercase()
    }

    #[tokio::test]
    async fn y390_a_server_that_waits_for_its_database_says_that_it_lives_and_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (opened, opening) = oneshot::channel::<&str>();
        let waiting = tokio::spawn(answering(listener, Duration::ZERO, opening));
        let live = get(address, "/health/live").await;
        assert!(live.starts_with("http/1.1 200 "), "{live}");
        for path in ["/health/ready", "/token", "/"] {
            let answer = get(address, path).await;
            assert!(answer.starts_with("http/1.1 503 "), "{answer}");
            assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
            assert!(answer.contains("the server is starting"), "{answer}");
        }
        opened.send("open").unwrap();
        let (listener, outcome) = waiting.await.unwrap().unwrap();
        assert_eq!(outcome, Ok("open"));
        assert_eq!(listener.local_addr().unwrap(), address);
        // what connects now is for the server
        let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
        assert_eq!(
            accepted.unwrap().1,
            connected.unwrap().local_addr().unwrap()
        );
    }

    #[tokio::test]
    async fn y522_what_connects_during_a_usual_start_is_for_the_server() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (opened, opening) = oneshot::channel::<&str>();
        let day = Duration::from_hours(24);
        let waiting = tokio::spawn(answering(listener, day, opening));
        let connected = TcpStream::connect(address).await.unwrap();
        opened.send("open").unwrap();
        let (listener, outcome) = waiting.await.unwrap().unwrap();
        assert_eq!(outcome, Ok("open"));
        let (_, accepted) = listener.accept().await.unwrap();
        assert_eq!(accepted, connected.local_addr().unwrap());
    }
}
