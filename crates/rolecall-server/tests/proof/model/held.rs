//! The roles and permissions that users hold.

use super::{Key, Model, Names, Times};
use crate::command::Name;

/// Roles that count for a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The roles of global assignments, with all that they inherit.
    pub(crate) global: Names,
    /// The roles of assignments in the tenant, with all that they inherit.
    pub(crate) local: Names,
}

/// Returns whether a name is built-in.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with("rolecall.")
}

/// Returns whether a permission or wildcard counts if its role is held in a tenant.
pub(crate) fn counts_locally(pattern: &str) -> bool {
    !is_own(pattern) || pattern.starts_with("rolecall.assignments:")
}

/// The object of a permission or wildcard.
pub(crate) fn object_of(pattern: &str) -> &str {
    pattern.split(':').next().unwrap_or_default()
}

/// Returns whether a permission or wildcard covers a permission.
pub(crate) fn covers(pattern: &str, permission: &str) -> bool {
    pattern == permission
        || (pattern.ends_with(":*") && object_of(pattern) == object_of(permission))
}

impl Counted {
    /// The names of the roles that count. Built-in roles do not count by name in a tenant.
    pub(crate) fn roles(&self) -> Names {
        let local = self.local.iter().filter(|role| !is_own(role));
        self.global.iter().chain(local).cloned().collect()
    }
}

impl Model {
    /// Roles with all that they inherit.
    pub(crate) fn closure<'a>(&self, roles: impl IntoIterator<Item = &'a Name>) -> Names {
        let known = roles.into_iter().filter(|role| self.roles.contains(*role));
        let mut found: Names = known.cloned().collect();
        loop {
            let edges = self.juniors.iter();
            let next: Names = edges
                .filter(|(senior, _)| found.contains(senior))
                .map(|(_, junior)| junior.clone())
                .collect();
            let before = found.len();
            found.extend(next);
            if found.len() == before {
                return found;
            }
        }
    }

    /// The permissions and wildcards that roles hold directly.
    pub(crate) fn patterns_of(&self, roles: &Names) -> Names {
        let grants = self.grants.iter();
        let theirs = grants.filter(|(role, _)| roles.contains(role));
        theirs.map(|(_, pattern)| pattern.clone()).collect()
    }

    /// The permissions that patterns cover.
    pub(crate) fn expand(&self, patterns: &Names) -> Names {
        let is_covered = |permission: &&Name| patterns.iter().any(|one| covers(one, permission));
        self.permissions
            .iter()
            .filter(is_covered)
            .cloned()
            .collect()
    }

    /// The roles of the assignments that `counts` accepts.
    pub(crate) fn counted(
        &self,
        user: usize,
        tenant: Option<&str>,
        counts: impl Fn(Times) -> bool,
    ) -> Counted {
        let roles = |target: Option<&str>| {
            let of = |key: &Key| key.tenant.as_deref() == target;
            let assignments = self.assignments_of(user);
            let assignments = assignments.filter(|(key, times)| of(key) && counts(*times));
            let names: Names = assignments.map(|(key, _)| key.role.clone()).collect();
            self.closure(&names)
        };
        Counted {
            global: roles(None),
            local: tenant.map(|tenant| roles(Some(tenant))).unwrap_or_default(),
        }
    }

    /// The roles that count now, in a tenant or globally.
    pub(crate) fn counted_now(&self, user: usize, tenant: Option<&str>) -> Counted {
        self.counted(user, tenant, |times| times.counts(self.now))
    }

    /// The permissions of counted roles.
    pub(crate) fn permissions_of(&self, counted: &Counted) -> Names {
        let mut patterns = self.patterns_of(&counted.global);
        let local = self.patterns_of(&counted.local).into_iter();
        patterns.extend(local.filter(|pattern| counts_locally(pattern)));
        self.expand(&patterns)
    }

    /// Returns whether a user holds a permission or `role:NAME`, whatever their status.
    pub(crate) fn holds(&self, user: usize, need: &str, tenant: Option<&str>) -> bool {
        let counted = self.counted_now(user, tenant);
        match need.strip_prefix("role:") {
            Some(role) => counted.roles().contains(role),
            None => self.permissions_of(&counted).contains(need),
        }
    }

    /// Returns whether a role leads to a permission or `role:NAME`, wherever it is held.
    pub(crate) fn gives(&self, role: &Name, need: &str) -> bool {
        let below = self.closure([role]);
        match need.strip_prefix("role:") {
            Some(target) => below.contains(target),
            None => self.expand(&self.patterns_of(&below)).contains(need),
        }
    }

    /// Returns whether a permission or role exists.
    pub(crate) fn knows(&self, need: &str) -> bool {
        match need.strip_prefix("role:") {
            Some(role) => self.roles.contains(role),
            None => self.permissions.contains(need),
        }
    }

    /// Returns whether a pattern covers an existing permission.
    pub(crate) fn matches_any(&self, pattern: &str) -> bool {
        self.permissions.iter().any(|one| covers(pattern, one))
    }
}
