//! What is commonly wrong with an installation, and what to do about it. Looks only; changes nothing.

mod configuration;
mod database;
mod files;
mod system;

use std::fmt;

use crate::config::Config;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// As it should be.
    Good,
    /// Works, and should be otherwise.
    Warning,
    /// Does not work, or not safely.
    Fault,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Fault => "fault",
        })
    }
}

/// What a check found, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    /// What was found, and what to do about it.
    pub(crate) text: String,
}

impl Finding {
    fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, Severity::Good, text)
    }

    fn warning(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, Severity::Warning, text)
    }

    fn fault(check: &'static str, text: impl Into<String>) -> Self {
        Self::of(check, Severity::Fault, text)
    }

    fn of(check: &'static str, severity: Severity, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            check,
            severity,
            text,
        }
    }
}

/// Looks at everything that can be looked at with a configuration that is good in itself.
pub(crate) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = configuration::examine(config);
    findings.extend(system::examine(config).await);
    findings.extend(files::examine(config));
    findings.extend(database::examine(config).await);
    findings
}

#[cfg(test)]
mod tests;
