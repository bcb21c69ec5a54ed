//! A policy as one document: permissions, roles, juniors, constraints and what is expected of them.
//!
//! [`Document::parse`] reads TOML and tells every fault with line and column; [`Document::check`] takes the
//! same from any format that serde reads. A document speaks of an application's own names: rolecall's own
//! (`rolecall.users:read`, the role `rolecall.admin`) may be mentioned by roles, but not made or changed.
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
//! assert!(errors.to_string().starts_with("line 2, column 16: there is no permission `items:read`"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod diff;
mod effects;
mod error;
mod expectations;
mod generate;
mod lint;
mod lint_duties;
mod node;
mod place;
mod read;
mod times;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use diff::{Change, diff};
pub use effects::{RoleEffect, affected_roles, effects};
pub use error::{DocumentError, DocumentErrors};
pub use expectations::{Facts, Failure, run};
pub use generate::{rust, typescript};
pub use lint::{Finding, FindingKind, lint};
pub use node::Unchecked;
pub use place::{Places, Position, Step};

use crate::{
    Constraint, ConstraintName, Permission, PermissionPattern, Policy, PolicyError, RoleName,
    RoleRules, TenantName, Timestamp, builtin,
};

/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 500;

/// The rules of an application, who holds what left aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Document {
    /// What can be permitted, and what each is for.
    pub permissions: BTreeMap<Permission, String>,
    /// The roles.
    pub roles: BTreeMap<RoleName, RoleEntry>,
    /// Roles that may not come together.
    pub constraints: BTreeMap<ConstraintName, Constraint>,
    /// What is expected of all this.
    pub tests: Vec<Expectation>,
}

/// A role: what it is for, what it holds itself and whom it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoleEntry {
    /// What it is for.
    pub description: String,
    /// The permissions and wildcards that it holds itself.
    pub permissions: BTreeSet<PermissionPattern>,
    /// The roles that it inherits directly.
    pub juniors: BTreeSet<RoleName>,
    /// Whether a second person must confirm that somebody is given it.
    pub approval: bool,
}

impl RoleEntry {
    /// The same without its description, as a policy has it.
    #[must_use]
    pub fn rules(&self) -> RoleRules {
        RoleRules {
            permissions: self.permissions.clone(),
            juniors: self.juniors.clone(),
            approval: self.approval,
        }
    }
}

/// Whom an expectation is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Whoever has this role and no other.
    Role(RoleName),
    /// A user by name, with the roles that they have.
    User(String),
}

/// What somebody is expected to be able to do, and what not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// Whom it is about.
    #[serde(flatten)]
    pub who: Who,
    /// In which tenant; only for a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantName>,
    /// At what time, else now; only for a user.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "times::serialize"
    )]
    pub at: Option<Timestamp>,
    /// What must be permitted.
    pub can: Vec<Permission>,
    /// What must not be permitted.
    pub cannot: Vec<Permission>,
}

/// A document without faults, and where what stands in it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The document.
    pub document: Document,
    /// Lines and columns; empty where the format gave none.
    pub places: Places,
}

impl Document {
    /// Reads a document written in TOML.
    ///
    /// # Errors
    ///
    /// Every fault, in the order of the text.
    pub fn parse(text: &str) -> Result<Parsed, DocumentErrors> {
        Self::check(&Unchecked::from_toml(text)?)
    }

    /// Takes a document from another format.
    ///
    /// # Errors
    ///
    /// Every fault; each says which member it is about.
    pub fn check(unchecked: &Unchecked) -> Result<Parsed, DocumentErrors> {
        let mut faults = error::Faults::default();
        let read = read::document(unchecked.node(), &mut faults);
        let places = unchecked.places();
        check::names(&read, &mut faults);
        check::cycles(&read, &mut faults);
        faults.finish(&places)?;
        Ok(Parsed {
            document: read.document,
            places,
        })
    }

    /// The same rules, compiled, with rolecall's own.
    ///
    /// # Errors
    ///
    /// If the document names what does not exist, or has a cycle: never for one that was parsed.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let mut rules = builtin::rules();
        for permission in self.permissions.keys() {
            rules.permission(permission.clone());
        }
        for (role, entry) in &self.roles {
            rules.set_role(role.clone(), entry.rules());
        }
        for (name, constraint) in &self.constraints {
            rules.constraint(name.clone(), constraint.clone());
        }
        rules.build()
    }

    /// The names of its roles, in order.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(RoleName::as_str)
    }

    /// The document in TOML: always the same text for the same document, and one that [`parse`](Self::parse)
    /// reads as the same document again.
    #[must_use]
    pub fn to_toml(&self) -> String {
        write::toml(self)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
