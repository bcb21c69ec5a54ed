//! The policy: roles, permissions, the role hierarchy and constraints, compiled for fast queries.

mod builder;
mod compiled;
mod effective;
mod model;
mod reach;
mod rules;
mod set;
mod size;

pub use builder::PolicyBuilder;
pub use effective::Effective;
pub use model::Policy;
pub use rules::{PolicyError, RoleRules};
pub use size::PolicySize;

#[cfg(test)]
mod tests;
