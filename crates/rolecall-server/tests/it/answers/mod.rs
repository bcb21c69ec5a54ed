//! The answers that every endpoint gives alike: to whom it does not know, does not let in, or cannot read.

mod access;
mod input;
