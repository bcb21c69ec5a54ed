//! Exchanging tokens of another form for access tokens.

use std::{pin::Pin, sync::Arc};

use crate::Denial;

/// The access token that replaces another token, once it is available.
pub type Exchanged = Pin<Box<dyn Future<Output = Result<Arc<str>, Denial>> + Send>>;

/// Exchanges tokens of another form for access tokens.
///
/// The authorization server in the same process implements it, for the tokens of an application that it replaces.
pub trait Exchange: Send + Sync + 'static {
    /// Starts to exchange `token` for an access token, or returns `None` if the form of `token` is not known.
    ///
    /// The guard calls this only for tokens that it does not accept itself, and verifies the result like every token.
    fn exchange(&self, token: &str) -> Option<Exchanged>;
}

/// Redeems tickets.
///
/// The authorization server in the same process implements it, and a guard that follows a server in another process.
pub trait Tickets: Send + Sync + 'static {
    /// Starts to redeem `ticket` for a request of `path`; returns the access token with which it was requested.
    ///
    /// A ticket is used up with its first redemption, whatever the result. The guard verifies the token like every other.
    fn redeem(&self, ticket: &str, path: &str) -> Exchanged;
}
