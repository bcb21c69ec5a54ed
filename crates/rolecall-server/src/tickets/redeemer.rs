//! The redemption of tickets, in a guard.

use std::{future::ready, sync::Weak};

use rolecall::{Denial, Exchanged, Tickets};

use super::service;
use crate::{
    app::{App, Parts},
    error,
};

/// Redeems tickets for the guard of an application. A guard may outlive the server, whose database it does not keep open.
pub(crate) struct TicketRedeemer(Weak<Parts>);

impl TicketRedeemer {
    pub(crate) fn new(app: &App) -> Self {
        Self(app.downgrade())
    }
}

impl Tickets for TicketRedeemer {
    fn redeem(&self, ticket: &str, path: &str) -> Exchanged {
        let Some(parts) = self.0.upgrade() else {
            return Box::pin(ready(Err(Denial::Unavailable)));
        };
        let app = App::from_parts(parts);
        let (ticket, path) = (ticket.to_owned(), path.to_owned());
        Box::pin(async move {
            match service::redeem(&app, &ticket, &path).await {
                Ok(Some(token)) => Ok(token.into()),
                Ok(None) => Err(Denial::EndedToken),
                Err(failed) => {
                    tracing::error!(error = %error::chain_of(&failed), "a ticket could not be redeemed");
                    Err(Denial::Unavailable)
                }
            }
        })
    }
}
