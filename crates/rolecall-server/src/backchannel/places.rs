//! Whose logout tokens are sent next: a client that does not answer must not keep those of others waiting.

use std::collections::{BTreeMap, BTreeSet};

/// The tokens that are sent at once.
const AT_ONCE: usize = 16;
/// Of these, the ones to a client that took the last one quickly.
pub(super) const TO_QUICK_CLIENT: usize = 4;
/// Of these, the ones to all other clients, each of which has one place.
const TO_OTHERS: usize = 12;

/// The places at which tokens are sent.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The number of tokens that are being sent to each client.
    taken: BTreeMap<String, usize>,
    /// The clients that took their last token quickly.
    quick: BTreeSet<String>,
}

impl Places {
    /// Returns true if no place is free.
    pub(super) fn are_taken(&self) -> bool {
        self.all() >= AT_ONCE
    }

    fn all(&self) -> usize {
        self.taken.values().sum()
    }

    fn of(&self, client: &str) -> usize {
        self.taken.get(client).copied().unwrap_or_default()
    }

    fn is_quick(&self, client: &str) -> bool {
        self.quick.contains(client)
    }

    /// Returns how many more tokens may be sent to a client now.
    pub(super) fn room_for(&self, client: &str) -> usize {
        let is_quick = self.is_quick(client);
        let most = if is_quick { TO_QUICK_CLIENT } else { 1 };
        let to_others: usize = self
            .taken
            .iter()
            .filter(|(client, _)| !self.is_quick(client))
            .map(|(_, count)| count)
            .sum();
        if !is_quick && to_others >= TO_OTHERS {
            return 0;
        }
        let free = AT_ONCE.saturating_sub(self.all());
        most.saturating_sub(self.of(client)).min(free)
    }

    /// Takes the place of a token. INVARIANT: there is [room](Self::room_for) for it.
    pub(super) fn take(&mut self, client: &str) {
        *self.taken.entry(client.to_owned()).or_default() += 1;
    }

    /// Gives back the place of a token that was not sent.
    pub(super) fn give_back(&mut self, client: &str) {
        if let Some(count) = self.taken.get_mut(client) {
            *count -= 1;
            if *count == 0 {
                self.taken.remove(client);
            }
        }
    }

    /// Gives back the place of a token that was sent.
    pub(super) fn sent(&mut self, client: &str, was_quick: bool) {
        self.give_back(client);
        if !was_quick {
            self.quick.remove(client);
        } else if !self.is_quick(client) {
            self.quick.insert(client.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(client: usize) -> String {
        format!("client-{client}")
    }

    /// Takes places for tokens to clients with these numbers, in this order, and returns those that get one.
    fn take(places: &mut Places, clients: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut chosen = Vec::new();
        for client in clients {
            if places.room_for(&id(client)) > 0 {
                places.take(&id(client));
                chosen.push(client);
            }
        }
        chosen
    }

    fn count(chosen: &[usize], client: usize) -> usize {
        chosen.iter().filter(|one| **one == client).count()
    }

    #[test]
    fn y263_a_client_has_one_place_until_it_answers() {
        let mut places = Places::default();
        assert_eq!(take(&mut places, [1, 1, 1, 2]), [1, 2]);
        assert!(take(&mut places, [1, 2]).is_empty());
        places.sent("client-1", true);
        assert_eq!(places.room_for("client-1"), TO_QUICK_CLIENT);
        assert_eq!(take(&mut places, [1; 6]).len(), TO_QUICK_CLIENT);
        // one that it does not take costs all others
        places.sent("client-1", false);
        assert!(take(&mut places, [1, 1, 2]).is_empty());
        for _ in 0..3 {
            places.give_back("client-1");
        }
        assert_eq!(take(&mut places, [1, 1]), [1]);
    }

    #[test]
    fn y263_clients_that_do_not_answer_leave_places_to_those_that_do() {
        let mut places = Places::default();
        assert_eq!(take(&mut places, [99]), [99]);
        places.sent("client-99", true);
        let all = || (0..30).chain([99, 99, 99, 99, 99]);
        let chosen = take(&mut places, all());
        assert_eq!((chosen.len(), count(&chosen, 99)), (16, 4));
        assert!(places.are_taken() && take(&mut places, all()).is_empty());
        for _ in 0..50 {
            places.sent("client-99", true);
            assert_eq!(take(&mut places, all()), [99]);
        }
    }

    proptest! {
        #[test]
        fn y263_places_are_never_given_twice(
            steps in prop::collection::vec((prop::collection::vec(0_usize..20, 0..40), any::<usize>(), any::<bool>()), 1..60)
        ) {
            let mut places = Places::default();
            let mut at_work: Vec<usize> = Vec::new();
            for (clients, place, was_quick) in steps {
                at_work.extend(take(&mut places, clients.iter().copied()));
                prop_assert!(at_work.len() <= AT_ONCE);
                for client in 0..20 {
                    let own = count(&at_work, client);
                    prop_assert!(own <= TO_QUICK_CLIENT);
                    prop_assert!(places.room_for(&id(client)) + own <= TO_QUICK_CLIENT);
                    prop_assert!(places.room_for(&id(client)) + at_work.len() <= AT_ONCE);
                    // nobody is passed over while places are free
                    let is_passed_over = clients.contains(&client) && own == 0;
                    prop_assert!(!is_passed_over || at_work.len() >= TO_OTHERS, "{client}");
                }
                if !at_work.is_empty() {
                    let done = at_work.swap_remove(place % at_work.len());
                    places.sent(&id(done), was_quick);
                }
            }
        }
    }
}
