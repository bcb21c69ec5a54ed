//! For the tests of an application: an issuer in memory, and the access matrix as a file.

mod issuer;
mod matrix;

pub use issuer::{TestIssuer, TestToken};
pub use matrix::assert_access_matrix;
