//! `health`: asks the server on this machine whether it is ready, for container images without another HTTP client.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{context::load, error::CliError, globals::GlobalFlags};

/// Shorter than the time-outs of supervisors, so that they get an error message.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Succeeds if `/health/ready` answers 200.
pub(super) async fn run(globals: &GlobalFlags) -> Result<(), CliError> {
    let address = local_address(load(globals, &[])?.listen);
    match tokio::time::timeout(TIMEOUT, request_status(address)).await {
        Ok(Ok(status)) if status.contains(" 200 ") => Ok(()),
        Ok(Ok(status)) => Err(CliError::Refused(format!(
            "{address} answers `{status}`: see the log of the server"
        ))),
        Ok(Err(error)) => Err(CliError::Refused(format!(
            "{address} does not answer: {error}"
        ))),
        Err(_) => Err(CliError::Refused(format!(
            "{address} did not answer within {} s",
            TIMEOUT.as_secs()
        ))),
    }
}

/// Requests `/health/ready` and returns the status line of the answer.
async fn request_status(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(16 * 1024).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let line = text.lines().next().unwrap_or_default();
    Ok(line.chars().take(80).flat_map(char::escape_debug).collect())
}

/// Replaces the unspecified address, on which a server listens on all interfaces, by the loopback address.
fn local_address(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn a_server_on_all_interfaces_is_asked_at_the_loopback_address() {
        for (listen, asked) in [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("10.0.0.7:9000", "10.0.0.7:9000"),
        ] {
            assert_eq!(local_address(listen.parse().unwrap()).to_string(), asked);
        }
    }

    #[tokio::test]
    async fn the_status_line_is_returned_and_a_refused_connection_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let read = stream.read(&mut head).await.unwrap();
            assert!(head[..read].starts_with(b"GET /health/ready HTTP/1.1\r\n"));
            let answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        });
        assert_eq!(
            request_status(address).await.unwrap(),
            "HTTP/1.1 503 Service Unavailable"
        );
        server.await.unwrap();
        assert!(request_status(address).await.is_err());
    }
}
