//! Refusals that carry more than a text.

use rolecall_core::{Breach, ConstraintKind, RoleName, TenantName};
use serde::Serialize;

/// The `rule` member of a refusal by a constraint.
pub(crate) const SEPARATION_OF_DUTIES: &str = "separation_of_duties";

/// Somebody who would have, or has active, too many roles of a constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ViolatingSubject {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<TenantName>,
}

/// A refusal by a constraint: the first breach, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Separation {
    pub(crate) breach: Breach,
    pub(crate) subjects: Vec<ViolatingSubject>,
    /// There are more than are named.
    pub(crate) more: bool,
}

impl Separation {
    /// The same for a reader who may not know who has which role.
    pub(crate) fn without_names(mut self) -> Self {
        self.subjects.clear();
        self.more = false;
        // the path begins with a role that a user has
        self.breach.path.clear();
        self
    }
}

impl std::fmt::Display for Separation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let breach = &self.breach;
        let verb = match breach.kind {
            ConstraintKind::Static => "would have",
            ConstraintKind::Dynamic => "has active",
        };
        let names = self.subjects.iter().map(|one| match &one.tenant {
            Some(tenant) => format!("`{}` (in tenant `{tenant}`)", one.name),
            None => format!("`{}`", one.name),
        });
        let mut names = names.collect::<Vec<_>>().join(", ");
        if names.is_empty() {
            "somebody".clone_into(&mut names);
        }
        let more = if self.more { " and others" } else { "" };
        let roles: Vec<&str> = breach.roles.iter().map(RoleName::as_str).collect();
        write!(
            f,
            "constraint `{}` allows at most {} of its roles together: {names}{more} {verb} {}",
            breach.constraint,
            breach.at_most,
            roles.join(", ")
        )?;
        let path: Vec<&str> = breach.path.iter().map(RoleName::as_str).collect();
        if path.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", path.join(" -> "))
        }
    }
}
