//! The data of a user, for the user: events, and everything in one document.

pub(crate) mod export;
pub(crate) mod handlers;
pub(crate) mod service;
pub(crate) mod views;
