#![doc = include_str!("../README.md")]

mod accounts;
pub mod casbin;
mod graph;
mod imported;
pub mod keycloak;
mod names;
mod note;
mod people;
mod source;
#[cfg(test)]
mod test_rules;
pub mod users;

pub use accounts::{AccountName, AccountRules};
pub use imported::{ImportOptions, Imported, Person};
pub use note::{ImportError, Note};
pub use source::{Location, Source};
