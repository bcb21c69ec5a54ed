//! The `scope` parameter (RFC 6749 section 3.3) as a client sends it.

use std::collections::BTreeSet;

use rolecall_core::{Permission, Policy, RoleName};

use super::error::TokenError;
use crate::store::StoreError;

const MAX_SCOPE_VALUES: usize = 1000;

/// A scope as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestedScope {
    pub(crate) text: String,
    pub(crate) roles: BTreeSet<RoleName>,
    pub(super) permissions: BTreeSet<Permission>,
    /// No role and no permission at all is asked for; without this, empty sets ask for everything.
    pub(super) is_nothing: bool,
    /// Nobody asked for it: what the subject does not hold of it is left out, and not refused.
    pub(super) is_default: bool,
    /// In the ceiling of a token for a resource: the objects whose permissions it carries.
    pub(super) objects: Option<BTreeSet<String>>,
}

impl RequestedScope {
    /// Asks for no role and no permission: a sign-in that only wants to know who somebody is.
    pub(crate) fn nothing() -> Self {
        Self {
            is_nothing: true,
            ..Self::default()
        }
    }

    /// The same as the scope of a request that names none.
    pub(crate) fn into_default(self) -> Self {
        Self {
            is_default: true,
            ..self
        }
    }

    /// The same as the ceiling of a token for a resource with these objects.
    pub(crate) fn for_resource(self, objects: BTreeSet<String>) -> Self {
        Self {
            objects: Some(objects),
            ..self
        }
    }

    /// Returns true for a ceiling that limits neither roles nor permissions.
    pub(super) fn is_everything(&self) -> bool {
        !self.is_nothing && self.roles.is_empty() && self.permissions.is_empty()
    }

    /// Returns true for a ceiling under which tokens carry permissions without the roles that give them.
    pub(super) fn hides_roles(&self) -> bool {
        self.roles.is_empty() && !self.is_everything()
    }

    /// Returns the objects of the resource, for the ceiling of a token for one.
    pub(super) fn objects(&self) -> Option<&BTreeSet<String>> {
        self.objects.as_ref()
    }

    /// Returns true unless this is the ceiling of a token for a resource of which `role` gives no permission.
    pub(super) fn concerns(&self, policy: &Policy, role: &RoleName) -> bool {
        let Some(objects) = &self.objects else {
            return true;
        };
        let given = policy.permissions_of([role]);
        given
            .iter()
            .any(|permission| objects.contains(permission.object()))
    }

    /// Reads the scope of a session as it was stored: empty for [`nothing`](Self::nothing).
    pub(crate) fn parse_stored(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::nothing());
        }
        Self::parse_any(text)
    }

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

    /// Returns the permissions that the scope names.
    pub(crate) fn permissions(&self) -> &BTreeSet<Permission> {
        &self.permissions
    }

    /// Reads the scope that was stored with a session: empty for [`nothing`](Self::nothing).
    ///
    /// # Errors
    ///
    /// As [`stored`](Self::stored).
    pub(crate) fn stored_of_session(text: Option<&str>) -> Result<Option<Self>, StoreError> {
        match text {
            Some("") => Ok(Some(Self::nothing())),
            text => Self::stored(text),
        }
    }

    /// Reads a scope that was stored with a client.
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
