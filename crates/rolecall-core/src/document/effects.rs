use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde::Serialize;

use super::diff::PolicyChange;
use crate::{Acr, Permission, Policy, RoleName, counts_in_tenant};

/// The permissions and roles that a role or subject gains and loses by a change, including inherited ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RoleEffect {
    /// Permissions that are gained.
    pub gains: BTreeSet<Permission>,
    /// Permissions that are lost.
    pub loses: BTreeSet<Permission>,
    /// Roles that are gained.
    pub gains_roles: BTreeSet<RoleName>,
    /// Roles that are lost.
    pub loses_roles: BTreeSet<RoleName>,
    /// Roles that are kept and need another assurance from now on. If it is higher than before, sessions below it lose them;
    /// if it is lower, sessions from it on gain them.
    pub needs_acr: BTreeMap<RoleName, Acr>,
    /// The assurance that the roles in `needs_acr` needed before.
    pub needed_acr: BTreeMap<RoleName, Acr>,
}

impl RoleEffect {
    /// Returns the effect of the change from policy `old` to policy `new` on a subject with `roles`.
    pub fn between<'r>(
        old: &Policy,
        new: &Policy,
        roles: impl IntoIterator<Item = &'r RoleName> + Copy,
    ) -> Self {
        let given = |policy: &Policy| (policy.permissions_of(roles), policy.closure(roles));
        let (before, after) = (given(old), given(new));
        let effect = Self::of((&before.0, &before.1), (&after.0, &after.1));
        let least = |policy: &Policy, role: &RoleName| policy.least_acr_of(roles, role);
        let kept = before.1.intersection(&after.1);
        let changed: Vec<_> = kept
            .filter(|role| least(old, role) != least(new, role))
            .collect();
        let under = |policy: &Policy| {
            let changed = changed.iter();
            let needs = changed.filter_map(|role| Some(((*role).clone(), least(policy, role)?)));
            needs.collect()
        };
        Self {
            needs_acr: under(new),
            needed_acr: under(old),
            ..effect
        }
    }

    /// Returns the difference between two sets of permissions and roles, each as a session with every assurance has it.
    #[must_use]
    pub fn of(
        old: (&BTreeSet<Permission>, &BTreeSet<RoleName>),
        new: (&BTreeSet<Permission>, &BTreeSet<RoleName>),
    ) -> Self {
        Self {
            gains: new.0.difference(old.0).cloned().collect(),
            loses: old.0.difference(new.0).cloned().collect(),
            gains_roles: new.1.difference(old.1).cloned().collect(),
            loses_roles: old.1.difference(new.1).cloned().collect(),
            needs_acr: BTreeMap::new(),
            needed_acr: BTreeMap::new(),
        }
    }

    /// Returns true if nothing is gained or lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns the roles that `changes` can affect: the changed roles, and all roles that inherit one of them.
#[must_use]
pub fn affected_roles(old: &Policy, new: &Policy, changes: &[PolicyChange]) -> BTreeSet<RoleName> {
    let mut direct: BTreeSet<RoleName> = BTreeSet::new();
    let mut objects: BTreeSet<&str> = BTreeSet::new();
    for change in changes {
        match change {
            PolicyChange::RoleDescribed { .. }
            | PolicyChange::RoleApproval { .. }
            | PolicyChange::RoleByName { .. } => {}
            PolicyChange::PermissionCreated { permission, .. }
            | PolicyChange::PermissionDeleted { permission } => {
                objects.insert(permission.object());
            }
            other => direct.extend(other.role().cloned()),
        }
    }
    for (role, rules) in old.roles().chain(new.roles()) {
        // a wildcard covers permissions that are created, and no longer covers those that are deleted
        let mut wildcards = rules
            .permissions
            .iter()
            .filter_map(|pattern| pattern.wildcard_object());
        if wildcards.any(|object| objects.contains(object)) {
            direct.insert(role.clone());
        }
    }
    let mut affected = old.seniors_of(&direct);
    affected.extend(new.seniors_of(&direct));
    affected.extend(direct);
    affected
}

/// The sum of a [`RoleEffect`], in little memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectSummary {
    /// A permission or role is gained.
    pub gains: bool,
    /// A permission or role is lost.
    pub loses: bool,
    /// A hash of what is gained and lost, by which effects of the same comparison differ.
    digest: u64,
}

/// Two policies, compared for many subjects: what it costs does not depend on the names of what they give.
#[derive(Debug)]
pub struct PolicyComparison<'p> {
    whole: Pair<'p>,
    /// The policies as sessions with a lower assurance have them, if that differs; the lowest first.
    below: Vec<(Acr, Pair<'p>)>,
}

/// Two policies as sessions of one assurance have them.
#[derive(Debug)]
struct Pair<'p> {
    old: Cow<'p, Policy>,
    new: Cow<'p, Policy>,
    /// For each permission of the old policy, its id in the new one.
    permissions: Vec<Option<u32>>,
    /// For each role of the old policy, its id in the new one.
    roles: Vec<Option<u32>>,
}

impl<'p> PolicyComparison<'p> {
    /// Prepares the comparison of the policy before and after a change.
    #[must_use]
    pub fn new(old: &'p Policy, new: &'p Policy) -> Self {
        let differs = |acr: &Acr| !old.is_reached_by(*acr) || !new.is_reached_by(*acr);
        let lower = Acr::ALL.into_iter().filter(differs);
        let reached = |acr: Acr| {
            let pair = (old.reached_by(acr), new.reached_by(acr));
            (acr, Pair::new(Cow::Owned(pair.0), Cow::Owned(pair.1)))
        };
        Self {
            whole: Pair::new(Cow::Borrowed(old), Cow::Borrowed(new)),
            below: lower.map(reached).collect(),
        }
    }

    /// Summarizes the [`effect`](Self::effect) without the names in it.
    pub fn summary<'r>(
        &self,
        global: impl IntoIterator<Item = &'r RoleName> + Copy,
        local: impl IntoIterator<Item = &'r RoleName> + Copy,
    ) -> EffectSummary {
        let mut hasher = DefaultHasher::new();
        let mut summary = EffectSummary::default();
        let below = self.below.iter().map(|(_, pair)| pair);
        for pair in std::iter::once(&self.whole).chain(below) {
            let (gains, loses) = pair.compare(global, local, &mut hasher);
            summary.gains |= gains;
            summary.loses |= loses;
        }
        summary.digest = hasher.finish();
        summary
    }

    /// Returns what a subject with `global` roles, and `local` ones in a tenant, gains and loses there.
    ///
    /// In a tenant, of rolecall's own permissions only those for assignments count, and none of its roles.
    pub fn effect<'r>(
        &self,
        global: impl IntoIterator<Item = &'r RoleName> + Copy,
        local: impl IntoIterator<Item = &'r RoleName> + Copy,
    ) -> RoleEffect {
        let given = |policy: &Policy| {
            let mut permissions = policy.permissions_of(global);
            let of_tenant = policy.permissions_of(local).into_iter();
            permissions.extend(of_tenant.filter(counts_in_tenant));
            let roles = policy.closure_in_tenant(global, local);
            (permissions, roles)
        };
        let (old, new) = (given(&self.whole.old), given(&self.whole.new));
        let mut effect = RoleEffect::of((&old.0, &old.1), (&new.0, &new.1));
        if self.below.is_empty() {
            return effect;
        }
        let below = self.below.iter().map(|(acr, pair)| {
            let roles = |policy: &Policy| policy.closure_in_tenant(global, local);
            (*acr, roles(&pair.old), roles(&pair.new))
        });
        let below: Vec<_> = below.collect();
        for role in old.1.intersection(&new.1) {
            // the highest assurance that does not have the role; none above it lacks the role either
            let missed = |is_new: bool| {
                let lacking = below.iter().filter(|(_, old, new)| {
                    let roles = if is_new { new } else { old };
                    !roles.contains(role)
                });
                lacking.map(|(acr, _, _)| *acr).max()
            };
            let (before, now) = (missed(false), missed(true));
            if before != now {
                effect.needs_acr.insert(role.clone(), next_above(now));
                effect.needed_acr.insert(role.clone(), next_above(before));
            }
        }
        effect
    }

    /// Returns the roles that themselves gain or lose something by `changes`, by name.
    #[must_use]
    pub fn changed_roles(&self, changes: &[PolicyChange]) -> Vec<RoleName> {
        let (old, new) = (&self.whole.old, &self.whole.new);
        let affected = affected_roles(old, new, changes).into_iter();
        let is_changed = |role: &RoleName| {
            let summary = self.summary([role], []);
            summary.gains || summary.loses
        };
        affected.filter(is_changed).collect()
    }
}

impl<'p> Pair<'p> {
    fn new(old: Cow<'p, Policy>, new: Cow<'p, Policy>) -> Self {
        let permissions = new.permissions().map(Permission::as_str);
        let permissions = positions(old.permissions().map(Permission::as_str), permissions);
        let roles = new.roles().map(|(role, _)| role.as_str());
        let roles = positions(old.roles().map(|(role, _)| role.as_str()), roles);
        Self {
            old,
            new,
            permissions,
            roles,
        }
    }

    /// Returns true for what a subject gains, and true for what it loses, and hashes the difference.
    fn compare<'r>(
        &self,
        global: impl IntoIterator<Item = &'r RoleName> + Copy,
        local: impl IntoIterator<Item = &'r RoleName> + Copy,
        hasher: &mut DefaultHasher,
    ) -> (bool, bool) {
        let old = self.old.given_ids(global, local);
        let new = self.new.given_ids(global, local);
        let permissions = compare_ids(&self.permissions, &old.0, &new.0, hasher);
        let roles = compare_ids(&self.roles, &old.1, &new.1, hasher);
        (permissions.0 || roles.0, permissions.1 || roles.1)
    }
}

/// Returns the lowest assurance above `missed`, the highest one that does not have a role.
fn next_above(missed: Option<Acr>) -> Acr {
    let above = |acr: &Acr| missed.is_none_or(|missed| *acr > missed);
    Acr::ALL.into_iter().find(above).unwrap_or(Acr::Phr)
}

/// Returns for each of the `old` names its position among the `new` ones; both are in order.
fn positions<'n>(
    old: impl Iterator<Item = &'n str>,
    new: impl Iterator<Item = &'n str>,
) -> Vec<Option<u32>> {
    let mut new = (0u32..).zip(new).peekable();
    let find = |name: &str| {
        while new.next_if(|(_, other)| *other < name).is_some() {}
        let (position, _) = new.next_if(|(_, other)| *other == name)?;
        Some(position)
    };
    old.map(find).collect()
}

/// Compares ids of the old policy, which `positions` translates, with those of the new one, and hashes the difference.
/// Returns whether something is gained, and whether something is lost.
fn compare_ids(
    positions: &[Option<u32>],
    old: &[u32],
    new: &[u32],
    hasher: &mut DefaultHasher,
) -> (bool, bool) {
    let translate = |id: &u32| positions.get(*id as usize).copied().flatten();
    let gone: BTreeSet<u32> = old
        .iter()
        .filter(|id| translate(id).is_none())
        .copied()
        .collect();
    gone.hash(hasher);
    let in_old = marks(old.iter().filter_map(translate));
    let in_new = marks(new.iter().copied());
    let (mut gains, mut loses) = (false, !gone.is_empty());
    for id in 0..in_old.len().max(in_new.len()) {
        let is_in = |marks: &[bool]| marks.get(id).copied().unwrap_or_default();
        match (is_in(&in_old), is_in(&in_new)) {
            (true, false) => loses = true,
            (false, true) => gains = true,
            _ => continue,
        }
        (id, is_in(&in_new)).hash(hasher);
    }
    (gains, loses)
}

/// Returns for each id up to the highest whether it is among `ids`.
fn marks(ids: impl Iterator<Item = u32>) -> Vec<bool> {
    let mut marks = Vec::new();
    for id in ids {
        let id = id as usize;
        if id >= marks.len() {
            marks.resize(id + 1, false);
        }
        if let Some(mark) = marks.get_mut(id) {
            *mark = true;
        }
    }
    marks
}

/// Returns the roles that gain or lose something through `changes`, each with its effect, ordered by name.
#[must_use]
pub fn role_effects(
    old: &Policy,
    new: &Policy,
    changes: &[PolicyChange],
) -> Vec<(RoleName, RoleEffect)> {
    PolicyComparison::new(old, new)
        .changed_roles(changes)
        .into_iter()
        .map(|role| {
            let effect = RoleEffect::between(old, new, [&role]);
            (role, effect)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{
        builtin,
        document::{Document, diff},
    };

    #[test]
    fn what_a_role_of_a_tenant_gives_of_rolecalls_own_is_not_counted() {
        let name = |text: &str| text.parse::<RoleName>().unwrap();
        let mut made = builtin::rules();
        made.permission("items:read".parse().unwrap());
        made.grant(name("boss"), "items:read".parse().unwrap());
        made.grant(name("boss"), "rolecall.users:read".parse().unwrap());
        made.grant(name("boss"), "rolecall.assignments:read".parse().unwrap());
        made.inherit(name("boss"), name("rolecall.resource-server"));
        made.inherit(name("boss"), name("user"));
        let (nothing, policy) = (Policy::default(), made.build().unwrap());
        let comparison = PolicyComparison::new(&nothing, &policy);
        let texts = |global: &[RoleName], local: &[RoleName]| {
            let effect = comparison.effect(global, local);
            let permissions: Vec<String> = effect.gains.iter().map(ToString::to_string).collect();
            let roles: Vec<String> = effect.gains_roles.iter().map(ToString::to_string).collect();
            (permissions.join(" "), roles.join(" "))
        };
        let local = texts(&[], &[name("boss")]);
        assert_eq!(local.0, "items:read rolecall.assignments:read");
        assert_eq!(local.1, "boss user");
        let global = texts(&[name("boss")], &[]);
        assert!(global.0.contains("rolecall.users:read"), "{global:?}");
        assert_eq!(global.1, "boss rolecall.resource-server user");
        let differ = comparison.summary(&[name("boss")], &[]);
        assert_ne!(comparison.summary(&[], &[name("boss")]), differ);
    }

    #[test]
    fn y003_many_roles_that_give_many_permissions_are_compared_without_their_names() {
        let mut text = "[permissions]\n".to_owned();
        for number in 0..2000 {
            writeln!(text, "\"items:p{number}\" = \"\"").unwrap();
        }
        for number in 0..2000 {
            writeln!(text, "[roles.r{number}]\njuniors = [\"r{}\"]", number + 1).unwrap();
        }
        text += "[roles.r2000]\npermissions = [\"items:*\"]\n";
        let new = Document::parse(&text).unwrap().document;
        let changes = diff(&Document::default(), &new);
        let (old, policy) = (builtin::rules().build().unwrap(), new.policy().unwrap());
        let comparison = PolicyComparison::new(&old, &policy);
        assert_eq!(comparison.changed_roles(&changes).len(), 2001);
        // 2001 roles give 2000 permissions each, and each inherits all that follow it; and rolecall's own
        let own = old.effects();
        assert_eq!(policy.effects() - own, 2001 * 2000 + 2000 * 2001 / 2);
    }
}
