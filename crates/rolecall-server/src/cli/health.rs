//! Whether the server that this configuration starts answers: for images that hold no other program.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{CliError, arguments::Arguments, context::load};

/// Less than what supervisors wait, so that they hear why.
const PATIENCE: Duration = Duration::from_secs(4);

/// Status 0 if `/health/ready` answers 200, else 1.
pub(super) async fn run(arguments: &Arguments) -> Result<(), CliError> {
    let address = reachable(load(arguments, &[])?.listen);
    match tokio::time::timeout(PATIENCE, ask(address)).await {
        Ok(Ok(status)) if status.contains(" 200 ") => Ok(()),
        Ok(Ok(status)) => Err(CliError::Refused(format!(
            "{address} answers `{status}`: the log of the server says why"
        ))),
        Ok(Err(error)) => Err(CliError::Refused(format!(
            "{address} does not answer: {error}"
        ))),
        Err(_) => Err(CliError::Refused(format!(
            "{address} does not answer within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// The first line of the answer.
async fn ask(address: SocketAddr) -> std::io::Result<String> {
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

/// Where a server that listens on every address is reached on its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
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
    fn a_server_on_every_address_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("10.0.0.7:9000", "10.0.0.7:9000"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }

    #[tokio::test]
    async fn an_answer_is_its_first_line_and_silence_is_an_error() {
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
            ask(address).await.unwrap(),
            "HTTP/1.1 503 Service Unavailable"
        );
        server.await.unwrap();
        assert!(ask(address).await.is_err());
    }
}
