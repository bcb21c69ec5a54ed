//! The pure part of rolecall: names, policy, decisions, floors, claims and the delegation limit.
//!
//! Nothing in this crate does I/O, reads a clock or draws random numbers; callers pass the time in as a [`Timestamp`].
//! Every rule can therefore be tested in microseconds, and it behaves the same in the server and in the guard of an
//! application.
//!
//! - [`RoleName`], [`Permission`] and the other names parse and validate text.
//! - [`PolicyBuilder`] collects roles, permissions, the hierarchy and [`Constraint`]s; [`Policy`] answers queries.
//! - [`Policy::decide`] decides for the [`RoleAssignment`]s of a subject, and explains its decision.
//! - [`Authority`] limits which roles and permissions a caller may give to others.
//! - [`Floors`] refuse tokens that were issued before something was revoked.
//! - `document` (feature `document`) reads, compares and tests policies in TOML.

mod acr;
mod approval;
mod assignment;
mod authority;
pub mod builtin;
mod claims;
mod concurrent;
mod constraint;
mod decision;
#[cfg(feature = "document")]
pub mod document;
mod floors;
mod names;
mod policy;
mod revision;
mod separation;
mod text;
mod time;

pub use acr::{Acr, ParseAcrError};
pub use approval::UnapprovedRole;
pub use assignment::{AssignmentStatus, RoleAssignment, counts_in_tenant};
pub use authority::{Authority, Excess};
pub use claims::{AccessClaims, Audience, GlobalClaims, SubjectKind};
pub use constraint::{
    Constraint, ConstraintError, ConstraintKind, ConstraintScope, MAX_CONSTRAINTS,
};
pub use decision::{
    Decision, Derivation, InactiveAssignment, InactiveReason, Need, Question, Shortfall,
};
pub use floors::{Floor, FloorKind, Floors, TokenFacts};
pub use names::{
    ConstraintName, ParseNameError, ParsePermissionError, Permission, PermissionPattern,
    RESERVED_PREFIX, RoleName, TenantName, is_name, is_permission,
};
pub use policy::{Effective, Policy, PolicyBuilder, PolicyError, PolicySize, RoleRules};
pub use revision::Revision;
pub use separation::{Breach, first_breach};
pub use text::is_unprintable;
pub use time::Timestamp;
