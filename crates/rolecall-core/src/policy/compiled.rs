//! What a policy becomes when it is read: numbers instead of names, and for each role the set of all that it
//! gives. Made once a revision, never changed afterwards.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use super::{
    PolicyError, RoleRules,
    set::{PermissionSet, Scratch},
};
use crate::{Permission, PermissionPattern, RoleName};

/// A number for each role and permission, in the order of their names, and what follows from the rules.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    permissions: Vec<Permission>,
    permission_ids: HashMap<Permission, u32>,
    roles: Vec<RoleName>,
    role_ids: HashMap<RoleName, u32>,
    juniors: Vec<Box<[u32]>>,
    seniors: Vec<Vec<u32>>,
    effective: Vec<PermissionSet>,
    /// How long the longest way down from a role is.
    heights: Vec<u32>,
    /// Who holds a permission, or a wildcard (by its object), directly: who gives least stands first.
    holders: HashMap<PermissionPattern, Vec<u32>>,
}

impl Compiled {
    /// Checks the rules and works out what each role gives.
    pub(super) fn new(
        rules: &BTreeMap<RoleName, Arc<RoleRules>>,
        permissions: BTreeSet<Permission>,
    ) -> Result<Self, PolicyError> {
        let permissions: Vec<Permission> = permissions.into_iter().collect();
        let mut compiled = Self {
            permission_ids: permissions.iter().cloned().zip(0..).collect(),
            permissions,
            roles: rules.keys().cloned().collect(),
            role_ids: rules.keys().cloned().zip(0..).collect(),
            ..Self::default()
        };
        compiled.link(rules)?;
        let order = compiled.juniors_first()?;
        compiled.gather(rules, &order);
        compiled.index_holders(rules);
        Ok(compiled)
    }

    /// Sets the edges of the hierarchy, and asks that all that is named exists.
    fn link(&mut self, rules: &BTreeMap<RoleName, Arc<RoleRules>>) -> Result<(), PolicyError> {
        self.seniors = vec![Vec::new(); self.roles.len()];
        for ((role, rules), id) in rules.iter().zip(0u32..) {
            let juniors = rules.juniors.iter().map(|junior| {
                self.role_id(junior.as_str())
                    .ok_or_else(|| PolicyError::UnknownJunior {
                        senior: role.clone(),
                        junior: junior.clone(),
                    })
            });
            let juniors: Box<[u32]> = juniors.collect::<Result<_, _>>()?;
            for junior in &juniors {
                if let Some(seniors) = self.seniors.get_mut(*junior as usize) {
                    seniors.push(id);
                }
            }
            self.juniors.push(juniors);
            if let Some(permission) = rules.permissions.iter().find(|held| !self.knows(held)) {
                return Err(PolicyError::UnknownPermission {
                    role: role.clone(),
                    permission: permission.clone(),
                });
            }
        }
        Ok(())
    }

    /// The roles in an order in which each comes after all that it inherits.
    fn juniors_first(&self) -> Result<Vec<u32>, PolicyError> {
        let mut left: Vec<usize> = self.juniors.iter().map(|juniors| juniors.len()).collect();
        let free = (0u32..).zip(&left).filter(|(_, left)| **left == 0);
        let mut order: Vec<u32> = free.map(|(role, _)| role).collect();
        let mut at = 0;
        while let Some(role) = order.get(at) {
            for senior in self.seniors_of(*role) {
                if let Some(left) = left.get_mut(*senior as usize) {
                    *left -= 1;
                    if *left == 0 {
                        order.push(*senior);
                    }
                }
            }
            at += 1;
        }
        if order.len() == self.roles.len() {
            return Ok(order);
        }
        let stuck = (0u32..).zip(&left).filter(|(_, left)| **left > 0);
        Err(PolicyError::Cycle(
            self.cycle_among(&stuck.map(|(role, _)| role).collect()),
        ))
    }

    /// Every role that is `stuck` has a junior that is stuck too: walking down must come round.
    fn cycle_among(&self, stuck: &BTreeSet<u32>) -> Vec<RoleName> {
        let mut walk: Vec<u32> = stuck.first().copied().into_iter().collect();
        while let Some(last) = walk.last() {
            let Some(next) = self
                .juniors_of(*last)
                .iter()
                .find(|junior| stuck.contains(junior))
            else {
                break;
            };
            if let Some(start) = walk.iter().position(|seen| seen == next) {
                let round = walk.iter().skip(start).chain([next]);
                return round
                    .filter_map(|role| self.role_name(*role))
                    .cloned()
                    .collect();
            }
            walk.push(*next);
        }
        Vec::new()
    }

    fn gather(&mut self, rules: &BTreeMap<RoleName, Arc<RoleRules>>, order: &[u32]) {
        let held: Vec<&Arc<RoleRules>> = rules.values().collect();
        let mut scratch = Scratch::new(self.permissions.len());
        self.effective = vec![PermissionSet::default(); self.roles.len()];
        self.heights = vec![0; self.roles.len()];
        for role in order {
            let mut height = 0;
            for junior in self.juniors_of(*role) {
                height = height.max(self.height(*junior) + 1);
                if let Some(set) = self.effective.get(*junior as usize) {
                    scratch.unite(set);
                }
            }
            if let Some(own) = self.heights.get_mut(*role as usize) {
                *own = height;
            }
            let own = held.get(*role as usize).map(|rules| &rules.permissions);
            for pattern in own.into_iter().flatten() {
                for id in self.ids_of(pattern) {
                    scratch.insert(id);
                }
            }
            if let Some(set) = self.effective.get_mut(*role as usize) {
                *set = scratch.take();
            }
        }
    }

    fn index_holders(&mut self, rules: &BTreeMap<RoleName, Arc<RoleRules>>) {
        let mut holders: HashMap<PermissionPattern, Vec<u32>> = HashMap::new();
        for (rules, id) in rules.values().zip(0..) {
            for pattern in &rules.permissions {
                holders.entry(pattern.clone()).or_default().push(id);
            }
        }
        for roles in holders.values_mut() {
            roles.sort_by_key(|role| self.size(*role));
        }
        self.holders = holders;
    }

    pub(super) fn role_id(&self, role: &str) -> Option<u32> {
        self.role_ids.get(role).copied()
    }

    pub(super) fn role_name(&self, id: u32) -> Option<&RoleName> {
        self.roles.get(id as usize)
    }

    pub(super) fn permission_id(&self, permission: &str) -> Option<u32> {
        self.permission_ids.get(permission).copied()
    }

    pub(super) fn permission(&self, id: u32) -> Option<&Permission> {
        self.permissions.get(id as usize)
    }

    pub(super) fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    pub(super) fn effective(&self, role: u32) -> Option<&PermissionSet> {
        self.effective.get(role as usize)
    }

    /// By what roles are compared: how much a role gives, and of those that give as much a senior comes after
    /// all that it inherits; then the order of their names.
    pub(super) fn size(&self, role: u32) -> (usize, u32, u32) {
        let given = self.effective(role).map_or(0, PermissionSet::len);
        (given, self.height(role), role)
    }

    fn height(&self, role: u32) -> u32 {
        self.heights.get(role as usize).copied().unwrap_or(0)
    }

    pub(super) fn juniors_of(&self, role: u32) -> &[u32] {
        self.juniors
            .get(role as usize)
            .map_or(&[], |juniors| &**juniors)
    }

    pub(super) fn seniors_of(&self, role: u32) -> &[u32] {
        self.seniors.get(role as usize).map_or(&[], Vec::as_slice)
    }

    /// Who holds exactly `pattern`, who gives least first.
    pub(super) fn holders_of(&self, pattern: &PermissionPattern) -> &[u32] {
        self.holders.get(pattern).map_or(&[], Vec::as_slice)
    }

    /// `starts` and all that is reached from them by `next`, in the order in which it is found.
    pub(super) fn reached<'c>(
        &'c self,
        starts: impl IntoIterator<Item = u32>,
        next: impl Fn(u32) -> &'c [u32],
    ) -> Vec<u32> {
        let mut seen = vec![false; self.roles.len()];
        let mut found = Vec::new();
        let mut open: VecDeque<u32> = starts.into_iter().collect();
        while let Some(role) = open.pop_front() {
            if let Some(seen) = seen.get_mut(role as usize)
                && !std::mem::replace(seen, true)
            {
                found.push(role);
                open.extend(next(role));
            }
        }
        found
    }

    /// The shortest way down from `senior` to a role that `is_goal`, both included; of several the one whose
    /// names come first.
    pub(super) fn way_down(
        &self,
        senior: u32,
        is_goal: impl Fn(u32) -> bool,
        may_pass: impl Fn(u32) -> bool,
    ) -> Option<Vec<RoleName>> {
        let mut from: HashMap<u32, u32> = HashMap::new();
        let mut open = VecDeque::from([senior]);
        while let Some(role) = open.pop_front() {
            if is_goal(role) {
                let mut path = vec![role];
                while let Some(at) = path.last().filter(|at| **at != senior) {
                    path.push(*from.get(at)?);
                }
                let names = path.iter().rev().map(|role| self.role_name(*role).cloned());
                return names.collect();
            }
            for next in self.juniors_of(role) {
                if *next != senior && may_pass(*next) && !from.contains_key(next) {
                    from.insert(*next, role);
                    open.push_back(*next);
                }
            }
        }
        None
    }

    pub(super) fn knows(&self, pattern: &PermissionPattern) -> bool {
        !self.ids_of(pattern).is_empty()
    }

    /// The permissions that `pattern` covers: all operations of an object, for a wildcard.
    pub(super) fn ids_of(&self, pattern: &PermissionPattern) -> Range<u32> {
        let Some(object) = pattern.wildcard_object() else {
            return self
                .permission_id(pattern.as_str())
                .map_or(0..0, |id| id..id + 1);
        };
        // they all begin with `object:`, so they stand beside each other
        let prefix = format!("{object}:");
        let start = self
            .permissions
            .partition_point(|known| known.as_str() < prefix.as_str());
        let rest = self.permissions.get(start..).unwrap_or_default();
        let length = rest.partition_point(|known| known.object() == object);
        let id = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        id(start)..id(start + length)
    }

    /// A set in which those of several roles can be united.
    pub(super) fn scratch(&self) -> Scratch {
        Scratch::new(self.permissions.len())
    }
}
