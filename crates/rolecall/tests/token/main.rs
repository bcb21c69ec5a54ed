//! Attacks on tokens and key sets, published vectors, and a second opinion.
//!
//! The modules are marked as tests so that their helpers may panic like the tests themselves.

#[cfg(test)]
mod claims;
#[cfg(test)]
mod confusion;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod form;
#[cfg(test)]
mod fuzzed;
#[cfg(test)]
mod header;
#[cfg(test)]
mod key_sets;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod second_opinion;
#[cfg(test)]
mod signature;
#[cfg(test)]
mod support;
#[cfg(test)]
mod vectors;
