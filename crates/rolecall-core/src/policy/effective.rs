use std::sync::Arc;

use super::{compiled::Compiled, set::PermissionSet};
use crate::Permission;

/// What some roles give together, under one policy: ready to be asked many times.
///
/// A question costs one look-up of the permission's name and one in a set of numbers, whatever the size of
/// the policy and however many roles there were. Made by [`Policy::effective`](crate::Policy::effective).
#[derive(Clone, Debug, Default)]
pub struct Effective {
    compiled: Arc<Compiled>,
    set: PermissionSet,
}

impl Effective {
    pub(super) fn new(compiled: Arc<Compiled>, set: PermissionSet) -> Self {
        Self { compiled, set }
    }

    /// Whether `permission` is given. A name that the policy does not know is not.
    #[must_use]
    pub fn allows(&self, permission: &str) -> bool {
        self.compiled
            .permission_id(permission)
            .is_some_and(|id| self.set.contains(id))
    }

    /// All that is given, in the order of the names.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        let ids = self.set.ids().into_iter();
        ids.filter_map(|id| self.compiled.permission(id))
    }

    /// How many permissions are given.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.len() == 0
    }
}
