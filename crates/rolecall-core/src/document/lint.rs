use std::collections::{BTreeMap, BTreeSet};

use super::{
    finding::{Finding, FindingKind},
    lint_separation,
    model::{Document, RoleEntry},
    position::Step,
};
use crate::{Acr, Permission, PermissionPattern, Policy, RoleName};

/// Returns what is valid in `document` but probably not intended.
///
/// `assigned` are the roles that are assigned to some subject. If they are not known, unreached roles are not reported.
///
/// ```
/// use rolecall_core::document::{Document, lint};
///
/// let document = Document::parse("[permissions]\n\"items:read\" = \"\"").unwrap().document;
/// let findings = lint(&document, &document.policy()?, None);
/// assert_eq!(findings[0].message, "no role holds permission `items:read`");
/// # Ok::<(), rolecall_core::PolicyError>(())
/// ```
#[must_use]
pub fn lint(
    document: &Document,
    policy: &Policy,
    assigned: Option<&BTreeSet<RoleName>>,
) -> Vec<Finding> {
    let mut linter = Linter {
        document,
        policy,
        reached: Acr::ALL.map(|acr| {
            let is_whole = policy.is_reached_by(acr);
            let reached = (!is_whole).then(|| policy.reached_by(acr));
            (acr, reached)
        }),
        findings: Vec::new(),
    };
    linter.find_unused_permissions();
    for (role, entry) in &document.roles {
        linter.find_redundant_grants(role, entry);
        linter.find_redundant_inheritance(role, entry);
    }
    if let Some(assigned) = assigned {
        linter.find_unreached_roles(assigned);
    }
    linter.compare_roles();
    linter.find_weaker_roles();
    linter
        .findings
        .extend(lint_separation::findings(document, policy));
    linter.findings
}

struct Linter<'d> {
    document: &'d Document,
    policy: &'d Policy,
    /// The policy as sessions have it that do not reach all of it.
    reached: [(Acr, Option<Policy>); 3],
    findings: Vec<Finding>,
}

impl Linter<'_> {
    fn add(&mut self, kind: FindingKind, path: Vec<Step>, message: String) {
        self.findings.push(Finding {
            kind,
            path,
            message,
        });
    }

    /// Returns the policy as every session has it that has a role with `acr`.
    fn reached_by(&self, acr: Acr) -> &Policy {
        let mut reached = self.reached.iter();
        let found = reached.find(|(level, _)| *level == acr);
        found
            .and_then(|(_, reached)| reached.as_ref())
            .unwrap_or(self.policy)
    }

    fn find_unused_permissions(&mut self) {
        let held: BTreeSet<&str> = self
            .document
            .roles
            .values()
            .flat_map(|entry| &entry.permissions)
            .map(PermissionPattern::as_str)
            .collect();
        for permission in self.document.permissions.keys() {
            let wildcard = format!("{}:*", permission.object());
            if !held.contains(permission.as_str()) && !held.contains(wildcard.as_str()) {
                let path = vec!["permissions".into(), permission.as_str().into()];
                let message = format!("no role holds permission `{permission}`");
                self.add(FindingKind::UnusedPermission, path, message);
            }
        }
    }

    fn find_redundant_grants(&mut self, role: &RoleName, entry: &RoleEntry) {
        // what a junior gives only to stronger sessions replaces nothing
        let policy = self.reached_by(entry.acr);
        let inherited = policy.effective(&entry.juniors);
        let inherited_patterns = policy.patterns_of(&entry.juniors);
        for pattern in &entry.permissions {
            let source = match pattern.as_permission() {
                Some(permission) if inherited.allows(permission.as_str()) => {
                    Some(self.junior_giving(entry, &permission))
                }
                Some(permission) => {
                    let wildcard = format!("{}:*", permission.object());
                    let has_wildcard = entry.permissions.contains(wildcard.as_str());
                    has_wildcard.then(|| format!("`{wildcard}`, which the role also holds,"))
                }
                // a wildcard also covers permissions that are created later, so only the same wildcard replaces it
                None => inherited_patterns
                    .contains(pattern)
                    .then(|| "a junior".to_owned()),
            };
            if let Some(source) = source {
                let path = vec!["roles".into(), role.as_str().into(), "permissions".into()];
                let message =
                    format!("role `{role}` need not hold `{pattern}`: {source} already gives it");
                self.add(FindingKind::RedundantGrant, path, message);
            }
        }
    }

    fn junior_giving(&self, entry: &RoleEntry, permission: &Permission) -> String {
        let mut juniors = entry.juniors.iter();
        let giving = juniors.find(|junior| self.policy.derivation(junior, permission).is_some());
        giving.map_or_else(String::new, |junior| format!("junior `{junior}`"))
    }

    fn find_redundant_inheritance(&mut self, role: &RoleName, entry: &RoleEntry) {
        let policy = self.reached_by(entry.acr);
        let rules = entry.juniors.iter();
        let rules = rules.filter_map(|junior| policy.role(junior.as_str()));
        // without a cycle, a junior that is below the juniors is below another one
        let below = policy.closure(rules.flat_map(|rules| &rules.juniors));
        let redundant: Vec<&RoleName> = entry.juniors.intersection(&below).collect();
        for junior in redundant {
            let mut others = entry.juniors.iter().filter(|other| *other != junior);
            let path = others.find_map(|other| self.reached_by(entry.acr).path(other, junior));
            if let Some(path) = path {
                let names: Vec<&str> = path.iter().map(RoleName::as_str).collect();
                let path = vec!["roles".into(), role.as_str().into(), "juniors".into()];
                let message = format!(
                    "role `{role}` need not inherit `{junior}` directly: it already does through {role} -> {}",
                    names.join(" -> ")
                );
                self.add(FindingKind::RedundantInheritance, path, message);
            }
        }
    }

    fn find_unreached_roles(&mut self, assigned: &BTreeSet<RoleName>) {
        let reached = self.policy.closure(assigned);
        for role in self
            .document
            .roles
            .keys()
            .filter(|role| !reached.contains(*role))
        {
            let path = vec!["roles".into(), role.as_str().into()];
            let message =
                format!("role `{role}` is not assigned, and neither is a role that inherits it");
            self.add(FindingKind::UnreachedRole, path, message);
        }
    }

    /// Finds roles whose permissions another role gives to sessions of a lower assurance.
    fn find_weaker_roles(&mut self) {
        let levels = Acr::ALL.windows(2);
        let below = |acr: Acr| {
            let mut levels = levels.clone();
            levels.find_map(|pair| {
                (pair.last() == Some(&acr))
                    .then(|| pair.first().copied())
                    .flatten()
            })
        };
        for (role, entry) in &self.document.roles {
            let Some(lower) = below(entry.acr) else {
                continue;
            };
            let policy = self.reached_by(lower);
            let own = self.policy.own_permissions_of([role]);
            let mut givers = own.iter().map(|permission| policy.roles_giving(permission));
            let Some(first) = givers.next() else {
                continue;
            };
            let givers = givers.fold(first, |all, next| &all & &next);
            if let Some(weaker) = givers.iter().find(|giver| !giver.is_reserved()) {
                let path = vec!["roles".into(), role.as_str().into(), "acr".into()];
                let message = format!(
                    "role `{role}` needs {}, but role `{weaker}` gives its permissions without",
                    entry.acr
                );
                self.add(FindingKind::WeakerRole, path, message);
            }
        }
    }

    /// Finds roles that give every permission, and roles that give the same permissions.
    fn compare_roles(&mut self) {
        let mut by_permissions: BTreeMap<Vec<u32>, Vec<&RoleName>> = BTreeMap::new();
        let permission_count = self.document.permissions.len();
        let mut all_powerful = Vec::new();
        for role in self.document.roles.keys() {
            let effective = self.policy.effective([role]);
            let own = effective.permissions().filter(|one| !one.is_reserved());
            if permission_count > 1
                && effective.len() >= permission_count
                && own.count() == permission_count
            {
                all_powerful.push(role.clone());
            }
            if !effective.is_empty() {
                // ids are in the order of the names
                let (permissions, _) = self.policy.given_ids([role], []);
                by_permissions.entry(permissions).or_default().push(role);
            }
        }
        for role in all_powerful {
            let path = vec!["roles".into(), role.as_str().into()];
            let message = format!("role `{role}` gives every permission");
            self.add(FindingKind::AllPowerful, path, message);
        }
        for roles in by_permissions.into_values() {
            self.add_equal_roles(&roles);
        }
    }

    /// Reports `roles`, which give the same permissions, unless one inherits the other.
    fn add_equal_roles(&mut self, roles: &[&RoleName]) {
        let Some((first, others)) = roles.split_first() else {
            return;
        };
        for role in others {
            let is_related =
                self.policy.path(first, role).is_some() || self.policy.path(role, first).is_some();
            if !is_related {
                let path = vec!["roles".into(), role.as_str().into()];
                let message = format!("roles `{first}` and `{role}` give the same permissions");
                self.add(FindingKind::EqualRoles, path, message);
            }
        }
    }
}
