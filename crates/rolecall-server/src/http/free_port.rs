//! A listener on the next free port, so that two programs that are tried on one machine do not disturb each other.

use std::{io, net::SocketAddr};

use tokio::net::TcpListener;

/// How many ports are tried after one that is taken.
const MORE_PORTS: u16 = 49;

/// Listens on `address`, or on the next free port above if another program uses it.
pub(crate) async fn bind_next_free(address: SocketAddr) -> io::Result<TcpListener> {
    let mut tried = TcpListener::bind(address).await;
    let last = address.port().saturating_add(MORE_PORTS);
    for port in address.port().saturating_add(1)..=last {
        match tried {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                tried = TcpListener::bind(SocketAddr::new(address.ip(), port)).await;
            }
            done => return done,
        }
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

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
