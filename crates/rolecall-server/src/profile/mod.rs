//! Profile fields: typed members that an application adds to its users, such as a display name, a department or a plan.
//!
//! The configuration declares them. [`value`] checks a value against its declaration, [`rules`] decides who may read and
//! write, once for every way in, and [`claims`] puts chosen fields into access tokens.

pub(crate) mod claims;
pub(crate) mod declared;
pub(crate) mod field;
pub(crate) mod input;
pub(crate) mod pattern;
pub(crate) mod review;
pub(crate) mod rules;
pub(crate) mod store;
pub(crate) mod stored;
pub(crate) mod value;

pub use field::{FieldAccess, ProfileField};

#[cfg(test)]
mod tests;
