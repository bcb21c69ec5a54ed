//! A listener on the next free port, so that two programs that are tried on one machine do not disturb each other.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait, as tokio's listeners have it.
const BACKLOG: u32 = 1024;

/// How many ports are tried after one that is taken.
const MORE_PORTS: u16 = 49;

/// Listens on `address`, or on the next free port above if another program uses it.
pub(crate) async fn bind_next_free(address: SocketAddr) -> io::Result<TcpListener> {
    next_free(address, async |address| TcpListener::bind(address).await).await
}

/// A port that is meant for a server, and on which nobody connects yet. A program that listens on it in the meantime keeps
/// it, and [`listen`](Self::listen) fails.
pub(crate) struct ReservedPort(TcpSocket);

impl ReservedPort {
    /// Returns the address.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Listens: from now on, connections wait until they are accepted.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AddrInUse`] if another program was faster.
    pub(crate) fn listen(self) -> io::Result<TcpListener> {
        self.0.listen(BACKLOG)
    }
}

/// Reserves `address`, or the next free port above if another program uses it. The port is known before the server can
/// do its work, and a program that waits for the port does not connect before [`ReservedPort::listen`].
pub(crate) async fn reserve_next_free(address: SocketAddr) -> io::Result<ReservedPort> {
    next_free(address, async |address| reserve(address)).await
}

/// Calls `take` with `address`, and with the next ports while they are in use.
async fn next_free<T>(
    address: SocketAddr,
    take: impl AsyncFn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut tried = take(address).await;
    let last = address.port().saturating_add(MORE_PORTS);
    for port in address.port().saturating_add(1)..=last {
        match tried {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tried = take(SocketAddr::new(address.ip(), port)).await;
            }
            done => return done,
        }
    }
    tried
}

fn reserve(address: SocketAddr) -> io::Result<ReservedPort> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // else a restart could not have the port while connections of the process before it linger; on Windows the option
    // would let two programs have the same port
    socket.set_reuseaddr(cfg!(not(windows)))?;
    socket.bind(address)?;
    Ok(ReservedPort(socket))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn nobody_connects_to_a_reserved_port_before_it_is_listened_on() {
        let reserved = reserve_next_free("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let address = reserved.local_addr().unwrap();
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let listener = reserved.listen().unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
        TcpStream::connect(address).await.unwrap();
        let next = reserve_next_free(address).await.unwrap();
        assert_ne!(next.local_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn a_taken_port_is_passed_over_and_no_other_error_is() {
        let first = bind_next_free("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let taken = first.local_addr().unwrap();
        let second = bind_next_free(taken).await.unwrap().local_addr().unwrap();
        assert!(second.port() > taken.port() && second.port() - taken.port() <= MORE_PORTS);
        // an address of documentation, which no machine has (RFC 5737)
        let foreign = SocketAddr::new("192.0.2.1".parse().unwrap(), taken.port());
        let refused = bind_next_free(foreign).await.unwrap_err();
        assert_ne!(refused.kind(), io::ErrorKind::AddrInUse);
    }
}
