//! Back-channel log-out (`OpenID` Connect Back-Channel Logout 1.0): clients hear when a session ends.
//!
//! Whatever ends a session writes a row for each client to tell, in its own transaction. [`sender`] makes a logout token
//! of it and posts that until the client takes it.

mod attempt;
pub(crate) mod ending;
mod places;
pub(crate) mod sender;
pub(crate) mod store;
