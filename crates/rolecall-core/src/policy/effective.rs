use std::sync::Arc;

use super::{compiled::Compiled, set::PermissionSet};
use crate::Permission;

/// The combined permissions of some roles, returned by [`Policy::effective`](crate::Policy::effective).
///
/// A query costs two look-ups, one of the permission's name and one in a set of numbers, no matter how large the policy
/// is and how many roles there were.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    compiled: Arc<Compiled>,
    set: PermissionSet,
}

impl Effective {
    pub(super) fn new(compiled: Arc<Compiled>, set: PermissionSet) -> Self {
        Self { compiled, set }
    }

    /// Returns true if the roles give `permission`; false for a permission that does not exist.
    #[must_use]
    pub fn allows(&self, permission: &str) -> bool {
        self.compiled
            .permission_id(permission)
            .is_some_and(|id| self.set.contains(id))
    }

    /// Returns the permissions, ordered by name.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        let ids = self.set.ids().into_iter();
        ids.filter_map(|id| self.compiled.permission(id))
    }

    /// Returns the number of permissions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Returns true if the roles give no permission.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.len() == 0
    }
}
