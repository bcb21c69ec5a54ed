//! Invitations: somebody who has none yet makes an account with a link, for the address and with the roles that the
//! invitation names.

pub(crate) mod acceptance;
pub(crate) mod delivery;
pub(crate) mod handlers;
mod inviter;
pub(crate) mod retiming;
mod seal;
pub(crate) mod service;
pub(crate) mod sign_up;
pub(crate) mod store;
