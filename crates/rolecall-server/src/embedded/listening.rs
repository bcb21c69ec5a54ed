//! Addresses on which an application listens.

use std::{fmt, io, net::SocketAddr};

use tokio::net::TcpListener;

use crate::http;

/// The reason why a server cannot listen on its address.
///
/// Its `Debug` is its message, since that is what a `main` prints that returns it.
pub struct ServeError {
    address: String,
    source: io::Error,
}

impl ServeError {
    pub(super) fn new(address: &str, source: io::Error) -> Self {
        Self {
            address: address.to_owned(),
            source,
        }
    }

    /// Returns the kind of the error that the operating system reports.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        if self.kind() == io::ErrorKind::AddrInUse {
            write!(
                f,
                "{address} is used by another program: choose another address"
            )
        } else {
            write!(f, "cannot listen on {address}: {}", self.source)
        }
    }
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for ServeError {}

/// Listens on `address`, or on the next free port above if another program uses it, such as `rolecall dev`. This is for
/// examples and experiments on one machine: clients of a server expect it at one address.
///
/// The address is part of the tokens, so tell the server where it listens:
///
/// ```no_run
/// use rolecall_server::{Embedded, Server, bind_next_free};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = bind_next_free("127.0.0.1:8000").await?;
/// let url = format!("http://{}", listener.local_addr()?);
/// let login = Embedded::builder("sqlite:login.db").public_url(&url).open().await?;
/// let app: rolecall::GuardedRouter = login.routes()?;
/// println!("Listening on {url}");
/// Server::new(app).serve_on(listener).await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ServeError`] if the text is no address, if it cannot listen there for another reason, or if the next ports are used
/// too.
pub async fn bind_next_free(address: &str) -> Result<TcpListener, ServeError> {
    let parsed: SocketAddr = address.parse().map_err(|_| {
        let reason = "write an IP address and a port, such as 127.0.0.1:8000";
        ServeError::new(address, io::Error::new(io::ErrorKind::InvalidInput, reason))
    })?;
    let bound = http::bind_next_free(parsed).await;
    bound.map_err(|source| ServeError::new(address, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn errors_are_sentences_for_a_main_that_returns_them() {
        let taken = bind_next_free("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let server = crate::embedded::Server::new(axum::Router::new());
        let used = server.serve(&address).await.unwrap_err();
        assert_eq!(used.kind(), io::ErrorKind::AddrInUse);
        let expected = format!("{address} is used by another program: choose another address");
        assert_eq!(format!("{used:?}"), expected);
        let boxed: Box<dyn std::error::Error> = used.into();
        assert_eq!(format!("{boxed:?}"), expected);
        for wrong in ["localhost", "127.0.0.1", "127.0.0.1:99999", ""] {
            let refused = bind_next_free(wrong).await.unwrap_err().to_string();
            assert!(refused.contains("such as 127.0.0.1:8000"), "{refused}");
        }
    }
}
