//! The requests that wait for news: so many together, and so many of each client, so that no client takes the places of
//! all others.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The part of all places that one client can take.
const PART: usize = 4;

/// The places of requests that wait.
pub(super) struct Waiting {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    clients: HashMap<Box<str>, usize>,
}

/// The place of a request that waits, until it is dropped.
pub(super) struct Place<'w> {
    waiting: &'w Waiting,
    client: Box<str>,
}

impl Waiting {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            most_of_one: most.div_ceil(PART),
            taken: Mutex::default(),
        }
    }

    /// Takes a place for a request of `client`; `None` if it has enough, or if all are taken.
    pub(super) fn enter(&self, client: &str) -> Option<Place<'_>> {
        let mut taken = self.taken();
        let own = taken.clients.get(client).copied().unwrap_or_default();
        if taken.all >= self.most || own >= self.most_of_one {
            return None;
        }
        taken.all += 1;
        taken.clients.insert(client.into(), own + 1);
        Some(Place {
            waiting: self,
            client: client.into(),
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.waiting.taken();
        taken.all = taken.all.saturating_sub(1);
        if let Some(own) = taken.clients.get_mut(&self.client) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.clients.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn y248_one_client_cannot_take_the_places_of_all_others() {
        let waiting = Waiting::new(8);
        let held: Vec<_> = (0..20).filter_map(|_| waiting.enter("greedy")).collect();
        assert_eq!(held.len(), 2);
        assert!(waiting.enter("another").is_some());
        drop(held);
        assert!(waiting.enter("greedy").is_some());
        assert!(waiting.taken().clients.is_empty());
    }

    #[test]
    fn all_together_have_so_many_places() {
        let waiting = Waiting::new(8);
        let clients = ["a", "b", "c", "d", "e"].into_iter().cycle();
        let held: Vec<_> = clients
            .take(50)
            .filter_map(|one| waiting.enter(one))
            .collect();
        assert_eq!(held.len(), 8);
        drop(held);
        assert_eq!(waiting.taken().all, 0);
    }

    proptest! {
        #[test]
        fn places_are_counted_as_a_list_counts_them(
            most in 1_usize..12,
            steps in proptest::collection::vec((0_usize..4, any::<bool>()), 0..60),
        ) {
            let waiting = Waiting::new(most);
            let mut held: Vec<(usize, Place<'_>)> = Vec::new();
            for (client, enters) in steps {
                let own = held.iter().filter(|(one, _)| *one == client).count();
                if enters {
                    let place = waiting.enter(&client.to_string());
                    prop_assert_eq!(place.is_some(), held.len() < most && own < most.div_ceil(PART));
                    held.extend(place.map(|place| (client, place)));
                } else if let Some(at) = held.iter().position(|(one, _)| *one == client) {
                    drop(held.remove(at));
                }
            }
        }
    }
}
