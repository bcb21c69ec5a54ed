//! The pure part of rolecall: names, policy, decisions, floors, claims and the delegation limit.
//!
//! Nothing here does I/O, reads a clock or draws a random number: time is a [`Timestamp`] that the
//! caller passes in. That keeps every rule testable in microseconds and identical wherever it runs,
//! in the server and in the guard of an application.

mod approval;
mod assignment;
mod authority;
pub mod builtin;
mod claims;
mod decision;
#[cfg(feature = "document")]
pub mod document;
mod floors;
mod holding;
mod names;
mod policy;
mod separation;
mod time;

pub use approval::Unapproved;
pub use assignment::{RoleAssignment, Standing, counts_in_tenant};
pub use authority::{Authority, Excess};
pub use claims::{AccessClaims, Audience, SubjectKind};
pub use decision::{Cause, Decision, Derivation, Lost, Need, Question, Shortfall};
pub use floors::{Floor, FloorKind, Floors, TokenFacts};
pub use names::{
    ConstraintName, ParseNameError, ParsePermissionError, Permission, PermissionPattern,
    RESERVED_PREFIX, RoleName, TenantName, is_name, is_permission,
};
pub use policy::{Effective, Policy, PolicyBuilder, PolicyError, RoleRules};
pub use separation::{
    Breach, Constraint, ConstraintError, ConstraintKind, MAX_CONSTRAINTS, first_breach,
};
pub use time::Timestamp;

/// A revision: the number that orders every change of policy, assignment, subject or key.
///
/// Starts at 0 in an empty database and rises by one with each change.
pub type Revision = i64;
