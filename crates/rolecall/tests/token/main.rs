//! Attacks on tokens and key sets, published test vectors, and a comparison with another library.
//!
//! The modules are marked as tests so that lints allow their helpers to panic.

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
