//! A policy as one document: permissions, roles, constraints and tests, written in TOML.
//!
//! [`Document::parse`] reads TOML and reports every fault with line and column. [`Document::check`] does the same for a
//! document from any other format that serde reads. A document defines an application's own names. Its roles may hold
//! and inherit reserved names (`rolecall.users:read`, role `rolecall.admin`), but a document cannot define or change
//! them.
//!
//! ```
//! use rolecall_core::document::Document;
//!
//! let parsed = Document::parse(r#"
//! [permissions]
//! "items:read" = "see items"
//!
//! [roles.reader]
//! permissions = ["items:*"]
//! "#).unwrap();
//! let policy = parsed.document.policy()?;
//! assert!(policy.effective([&"reader".parse()?]).allows("items:read"));
//!
//! let errors = Document::parse("[roles.reader]\npermissions = [\"items:read\"]").unwrap_err();
//! assert_eq!(
//!     errors.to_string(),
//!     "line 2, column 16: permission `items:read` does not exist; define it under [permissions]"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`diff`] compares two documents, [`run_tests`] runs the tests of one, [`lint`](fn@lint) finds what is probably not
//! intended, and [`generate_rust`] and [`generate_typescript`] write its names as code.

mod check;
mod diff;
mod effects;
mod error;
mod expectation;
mod finding;
mod generate;
mod lint;
mod lint_separation;
mod model;
mod node;
mod parse;
mod position;
mod read;
mod times;
mod weight;
mod write;

pub use diff::{PolicyChange, diff};
pub use effects::{EffectSummary, PolicyComparison, RoleEffect, affected_roles, role_effects};
pub use error::{DocumentError, DocumentErrors};
pub use expectation::{TestFailure, UserAssignments, run_tests};
pub use finding::{Finding, FindingKind};
pub use generate::{generate_rust, generate_typescript};
pub use lint::lint;
pub use model::{Document, Expectation, MAX_DESCRIPTION, RoleEntry, TestSubject};
pub use node::UncheckedDocument;
pub use parse::ParsedDocument;
pub use position::{Position, Positions, Step};
pub use times::{format_time, parse_time};
pub use weight::ParseLimit;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
