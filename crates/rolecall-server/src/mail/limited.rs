//! A stream from which only so much is read.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncBufRead as _, AsyncRead, AsyncWrite, BufReader, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

/// The bytes that a server may send in one conversation. An honest one sends a few thousand.
pub(super) const MOST: usize = 32 * 1024;

/// The server has sent more than [`MOST`] bytes.
#[derive(Debug, thiserror::Error)]
#[error("the mail server has sent {MOST} bytes, and no end of its answer")]
pub(super) struct TooMuch;

/// Passes on what a server sends line by line, and ends with [`TooMuch`].
///
/// lettre reads a line to its end before it looks at the length, so that a server without line ends would fill the memory.
/// And it keeps what it has read beyond the answer to STARTTLS: whoever is in the way could add answers there that then
/// seem to come from the server. Of a stream that gives one line at a time, nothing is left to keep.
#[derive(Debug)]
pub(super) struct Limited<S> {
    stream: BufReader<S>,
    left: usize,
}

impl<S: AsyncRead> Limited<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
            left: MOST,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, left } = self.get_mut();
        let mut stream = Pin::new(stream);
        let found = ready!(stream.as_mut().poll_fill_buf(context))?;
        let line = found.split_inclusive(|byte| *byte == b'\n').next();
        let line = line.unwrap_or_default();
        let count = line.len().min(into.remaining());
        let Some(rest) = left.checked_sub(count) else {
            // nor a part of it, once it was too much
            *left = 0;
            return Poll::Ready(Err(io::Error::other(TooMuch)));
        };
        into.put_slice(line.get(..count).unwrap_or_default());
        *left = rest;
        stream.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Limited<TcpStream> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().peer_addr()
    }
}

impl AsyncTokioStream for Limited<TlsStream<TcpStream>> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().get_ref().0.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_read_gives_a_line_at_most_and_everything_in_the_end() {
        let sent = b"220-a\r\n220 b\r\n\nrest".as_slice();
        let mut limited = Limited::new(sent);
        let mut buffer = [0; 100];
        for wanted in ["220-a\r\n", "220 b\r\n", "\n", "rest", ""] {
            let count = limited.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], wanted.as_bytes());
        }
        // what does not fit waits
        let mut limited = Limited::new(sent);
        let mut all = Vec::new();
        let mut small = [0; 2];
        while let count @ 1.. = limited.read(&mut small).await.unwrap() {
            all.extend_from_slice(&small[..count]);
        }
        assert_eq!(all, sent);
    }

    #[tokio::test]
    async fn more_than_the_most_is_an_error_with_and_without_lines() {
        for filling in [b"2".as_slice(), b"250-x\r\n", b"\n"] {
            let sent = filling.repeat(MOST + 1);
            let mut limited = Limited::new(sent.as_slice());
            let mut read = Vec::new();
            let error = limited.read_to_end(&mut read).await.unwrap_err();
            assert!(error.get_ref().unwrap().is::<TooMuch>());
            assert!(
                read.len() <= MOST && read.len() + 8 * 1024 > MOST,
                "{}",
                read.len()
            );
            // and it stays one
            assert!(limited.read(&mut [0; 100]).await.is_err());
        }
        let sent = vec![b'2'; MOST];
        let mut read = Vec::new();
        let mut limited = Limited::new(sent.as_slice());
        assert_eq!(limited.read_to_end(&mut read).await.unwrap(), MOST);
    }
}
