//! Decisions with their reasons: the assignment, role and inheritance that give a permission, or what is missing.

mod case;
mod givers;
pub(crate) mod handlers;
pub(crate) mod receipt;
pub(crate) mod service;
pub(crate) mod step;
