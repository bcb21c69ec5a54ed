//! The open connections, with the number that each client has and the time since when each is idle.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::Notify;

use super::stream::Phase;

/// All open connections of a listener.
#[derive(Debug)]
pub(super) struct Connections {
    per_client: usize,
    /// Proxies, behind which many clients share one address.
    unlimited: Vec<IpNet>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: HashMap<u64, Entry>,
    clients: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry {
    /// The client that the connection counts for; `None` if it is not limited.
    client: Option<IpAddr>,
    phase: Arc<Phase>,
    end: Arc<Notify>,
}

/// An open connection; it is forgotten on drop.
#[derive(Debug)]
pub(super) struct OpenConnection {
    connections: Arc<Connections>,
    number: u64,
    end: Arc<Notify>,
}

impl OpenConnection {
    /// Resolves when the connection must end because another one needs its place.
    pub(super) async fn shed(&self) {
        self.end.notified().await;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        let Some(entry) = state.open.remove(&self.number) else {
            return;
        };
        let Some(client) = entry.client else {
            return;
        };
        if let Some(count) = state.clients.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.clients.remove(&client);
            }
        }
    }
}

impl Connections {
    pub(super) fn new(per_client: usize, unlimited: Vec<IpNet>) -> Self {
        Self {
            per_client,
            unlimited,
            state: Mutex::default(),
        }
    }

    /// Adds a connection. If its client has as many as it may, the idlest of them ends for it; if none of them is idle,
    /// returns `None`.
    pub(super) fn add(
        self: &Arc<Self>,
        peer: IpAddr,
        phase: &Arc<Phase>,
    ) -> Option<OpenConnection> {
        let client = self.client_of(peer);
        let mut state = self.lock();
        if let Some(client) = client {
            let count = state.clients.get(&client).copied().unwrap_or_default();
            if count >= self.per_client && !state.shed(|_, entry| entry.client == Some(client)) {
                return None;
            }
            *state.clients.entry(client).or_default() += 1;
        }
        let number = state.next;
        state.next += 1;
        let end = Arc::new(Notify::new());
        let entry = Entry {
            client,
            phase: Arc::clone(phase),
            end: Arc::clone(&end),
        };
        state.open.insert(number, entry);
        Some(OpenConnection {
            connections: Arc::clone(self),
            number,
            end,
        })
    }

    /// Ends the idlest connection but `new` of the client that has most of them; returns `false` if none is idle.
    pub(super) fn shed_idlest(&self, new: &OpenConnection) -> bool {
        self.lock().shed(|number, _| number != new.number)
    }

    /// Returns the client of an address: an IPv4 address or an IPv6 /64. Proxies and this machine are not limited.
    fn client_of(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        let is_proxy = self.unlimited.iter().any(|network| network.contains(&peer));
        if is_proxy || peer.is_loopback() {
            return None;
        }
        Some(match peer {
            IpAddr::V4(_) => peer,
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Asks the idlest of the candidates to end; returns `false` if none is idle. The client with the most connections
    /// loses one first, and among its own one that never sent a request.
    fn shed(&self, is_candidate: impl Fn(u64, &Entry) -> bool) -> bool {
        let idle = self.open.iter().filter_map(|(number, entry)| {
            let idle_since = entry.phase.idle_since()?;
            let count = entry.client.and_then(|client| self.clients.get(&client));
            let count = count.copied().unwrap_or_default();
            let order = (
                count,
                Reverse((entry.phase.has_served(), idle_since, *number)),
            );
            is_candidate(*number, entry).then_some(order)
        });
        let Some((_, Reverse((_, _, idlest)))) = idle.max() else {
            return false;
        };
        if let Some(entry) = self.open.get(&idlest) {
            entry.phase.give_up();
            entry.end.notify_one();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(connections: &Arc<Connections>, peer: &str) -> Option<(OpenConnection, Arc<Phase>)> {
        let phase = Arc::new(Phase::default());
        let connection = connections.add(peer.parse().unwrap(), &phase)?;
        Some((connection, phase))
    }

    /// Returns true if the connection was chosen to end.
    async fn is_shed(connection: &OpenConnection) -> bool {
        tokio::select! {
            biased;
            () = connection.shed() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn y055_a_client_has_so_many_connections_and_the_idlest_gives_way() {
        let connections = Arc::new(Connections::new(2, Vec::new()));
        let (first, first_phase) = add(&connections, "2001:db8::1").unwrap();
        let (second, second_phase) = add(&connections, "2001:db8::2").unwrap();
        first_phase.begin_request();
        let (third, third_phase) = add(&connections, "2001:db8::3").unwrap();
        assert!(!is_shed(&first).await && is_shed(&second).await && !is_shed(&third).await);
        drop((second, second_phase));
        third_phase.begin_request();
        assert!(add(&connections, "2001:db8::4").is_none(), "none is idle");
        assert!(add(&connections, "2001:db8:0:1::1").is_some());
        third_phase.end_request();
        assert!(add(&connections, "2001:db8::4").is_some());
        assert!(is_shed(&third).await && !is_shed(&first).await);
        drop((first, third));
        assert!(connections.lock().open.is_empty() && connections.lock().clients.is_empty());
    }

    #[tokio::test]
    async fn y055_proxies_and_this_machine_are_not_limited() {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let connections = Arc::new(Connections::new(1, proxies));
        let mut open = Vec::new();
        for peer in ["10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "::1"] {
            for _ in 0..5 {
                open.push(add(&connections, peer).unwrap());
            }
        }
        for (connection, _) in &open {
            assert!(!is_shed(connection).await);
        }
    }

    #[tokio::test]
    async fn y055_the_client_with_most_idle_connections_gives_way_first() {
        let connections = Arc::new(Connections::new(100, Vec::new()));
        let (old, _old) = add(&connections, "192.0.2.1").unwrap();
        let many: Vec<_> = (0..3)
            .map(|_| add(&connections, "203.0.113.9").unwrap())
            .collect();
        let (new, _new) = add(&connections, "203.0.113.9").unwrap();
        for (first, _) in &many {
            assert!(connections.shed_idlest(&new));
            assert!(is_shed(first).await && !is_shed(&old).await);
        }
        assert!(connections.shed_idlest(&new));
        assert!(is_shed(&old).await && !is_shed(&new).await);
        assert!(!connections.shed_idlest(&new), "each is asked once");
    }
}
