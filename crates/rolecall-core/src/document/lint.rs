use std::collections::{BTreeMap, BTreeSet};

use super::{Document, RoleEntry, Step, lint_duties};
use crate::{Permission, PermissionPattern, Policy, RoleName};

/// What kind of thing [`lint`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A permission that no role gives.
    UnusedPermission,
    /// A role that nobody has, and that nobody's role inherits.
    UnreachedRole,
    /// A grant that a wildcard of the same role or a junior gives already.
    RedundantGrant,
    /// A junior that another junior inherits already.
    RedundantInheritance,
    /// Roles that give the same.
    EqualRoles,
    /// A role that gives everything.
    AllPowerful,
    /// A constraint that nobody can break without breaking another.
    IdleConstraint,
    /// A role that inherits more than a constraint allows to anybody.
    BlockedRole,
}

impl FindingKind {
    /// The same as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnusedPermission => "unused-permission",
            Self::UnreachedRole => "unreached-role",
            Self::RedundantGrant => "redundant-grant",
            Self::RedundantInheritance => "redundant-inheritance",
            Self::EqualRoles => "equal-roles",
            Self::AllPowerful => "all-powerful",
            Self::IdleConstraint => "idle-constraint",
            Self::BlockedRole => "blocked-role",
        }
    }
}

/// Something that is no fault and may yet be none of what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// What it is about.
    pub path: Vec<Step>,
    /// What was found.
    pub message: String,
}

/// Looks for what may not be meant. `assigned` are the roles that somebody has: where they are not known,
/// nothing is said about roles that nobody reaches.
#[must_use]
pub fn lint(
    document: &Document,
    policy: &Policy,
    assigned: Option<&BTreeSet<RoleName>>,
) -> Vec<Finding> {
    let mut linter = Linter {
        document,
        policy,
        findings: Vec::new(),
    };
    linter.unused_permissions();
    for (role, entry) in &document.roles {
        linter.redundant_grants(role, entry);
        linter.redundant_inheritance(role, entry);
    }
    if let Some(assigned) = assigned {
        linter.unreached_roles(assigned);
    }
    linter.alike();
    linter
        .findings
        .extend(lint_duties::findings(document, policy));
    linter.findings
}

struct Linter<'d> {
    document: &'d Document,
    policy: &'d Policy,
    findings: Vec<Finding>,
}

impl Linter<'_> {
    fn find(&mut self, kind: FindingKind, path: Vec<Step>, message: String) {
        self.findings.push(Finding {
            kind,
            path,
            message,
        });
    }

    fn unused_permissions(&mut self) {
        let held: BTreeSet<&PermissionPattern> = self
            .document
            .roles
            .values()
            .flat_map(|entry| &entry.permissions)
            .collect();
        for permission in self.document.permissions.keys() {
            let wildcard = format!("{}:*", permission.object());
            if !held
                .iter()
                .any(|held| held.as_str() == permission.as_str() || held.as_str() == wildcard)
            {
                let path = vec!["permissions".into(), permission.as_str().into()];
                let message = format!("no role holds permission `{permission}`");
                self.find(FindingKind::UnusedPermission, path, message);
            }
        }
    }

    fn redundant_grants(&mut self, role: &RoleName, entry: &RoleEntry) {
        let below = self.policy.effective(&entry.juniors);
        let patterns = self.policy.patterns_of(&entry.juniors);
        for pattern in &entry.permissions {
            let already = match pattern.as_permission() {
                Some(permission) if below.allows(permission.as_str()) => {
                    Some(self.junior_giving(entry, &permission))
                }
                Some(permission) => {
                    let wildcard = format!("{}:*", permission.object());
                    let has = entry.permissions.contains(wildcard.as_str());
                    has.then(|| format!("`{wildcard}`, which the role holds too"))
                }
                // who inherits today's permissions of an object does not inherit tomorrow's
                None => patterns.contains(pattern).then(|| "a junior".to_owned()),
            };
            if let Some(already) = already {
                let path = vec!["roles".into(), role.as_str().into(), "permissions".into()];
                let message =
                    format!("role `{role}` need not hold `{pattern}`: it is given by {already}");
                self.find(FindingKind::RedundantGrant, path, message);
            }
        }
    }

    fn junior_giving(&self, entry: &RoleEntry, permission: &Permission) -> String {
        let mut juniors = entry.juniors.iter();
        let giving = juniors.find(|junior| self.policy.derivation(junior, permission).is_some());
        giving.map_or_else(String::new, |junior| format!("junior `{junior}`"))
    }

    fn redundant_inheritance(&mut self, role: &RoleName, entry: &RoleEntry) {
        for junior in &entry.juniors {
            let mut others = entry.juniors.iter().filter(|other| *other != junior);
            let way = others.find_map(|other| self.policy.path(other, junior));
            if let Some(way) = way {
                let way: Vec<&str> = way.iter().map(RoleName::as_str).collect();
                let path = vec!["roles".into(), role.as_str().into(), "juniors".into()];
                let message = format!(
                    "role `{role}` need not inherit `{junior}`: it does by {role} -> {}",
                    way.join(" -> ")
                );
                self.find(FindingKind::RedundantInheritance, path, message);
            }
        }
    }

    fn unreached_roles(&mut self, assigned: &BTreeSet<RoleName>) {
        let reached = self.policy.closure(assigned);
        for role in self
            .document
            .roles
            .keys()
            .filter(|role| !reached.contains(*role))
        {
            let path = vec!["roles".into(), role.as_str().into()];
            let message = format!("nobody has role `{role}` or one that inherits it");
            self.find(FindingKind::UnreachedRole, path, message);
        }
    }

    fn alike(&mut self) {
        let mut by_content: BTreeMap<Vec<String>, Vec<&RoleName>> = BTreeMap::new();
        let all = self.document.permissions.len();
        let mut powerful = Vec::new();
        for role in self.document.roles.keys() {
            let given = self.policy.effective([role]);
            let own = given
                .permissions()
                .filter(|permission| !permission.is_reserved());
            if all > 1 && own.count() == all {
                powerful.push(role.clone());
            }
            if !given.is_empty() {
                let content = given.permissions().map(ToString::to_string).collect();
                by_content.entry(content).or_default().push(role);
            }
        }
        for role in powerful {
            let path = vec!["roles".into(), role.as_str().into()];
            let message = format!("role `{role}` gives every permission there is");
            self.find(FindingKind::AllPowerful, path, message);
        }
        for roles in by_content.into_values() {
            let Some((first, others)) = roles.split_first() else {
                continue;
            };
            let related = |other: &&&RoleName| {
                self.policy.path(first, other).is_some() || self.policy.path(other, first).is_some()
            };
            let equal: Vec<&RoleName> = others
                .iter()
                .filter(|other| !related(other))
                .copied()
                .collect();
            for role in equal {
                let path = vec!["roles".into(), role.as_str().into()];
                let message = format!("roles `{first}` and `{role}` give the same");
                self.find(FindingKind::EqualRoles, path, message);
            }
        }
    }
}
