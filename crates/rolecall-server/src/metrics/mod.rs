//! Metrics for Prometheus, on a listener of their own.
//!
//! INVARIANT: no label holds data of a request, a person, a role or a token: the values of each label are fixed when
//! the program is compiled or when its routes are mounted.

pub(crate) mod counters;
pub(crate) mod listener;
mod process;
mod report;
pub(crate) mod requests;
pub(crate) mod series;
mod text;

#[cfg(test)]
mod tests;
