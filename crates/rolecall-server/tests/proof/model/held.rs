//! Who holds what.

use super::{Key, Model, Names, Times};
use crate::command::Name;

/// Roles that count for a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// What global assignments give, with all that is inherited.
    pub(crate) global: Names,
    /// What those in the tenant give.
    pub(crate) local: Names,
}

/// Whether a name is rolecall's own.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with("rolecall.")
}

/// Whether a permission or wildcard counts where a role is held in a tenant.
pub(crate) fn counts_locally(pattern: &str) -> bool {
    !is_own(pattern) || pattern.starts_with("rolecall.assignments:")
}

/// The object of a permission or wildcard.
pub(crate) fn object_of(pattern: &str) -> &str {
    pattern.split(':').next().unwrap_or_default()
}

/// Whether a permission or wildcard gives a permission.
pub(crate) fn covers(pattern: &str, permission: &str) -> bool {
    pattern == permission
        || (pattern.ends_with(":*") && object_of(pattern) == object_of(permission))
}

impl Counted {
    /// The roles that somebody counts as one of.
    pub(crate) fn roles(&self) -> Names {
        let local = self.local.iter().filter(|role| !is_own(role));
        self.global.iter().chain(local).cloned().collect()
    }
}

impl Model {
    /// Roles with all that they inherit.
    pub(crate) fn below<'a>(&self, roles: impl IntoIterator<Item = &'a Name>) -> Names {
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

    /// What roles hold themselves.
    pub(crate) fn patterns_of(&self, roles: &Names) -> Names {
        let grants = self.grants.iter();
        let theirs = grants.filter(|(role, _)| roles.contains(role));
        theirs.map(|(_, pattern)| pattern.clone()).collect()
    }

    /// The permissions that patterns give.
    pub(crate) fn expand(&self, patterns: &Names) -> Names {
        let given = |permission: &&Name| patterns.iter().any(|one| covers(one, permission));
        self.permissions.iter().filter(given).cloned().collect()
    }

    /// The roles that the assignments give which `counts` lets count.
    pub(crate) fn counted(
        &self,
        user: usize,
        tenant: Option<&str>,
        counts: impl Fn(Times) -> bool,
    ) -> Counted {
        let roles = |wanted: Option<&str>| {
            let of = |key: &Key| key.tenant.as_deref() == wanted;
            let given = self.assignments_of(user);
            let given = given.filter(|(key, times)| of(key) && counts(*times));
            let names: Names = given.map(|(key, _)| key.role.clone()).collect();
            self.below(&names)
        };
        Counted {
            global: roles(None),
            local: tenant.map(|tenant| roles(Some(tenant))).unwrap_or_default(),
        }
    }

    /// What somebody has now, for a tenant or for none.
    pub(crate) fn counted_now(&self, user: usize, tenant: Option<&str>) -> Counted {
        self.counted(user, tenant, |times| times.counts(self.now))
    }

    /// The permissions that counted roles give.
    pub(crate) fn permissions_of(&self, counted: &Counted) -> Names {
        let mut patterns = self.patterns_of(&counted.global);
        let local = self.patterns_of(&counted.local).into_iter();
        patterns.extend(local.filter(|pattern| counts_locally(pattern)));
        self.expand(&patterns)
    }

    /// Whether somebody holds a permission, or `role:NAME`, whatever their status.
    pub(crate) fn holds(&self, user: usize, need: &str, tenant: Option<&str>) -> bool {
        let counted = self.counted_now(user, tenant);
        match need.strip_prefix("role:") {
            Some(role) => counted.roles().contains(role),
            None => self.permissions_of(&counted).contains(need),
        }
    }

    /// Whether a role gives a permission or is one of a role, wherever it is held.
    pub(crate) fn gives(&self, role: &Name, need: &str) -> bool {
        let below = self.below([role]);
        match need.strip_prefix("role:") {
            Some(wanted) => below.contains(wanted),
            None => self.expand(&self.patterns_of(&below)).contains(need),
        }
    }

    /// Whether there is such a permission or role.
    pub(crate) fn knows(&self, need: &str) -> bool {
        match need.strip_prefix("role:") {
            Some(role) => self.roles.contains(role),
            None => self.permissions.contains(need),
        }
    }

    /// Whether a pattern names something that is there.
    pub(crate) fn has_any(&self, pattern: &str) -> bool {
        self.permissions.iter().any(|one| covers(pattern, one))
    }
}
