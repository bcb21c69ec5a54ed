//! Tools for the tests of an application: an issuer in memory, and a test of the access matrix.

mod data;
mod issuer;
mod matrix;
mod policy;
mod tickets;
mod token;

pub use issuer::TestIssuer;
pub use matrix::assert_access_matrix;
pub use policy::{assert_access_matrix_with, read_policy};
pub use rolecall_core::document;
pub use token::TestToken;
