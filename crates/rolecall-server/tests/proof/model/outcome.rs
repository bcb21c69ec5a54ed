//! The correct outcome of a command.

use std::{collections::BTreeSet, fmt};

use crate::command::Name;

/// The correct outcome of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Success, with this status.
    Done(u16),
    /// A refusal. If there are several reasons, the implementation may name any of them.
    Refused(BTreeSet<Refusal>),
}

/// A reason to refuse a command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The member `rule` of a problem, or `error` of OAuth.
    pub(crate) rule: Option<Name>,
    /// The names that the rule reports: what is lacking, or what conflicts.
    pub(crate) names: Vec<Name>,
}

impl Refusal {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            rule: None,
            names: Vec::new(),
        }
    }

    pub(crate) fn rule(status: u16, rule: &str) -> Self {
        Self {
            rule: Some(rule.to_owned()),
            ..Self::status(status)
        }
    }

    pub(crate) fn naming(status: u16, rule: &str, names: impl IntoIterator<Item = Name>) -> Self {
        Self {
            names: names.into_iter().collect(),
            ..Self::rule(status, rule)
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(BTreeSet::from([refusal]))
    }
}

impl Outcome {
    /// The outcome without the names of users, for a caller who may not see assignments.
    pub(super) fn without_names(self) -> Self {
        let Self::Refused(any) = self else {
            return self;
        };
        let without_people = any.into_iter().map(|mut refusal| {
            if let Some(at) = refusal.names.iter().position(|name| name == "of") {
                refusal.names.truncate(at + 1);
            }
            refusal
        });
        Self::Refused(without_people.collect())
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(rule) = &self.rule {
            write!(f, " {rule}")?;
        }
        if !self.names.is_empty() {
            write!(f, " ({})", self.names.join(" "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(status) => write!(f, "{status}"),
            Self::Refused(any) => {
                let any: Vec<String> = any.iter().map(ToString::to_string).collect();
                f.write_str(&any.join(" or "))
            }
        }
    }
}
