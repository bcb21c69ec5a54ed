use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    Denial,
    guard::{Exchanged, Tickets},
};

/// The tickets of an issuer in memory.
#[derive(Default)]
pub(super) struct TestTickets(Mutex<State>);

#[derive(Default)]
struct State {
    issued: usize,
    unused: HashMap<String, Arc<str>>,
}

impl TestTickets {
    pub(super) fn issue(&self, token: &str) -> String {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.issued += 1;
        let ticket = format!("test-ticket-{}", state.issued);
        state.unused.insert(ticket.clone(), token.into());
        ticket
    }
}

impl Tickets for TestTickets {
    fn redeem(&self, ticket: &str, _: &str) -> Exchanged {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = state.unused.remove(ticket);
        Box::pin(ready(token.ok_or(Denial::EndedToken)))
    }
}
