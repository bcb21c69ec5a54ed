//! Counting the roles of assignments that are active together, one assignment after the other.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{
    Constraint, ConstraintKind, ConstraintScope, Permission, PermissionPattern, Policy, RoleName,
};

use super::{effective::EffectiveScope, holder::TokenSubject, requested::RequestedScope};
use crate::authority::subject::Assigned;

/// The dynamic constraints of a policy, and how many of their roles are active.
///
/// Roles are only ever added, so that a role is counted once, however many assignments give it.
#[derive(Clone)]
pub(super) struct Together<'p> {
    policy: &'p Policy,
    /// The constraints that list a role and have not counted it in other tokens, by their position in `rooms`.
    listing: BTreeMap<&'p RoleName, Vec<usize>>,
    /// The number of roles for which each constraint has room, beside those that are active.
    rooms: Vec<u32>,
    active: BTreeSet<&'p RoleName>,
    is_broken: bool,
    /// What the assignments give, if the ceiling of the client hides the names of roles.
    hidden: Option<Hidden<'p>>,
}

/// A role whose name is hidden counts only if the token carries one of its permissions, wherever that comes from.
#[derive(Clone, Default)]
struct Hidden<'p> {
    permissions: BTreeSet<Permission>,
    /// Roles that are held but of which the token carries nothing so far.
    dormant: BTreeSet<&'p RoleName>,
}

/// What one assignment adds to those of a [`Together`].
#[derive(Clone, Default)]
pub(super) struct Addition<'p> {
    held: BTreeSet<&'p RoleName>,
    permissions: BTreeSet<Permission>,
}

impl<'p> Together<'p> {
    /// Counts what other tokens have active, under the constraints that count all tokens together, and nothing else yet;
    /// `None` if there is no dynamic constraint.
    pub(super) fn beside(
        others: Option<&BTreeSet<RoleName>>,
        policy: &'p Policy,
        hides_roles: bool,
    ) -> Option<Self> {
        let mut listing: BTreeMap<&RoleName, Vec<usize>> = BTreeMap::new();
        let mut rooms = Vec::new();
        let is_dynamic = |one: &Constraint| one.kind == ConstraintKind::Dynamic;
        for (_, constraint) in policy.constraints().filter(|(_, one)| is_dynamic(one)) {
            let others = others.filter(|_| constraint.per == ConstraintScope::Subject);
            let is_active = |role: &&RoleName| others.is_some_and(|others| others.contains(*role));
            let taken = constraint.roles.iter().filter(is_active).count();
            let taken = u32::try_from(taken).unwrap_or(u32::MAX);
            let room = constraint.at_most.checked_sub(taken);
            for role in &constraint.roles {
                let counting = listing.entry(role).or_default();
                // beside others that have too many already, there is no room for those either
                if room.is_none() || !is_active(&role) {
                    counting.push(rooms.len());
                }
            }
            rooms.push(room.unwrap_or(0));
        }
        (!rooms.is_empty()).then(|| Self {
            policy,
            listing,
            rooms,
            active: BTreeSet::new(),
            is_broken: false,
            hidden: hides_roles.then(Hidden::default),
        })
    }

    /// Returns the roles of dynamic constraints among `roles`.
    pub(super) fn listed<'r>(&self, roles: impl IntoIterator<Item = &'r RoleName>) -> Addition<'p> {
        let key = |role: &RoleName| self.listing.get_key_value(role).map(|(role, _)| *role);
        Addition {
            held: roles.into_iter().filter_map(key).collect(),
            permissions: BTreeSet::new(),
        }
    }

    /// Returns true if a constraint has no room for `addition`, or for what is active already.
    pub(super) fn conflicts_with(&self, addition: &Addition<'p>) -> bool {
        if self.is_broken {
            return true;
        }
        let mut taken: BTreeMap<usize, u32> = BTreeMap::new();
        self.new_roles(addition).into_iter().any(|role| {
            let mut constraints = self.constraints_of(role);
            constraints.any(|constraint| {
                let taken = taken.entry(constraint).or_default();
                *taken = taken.saturating_add(1);
                self.rooms
                    .get(constraint)
                    .is_some_and(|room| *taken > *room)
            })
        })
    }

    /// Counts `addition` too.
    pub(super) fn add(&mut self, addition: Addition<'p>) {
        for role in self.new_roles(&addition) {
            self.active.insert(role);
            for constraint in self.listing.get(role).into_iter().flatten() {
                let Some(room) = self.rooms.get_mut(*constraint) else {
                    continue;
                };
                match room.checked_sub(1) {
                    Some(left) => *room = left,
                    None => self.is_broken = true,
                }
            }
        }
        if let Some(hidden) = &mut self.hidden {
            hidden.permissions.extend(addition.permissions);
            hidden.dormant.extend(addition.held);
            let active = &self.active;
            hidden.dormant.retain(|role| !active.contains(*role));
        }
    }

    fn constraints_of(&self, role: &RoleName) -> impl Iterator<Item = usize> {
        self.listing.get(role).into_iter().flatten().copied()
    }

    /// Returns the roles that `addition` makes active.
    fn new_roles(&self, addition: &Addition<'p>) -> Vec<&'p RoleName> {
        let held = addition.held.iter().copied();
        let new = held.filter(|role| !self.active.contains(*role));
        let Some(hidden) = &self.hidden else {
            return new.collect();
        };
        let adds_permission = !addition.permissions.is_subset(&hidden.permissions);
        let woken = hidden.dormant.iter().copied();
        let woken = woken.filter(|role| adds_permission && !addition.held.contains(*role));
        let carries = |pattern: &PermissionPattern| {
            if let Some(one) = pattern.as_permission() {
                hidden.permissions.contains(&one) || addition.permissions.contains(&one)
            } else {
                let mut carried = hidden.permissions.iter().chain(&addition.permissions);
                carried.any(|one| pattern.matches(one))
            }
        };
        let is_used = |role: &&RoleName| {
            let rules = self.policy.role(role.as_str());
            rules.is_some_and(|rules| rules.permissions.iter().any(carries))
        };
        new.chain(woken).filter(is_used).collect()
    }
}

/// What single assignments give to a token that is narrowed by some scopes.
pub(super) struct Additions<'a> {
    holder: TokenSubject<'a>,
    scopes: Vec<&'a RequestedScope>,
    /// The roles that lead to a role of a dynamic constraint.
    leading: BTreeSet<RoleName>,
    hides_roles: bool,
}

impl<'a> Additions<'a> {
    /// Prepares what single assignments of `holder` give, with an empty count to add them to; `None` if no dynamic
    /// constraint counts anything.
    pub(super) fn of(
        holder: &TokenSubject<'a>,
        scopes: &[&'a RequestedScope],
    ) -> Option<(Self, Together<'a>)> {
        let ceiling = holder.ceiling;
        let hides_roles = ceiling.is_some_and(RequestedScope::hides_roles);
        let together = Together::beside(holder.beside, holder.policy, hides_roles)?;
        let additions = Self {
            leading: holder.policy.seniors_of(together.listing.keys().copied()),
            scopes: scopes.to_vec(),
            holder: *holder,
            hides_roles,
        };
        Some((additions, together))
    }

    /// Returns what the token gets by an assignment, as far as it matters to dynamic constraints.
    ///
    /// INVARIANT: what several assignments give together is what they give one by one.
    pub(super) fn by(&self, one: &Assigned, together: &Together<'a>) -> Addition<'a> {
        if self.hides_roles {
            return self.hidden_by(one, together);
        }
        if !self.leading.contains(&one.role) {
            return Addition::default();
        }
        let policy = self.holder.policy;
        let mut roles = policy.closure([&one.role]);
        roles.retain(|role| self.holder.own_audience || !role.is_reserved());
        if let Some(ceiling) = self.holder.ceiling {
            roles.retain(|role| ceiling.concerns(policy, role));
        }
        let ceiling = self.holder.ceiling.into_iter();
        let narrowing = ceiling.chain(self.scopes.iter().copied());
        for scope in narrowing.filter(|scope| !scope.roles.is_empty()) {
            let names = |role: &&RoleName| {
                // the name of a reserved role is not held in a tenant
                roles.contains(*role) && !(one.in_tenant && role.is_reserved())
            };
            let chosen = policy.closure(scope.roles.iter().filter(names));
            roles.retain(|role| chosen.contains(role));
        }
        // a tenant gives what a reserved role inherits, but not its name
        roles.retain(|role| !one.in_tenant || !role.is_reserved());
        together.listed(&roles)
    }

    fn hidden_by(&self, one: &Assigned, together: &Together<'a>) -> Addition<'a> {
        let alone = std::slice::from_ref(one);
        let mut held = EffectiveScope::of(&self.holder.resting_on(alone));
        for scope in &self.scopes {
            held = held.narrow(self.holder.policy, scope);
        }
        let listed = together.listed(held.held_roles());
        Addition {
            permissions: held.permissions,
            ..listed
        }
    }
}
