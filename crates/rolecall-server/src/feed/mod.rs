//! What guards elsewhere need to know within a second.

pub(crate) mod handlers;
pub(crate) mod service;
mod state;

pub(crate) use state::Feed;
