//! The `scope` parameter (RFC 6749 section 3.3) as a client sends it.

use std::collections::BTreeSet;

use rolecall_core::{Permission, RoleName};

use super::error::TokenError;
use crate::store::StoreError;

const MAX_SCOPE_VALUES: usize = 1000;

/// A scope as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestedScope {
    pub(crate) text: String,
    pub(crate) roles: BTreeSet<RoleName>,
    pub(super) permissions: BTreeSet<Permission>,
}

impl RequestedScope {
    /// Reads a scope (RFC 6749 section 3.3): values separated by single spaces.
    pub(crate) fn parse(text: &str) -> Result<Self, TokenError> {
        if text.split(' ').count() > MAX_SCOPE_VALUES {
            return Err(TokenError::InvalidScope(
                "the scope names too much".to_owned(),
            ));
        }
        Self::parse_any(text).ok_or_else(|| {
            TokenError::InvalidScope(
                "the scope is not a list of role:NAME and object:operation".to_owned(),
            )
        })
    }

    /// The same for a scope that was checked when it was stored.
    pub(crate) fn parse_any(text: &str) -> Option<Self> {
        let mut asked = Self {
            text: text.to_owned(),
            ..Self::default()
        };
        for value in text.split(' ') {
            match value.strip_prefix("role:") {
                Some(role) => asked.roles.insert(role.parse().ok()?),
                None => asked.permissions.insert(value.parse().ok()?),
            };
        }
        Some(asked)
    }

    /// Reads a scope that was stored with a session or a client.
    ///
    /// # Errors
    ///
    /// If it cannot be read: without it, a token would carry everything.
    pub(crate) fn stored(text: Option<&str>) -> Result<Option<Self>, StoreError> {
        let unreadable = || StoreError::inconsistent("a scope that cannot be read");
        let parsed = text.map(|text| Self::parse_any(text).ok_or_else(unreadable));
        parsed.transpose()
    }

    /// Returns `true` if tokens under the ceiling `other` carry everything that they carry under this one.
    ///
    /// A ceiling without roles lets no role pass, and the permissions of all; one without permissions lets all of its
    /// roles' pass.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let roles =
            self.roles.is_empty() == other.roles.is_empty() && self.roles.is_subset(&other.roles);
        let permissions = other.permissions.is_empty()
            || (!self.permissions.is_empty() && self.permissions.is_subset(&other.permissions));
        roles && permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y250_a_stored_scope_that_cannot_be_read_is_no_missing_one() {
        assert_eq!(RequestedScope::stored(None).unwrap(), None);
        let read = RequestedScope::stored(Some("role:editor items:read")).unwrap();
        assert_eq!(read, RequestedScope::parse_any("role:editor items:read"));
        for text in ["", "role:", "items", "role:editor  items:read"] {
            assert!(RequestedScope::stored(Some(text)).is_err(), "{text:?}");
        }
    }
}
