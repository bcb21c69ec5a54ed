//! placeholder

pub mod token;
