#![doc = include_str!("../README.md")]

mod answer;
mod assertion;
mod authenticator_data;
mod cbor;
mod challenge;
mod client_data;
mod cose;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod options;
mod refusal;
mod registration;
mod relying_party;
#[cfg(any(test, fuzzing, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use assertion::{Assertion, Passkey, Verified};
pub use challenge::Challenge;
pub use options::{Credential, User, UserVerification};
pub use refusal::Refusal;
pub use registration::NewPasskey;
pub use relying_party::{RelyingParty, UnusableOrigin};
