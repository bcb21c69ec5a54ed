//! The compiled form of a policy: ids instead of names, and for each role the set of permissions that it gives.
//!
//! It is computed once a revision and never changes afterwards.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use super::{
    rules::{PolicyError, RoleRules},
    set::{PermissionSet, Scratch},
};
use crate::{Permission, PermissionPattern, RoleName};

/// Roles and permissions by id, in the order of their names, and all that is derived from the rules.
///
/// Vectors are indexed by role id unless their type is another one.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    permissions: Vec<Permission>,
    permission_ids: HashMap<Permission, u32>,
    roles: Vec<RoleName>,
    role_ids: HashMap<RoleName, u32>,
    juniors: Vec<Box<[u32]>>,
    seniors: Vec<Vec<u32>>,
    /// The permissions that a role gives, including inherited ones.
    effective: Vec<PermissionSet>,
    /// The ids of the roles, juniors before seniors.
    order: Vec<u32>,
    /// The length of the longest path down from a role.
    heights: Vec<u32>,
    /// The roles that hold a pattern themselves, sorted by [`size`](Self::size).
    holders: HashMap<PermissionPattern, Vec<u32>>,
}

impl Compiled {
    /// Checks the rules and computes the permissions of each role.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names an unknown junior or permission, or a cycle.
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
        compiled.link_roles(rules)?;
        let order = compiled.juniors_first()?;
        compiled.compute_permissions(rules, &order);
        compiled.index_holders(rules);
        compiled.order = order;
        Ok(compiled)
    }

    /// Builds the edges of the hierarchy and checks that every name in the rules exists.
    fn link_roles(
        &mut self,
        rules: &BTreeMap<RoleName, Arc<RoleRules>>,
    ) -> Result<(), PolicyError> {
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

    /// Returns the roles in topological order, juniors before seniors (Kahn's algorithm).
    fn juniors_first(&self) -> Result<Vec<u32>, PolicyError> {
        // for each role, the number of its juniors that are not yet in the order
        let mut missing: Vec<usize> = self.juniors.iter().map(|juniors| juniors.len()).collect();
        let ready = (0u32..).zip(&missing).filter(|(_, count)| **count == 0);
        let mut order: Vec<u32> = ready.map(|(role, _)| role).collect();
        let mut next = 0;
        while let Some(role) = order.get(next) {
            for senior in self.seniors_of(*role) {
                if let Some(count) = missing.get_mut(*senior as usize) {
                    *count -= 1;
                    if *count == 0 {
                        order.push(*senior);
                    }
                }
            }
            next += 1;
        }
        if order.len() == self.roles.len() {
            return Ok(order);
        }
        let blocked = (0u32..).zip(&missing).filter(|(_, count)| **count > 0);
        Err(PolicyError::Cycle(
            self.find_cycle(&blocked.map(|(role, _)| role).collect()),
        ))
    }

    /// Returns a cycle among the `blocked` roles, each of which has a blocked junior.
    ///
    /// Walking from junior to junior must therefore return to a role that was visited before.
    fn find_cycle(&self, blocked: &BTreeSet<u32>) -> Vec<RoleName> {
        let mut walk: Vec<u32> = blocked.first().copied().into_iter().collect();
        let mut visited: HashMap<u32, usize> = walk.iter().map(|first| (*first, 0)).collect();
        while let Some(last) = walk.last() {
            let Some(next) = self
                .juniors_of(*last)
                .iter()
                .find(|junior| blocked.contains(junior))
            else {
                break;
            };
            if let Some(start) = visited.get(next) {
                let cycle = walk.iter().skip(*start).chain([next]);
                return cycle
                    .filter_map(|role| self.role_name(*role))
                    .cloned()
                    .collect();
            }
            visited.insert(*next, walk.len());
            walk.push(*next);
        }
        Vec::new()
    }

    /// Computes the permissions and the height of each role; `order` has juniors before seniors.
    fn compute_permissions(&mut self, rules: &BTreeMap<RoleName, Arc<RoleRules>>, order: &[u32]) {
        let rules: Vec<&Arc<RoleRules>> = rules.values().collect();
        let mut scratch = Scratch::new(self.permissions.len());
        self.effective = vec![PermissionSet::default(); self.roles.len()];
        self.heights = vec![0; self.roles.len()];
        for role in order {
            let mut height = 0;
            for junior in self.juniors_of(*role) {
                height = height.max(self.height(*junior) + 1);
                if let Some(set) = self.effective.get(*junior as usize) {
                    scratch.extend(set);
                }
            }
            if let Some(entry) = self.heights.get_mut(*role as usize) {
                *entry = height;
            }
            let own = rules.get(*role as usize).map(|rules| &rules.permissions);
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

    /// Returns the ids of all roles, juniors before seniors.
    pub(super) fn order(&self) -> &[u32] {
        &self.order
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

    /// Returns a key that sorts roles by the number of permissions they give, then juniors before seniors, then by
    /// name.
    pub(super) fn size(&self, role: u32) -> (usize, u32, u32) {
        let permissions = self.effective(role).map_or(0, PermissionSet::len);
        (permissions, self.height(role), role)
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

    /// Returns the roles that hold exactly `pattern` themselves, sorted by [`size`](Self::size).
    pub(super) fn holders_of(&self, pattern: &PermissionPattern) -> &[u32] {
        self.holders.get(pattern).map_or(&[], Vec::as_slice)
    }

    /// Returns `starts` and all roles that can be reached from them by `next`, in breadth-first order.
    pub(super) fn reachable<'c>(
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

    /// Returns the shortest path from one of `starts` down to a role for which `is_goal` is true, both included.
    ///
    /// The path leads only through roles for which `may_pass` is true. Of several paths of the same length, the one
    /// whose names come first is returned.
    pub(super) fn shortest_path(
        &self,
        starts: &[u32],
        is_goal: impl Fn(u32) -> bool,
        may_pass: impl Fn(u32) -> bool,
    ) -> Option<Vec<RoleName>> {
        // the role before each role that was found; none before a start
        let mut previous: HashMap<u32, Option<u32>> =
            starts.iter().map(|start| (*start, None)).collect();
        let mut open: VecDeque<u32> = starts.iter().copied().collect();
        while let Some(role) = open.pop_front() {
            if is_goal(role) {
                let mut path = vec![role];
                while let Some(before) = path.last().and_then(|last| *previous.get(last)?) {
                    path.push(before);
                }
                let names = path.iter().rev().map(|role| self.role_name(*role).cloned());
                return names.collect();
            }
            for next in self.juniors_of(role) {
                if may_pass(*next) && !previous.contains_key(next) {
                    previous.insert(*next, Some(role));
                    open.push_back(*next);
                }
            }
        }
        None
    }

    pub(super) fn knows(&self, pattern: &PermissionPattern) -> bool {
        !self.ids_of(pattern).is_empty()
    }

    /// Returns the ids of the permissions that `pattern` covers.
    pub(super) fn ids_of(&self, pattern: &PermissionPattern) -> Range<u32> {
        let Some(object) = pattern.wildcard_object() else {
            return self
                .permission_id(pattern.as_str())
                .map_or(0..0, |id| id..id + 1);
        };
        // permissions of one object share a prefix, so they are adjacent in the sorted list
        let prefix = format!("{object}:");
        let start = self
            .permissions
            .partition_point(|known| known.as_str() < prefix.as_str());
        let rest = self.permissions.get(start..).unwrap_or_default();
        let length = rest.partition_point(|known| known.object() == object);
        let id = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        id(start)..id(start + length)
    }

    /// Returns an empty set of the right size for the permissions of this policy.
    pub(super) fn scratch(&self) -> Scratch {
        Scratch::new(self.permissions.len())
    }
}
