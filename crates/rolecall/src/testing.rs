//! Tools for the tests of an application: an issuer in memory, and a test of the access matrix.

#[cfg(feature = "axum")]
mod data;
mod issuer;
mod matrix;
mod policy;
#[cfg(feature = "remote")]
mod script;
#[cfg(feature = "axum")]
mod tickets;
mod token;

pub use issuer::TestIssuer;
#[cfg(feature = "axum")]
pub use matrix::assert_access_matrix;
pub use matrix::{CellAnswer, CellRequest};
#[cfg(feature = "axum")]
pub use policy::assert_access_matrix_with;
pub use policy::read_policy;
pub use rolecall_core::document;
#[cfg(feature = "remote")]
pub use script::ScriptedIssuer;
pub use token::TestToken;
