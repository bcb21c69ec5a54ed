//! Decisions with their reasons: who may do what, by which assignment, role and inheritance, or what is lacking.

mod givers;
pub(crate) mod handlers;
pub(crate) mod receipt;
pub(crate) mod service;
pub(crate) mod step;
