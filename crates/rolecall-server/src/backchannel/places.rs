//! Whose logout tokens are sent next: a client that does not answer must not keep those of others waiting.

use std::collections::{BTreeMap, BTreeSet};

use super::store::Due;

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

    /// Returns those of `due` for which there is a place, and takes it. The clients take turns in the order of `due`.
    pub(super) fn take(&mut self, due: Vec<Due>) -> Vec<Due> {
        let mut to_others: usize = self
            .taken
            .iter()
            .filter(|(client, _)| !self.is_quick(client))
            .map(|(_, count)| count)
            .sum();
        let mut chosen = Vec::new();
        for one in due {
            if self.are_taken() {
                break;
            }
            let is_quick = self.is_quick(&one.client_id);
            let most = if is_quick { TO_QUICK_CLIENT } else { 1 };
            if self.of(&one.client_id) >= most || (!is_quick && to_others >= TO_OTHERS) {
                continue;
            }
            to_others += usize::from(!is_quick);
            *self.taken.entry(one.client_id.clone()).or_default() += 1;
            chosen.push(one);
        }
        chosen
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

    /// Tokens for clients with these numbers, in this order.
    fn due(clients: impl IntoIterator<Item = usize>) -> Vec<Due> {
        let due = |client| Due {
            session_id: String::new(),
            client_id: format!("client-{client}"),
            subject_id: String::new(),
            attempts: 0,
        };
        clients.into_iter().map(due).collect()
    }

    fn count(chosen: &[Due], client: usize) -> usize {
        let id = format!("client-{client}");
        chosen.iter().filter(|one| one.client_id == id).count()
    }

    #[test]
    fn y263_a_client_has_one_place_until_it_answers() {
        let mut places = Places::default();
        assert_eq!(places.take(due([1, 1, 1, 2])).len(), 2);
        assert_eq!(places.take(due([1, 2])).len(), 0);
        places.sent("client-1", true);
        assert_eq!(places.take(due([1, 1, 1, 1, 1])).len(), TO_QUICK_CLIENT);
        // one that it does not take costs all others
        places.sent("client-1", false);
        assert_eq!(places.take(due([1, 1, 2])).len(), 0);
        for _ in 0..3 {
            places.give_back("client-1");
        }
        assert_eq!(places.take(due([1, 1])).len(), 1);
    }

    #[test]
    fn y263_clients_that_do_not_answer_leave_places_to_those_that_do() {
        let mut places = Places::default();
        assert_eq!(places.take(due([99])).len(), 1);
        places.sent("client-99", true);
        let all = || due((0..30).chain([99, 99, 99, 99, 99]));
        let chosen = places.take(all());
        assert_eq!((chosen.len(), count(&chosen, 99)), (16, 4));
        assert!(places.are_taken() && places.take(all()).is_empty());
        for _ in 0..50 {
            places.sent("client-99", true);
            assert_eq!(count(&places.take(all()), 99), 1);
        }
    }

    proptest! {
        #[test]
        fn y263_places_are_never_given_twice(
            steps in prop::collection::vec((prop::collection::vec(0_usize..20, 0..40), any::<usize>(), any::<bool>()), 1..60)
        ) {
            let mut places = Places::default();
            let mut at_work: Vec<String> = Vec::new();
            for (clients, place, was_quick) in steps {
                let chosen = places.take(due(clients.clone()));
                at_work.extend(chosen.iter().map(|one| one.client_id.clone()));
                prop_assert!(at_work.len() <= AT_ONCE);
                for client in 0..20 {
                    let id = format!("client-{client}");
                    let own = at_work.iter().filter(|one| **one == id).count();
                    prop_assert!(own <= TO_QUICK_CLIENT);
                    // nobody is passed over while places are free
                    let is_passed_over = clients.contains(&client) && own == 0;
                    prop_assert!(!is_passed_over || at_work.len() >= TO_OTHERS, "{client}");
                }
                if !at_work.is_empty() {
                    let done = at_work.swap_remove(place % at_work.len());
                    places.sent(&done, was_quick);
                }
            }
        }
    }
}
