//! For the tests of an application: an issuer in memory, and the access matrix as a file.

mod issuer;

pub use issuer::{TestIssuer, TestToken};
