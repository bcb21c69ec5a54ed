//! The feed of revocations, which guards in other processes follow.

pub(crate) mod handlers;
pub(crate) mod service;
mod state;
mod waiting;

pub(crate) use state::Feed;
