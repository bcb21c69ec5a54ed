//! The effective scope: the roles and permissions of a subject, narrowed to what a token may carry.

use std::collections::BTreeSet;

use rolecall_core::{Permission, PermissionPattern, Policy, RoleName, Timestamp, counts_in_tenant};

use super::{
    holder::{Beyond, GlobalGrant, Grant, TokenSubject},
    requested::RequestedScope,
};
use crate::authority::subject::Assigned;

/// Roles, closed under inheritance, and permissions that they give, perhaps narrowed.
#[derive(Clone)]
pub(super) struct EffectiveScope {
    /// The roles of global assignments.
    pub(super) global: BTreeSet<RoleName>,
    /// The roles of assignments in the tenant. Reserved roles are included for what they inherit and permit; the
    /// token does not carry their names.
    pub(super) local: BTreeSet<RoleName>,
    pub(super) permissions: BTreeSet<Permission>,
    /// The values that the last narrowing named, as far as they are held.
    pub(super) named: Option<RequestedScope>,
    /// The roles that the token rests on, where it was narrowed by roles.
    roots: Option<BTreeSet<RoleName>>,
    /// True if the ceiling of the client names no role, so that the token carries permissions alone.
    hides_roles: bool,
}

impl EffectiveScope {
    pub(super) fn of(holder: &TokenSubject<'_>) -> Self {
        let roles = |in_tenant: bool| {
            let those = holder.lasting().filter(|one| one.in_tenant == in_tenant);
            let mut roles = holder.policy.closure(those.map(|one| &one.role));
            // a token for another audience never carries rolecall's own roles
            roles.retain(|role| holder.own_audience || !role.is_reserved());
            roles
        };
        let (global, local) = (roles(false), roles(true));
        let mut permissions = given(holder.policy, &global, &local);
        permissions.retain(|permission| holder.own_audience || !permission.is_reserved());
        let whole = Self {
            global,
            local,
            permissions,
            named: None,
            roots: None,
            hides_roles: false,
        };
        let Some(ceiling) = holder.ceiling else {
            return whole;
        };
        let whole = whole.concerning(holder.policy, ceiling);
        if ceiling.is_everything() {
            return whole;
        }
        let held = whole.narrow(holder.policy, ceiling);
        // the ceiling of the client is not a requested scope
        Self {
            named: Some(RequestedScope::default()),
            hides_roles: ceiling.hides_roles(),
            ..held
        }
    }

    /// Keeps what concerns the resource of the token, if the ceiling names one.
    fn concerning(mut self, policy: &Policy, ceiling: &RequestedScope) -> Self {
        let Some(objects) = ceiling.objects() else {
            return self;
        };
        self.permissions
            .retain(|permission| objects.contains(permission.object()));
        self.global.retain(|role| ceiling.concerns(policy, role));
        self.local.retain(|role| ceiling.concerns(policy, role));
        self.named = Some(RequestedScope::default());
        self
    }

    /// The roles that a token carries.
    pub(super) fn roles(&self) -> BTreeSet<RoleName> {
        if self.hides_roles {
            return BTreeSet::new();
        }
        self.held_roles().cloned().collect()
    }

    pub(super) fn held_roles(&self) -> impl Iterator<Item = &RoleName> {
        let local = self.local.iter().filter(|role| !role.is_reserved());
        self.global.iter().chain(local)
    }

    /// Returns the roles that count as active together: those that the token carries, or those of which it carries a
    /// permission if it hides their names.
    pub(super) fn active_roles(&self, policy: &Policy) -> BTreeSet<RoleName> {
        let gives_one = |pattern: &PermissionPattern| match pattern.as_permission() {
            Some(permission) => self.permissions.contains(&permission),
            None => self.permissions.iter().any(|one| pattern.matches(one)),
        };
        let is_used = |role: &&RoleName| {
            let rules = policy.role(role.as_str());
            rules.is_some_and(|rules| rules.permissions.iter().any(gives_one))
        };
        if self.hides_roles {
            self.held_roles().filter(is_used).cloned().collect()
        } else {
            self.roles()
        }
    }

    /// Returns true if a role can be asked for by its name.
    pub(super) fn has_role(&self, role: &RoleName) -> bool {
        !self.hides_roles && self.holds_role(role)
    }

    fn holds_role(&self, role: &RoleName) -> bool {
        self.global.contains(role) || (self.local.contains(role) && !role.is_reserved())
    }

    /// Keeps what is both held and asked for. Roles named become the active ones; permissions alone leave
    /// the roles whole.
    pub(super) fn narrow(self, policy: &Policy, asked: &RequestedScope) -> Self {
        if asked.is_nothing {
            return self.nothing();
        }
        let chosen = asked.roles.iter().filter(|role| self.holds_role(role));
        let chosen: BTreeSet<RoleName> = chosen.cloned().collect();
        let named = if self.hides_roles {
            BTreeSet::new()
        } else {
            chosen.clone()
        };
        let (global, local, roots) = if asked.roles.is_empty() {
            (self.global, self.local, self.roots)
        } else {
            let active = |held: &BTreeSet<RoleName>| {
                let mut roles = policy.closure(chosen.intersection(held));
                roles.retain(|role| held.contains(role));
                roles
            };
            let (global, local) = (active(&self.global), active(&self.local));
            (global, local, Some(chosen))
        };
        let mut permissions = given(policy, &global, &local);
        permissions.retain(|permission| {
            self.permissions.contains(permission)
                && (asked.permissions.is_empty() || asked.permissions.contains(permission))
        });
        let text = if named == asked.roles && asked.permissions.is_subset(&permissions) {
            asked.text.clone()
        } else {
            let values = named.iter().map(|role| format!("role:{role}"));
            let values = values.chain(permissions.iter().map(ToString::to_string));
            values.collect::<Vec<_>>().join(" ")
        };
        Self {
            named: Some(RequestedScope {
                text,
                roles: named,
                permissions: asked.permissions.clone(),
                ..RequestedScope::default()
            }),
            global,
            local,
            permissions,
            roots,
            hides_roles: self.hides_roles,
        }
    }

    /// Keeps nothing.
    fn nothing(self) -> Self {
        Self {
            global: BTreeSet::new(),
            local: BTreeSet::new(),
            permissions: BTreeSet::new(),
            named: Some(RequestedScope::nothing()),
            roots: Some(BTreeSet::new()),
            hides_roles: self.hides_roles,
        }
    }

    pub(super) fn granted(self, holder: &TokenSubject<'_>) -> Grant {
        let ends_at = match &self.roots {
            None => holder.lasting().filter_map(|one| one.ends).min(),
            Some(roots) => shortest(holder, roots),
        };
        let answer = match &self.named {
            Some(asked) if !asked.text.is_empty() => asked.text.clone(),
            _ => joined(&self.permissions),
        };
        let tenant = holder.tenant.filter(|_| holder.is_in_tenant()).cloned();
        Grant {
            narrowed: self.named.is_some(),
            step_up: self.step_up(holder),
            roles: self.roles(),
            active: self.active_roles(holder.policy),
            global: tenant.as_ref().map(|_| self.global_part(holder.policy)),
            permissions: self.permissions,
            answer,
            tenant,
            ends_at,
        }
    }

    /// Returns the roles that only the assurance of the session keeps out of the token: not those that the request or the
    /// ceiling of the client would leave out of a token with more.
    fn step_up(&self, holder: &TokenSubject<'_>) -> BTreeSet<RoleName> {
        let is_asked_for_less = self
            .named
            .as_ref()
            .is_some_and(|named| *named != RequestedScope::default());
        let beyond = holder
            .beyond
            .filter(|_| !is_asked_for_less && !self.hides_roles);
        let Some(Beyond {
            policy: whole,
            assigned,
        }) = beyond
        else {
            return BTreeSet::new();
        };
        let mut roles = whole.closure(holder.lasting_of(assigned).map(|one| &one.role));
        roles.retain(|role| holder.policy.role(role.as_str()).is_none());
        roles.retain(|role| holder.own_audience || !role.is_reserved());
        let Some(ceiling) = holder.ceiling else {
            return roles;
        };
        let named = whole.closure(&ceiling.roles);
        roles.retain(|role| ceiling.is_everything() || named.contains(role));
        roles.retain(|role| ceiling.concerns(whole, role));
        roles
    }

    /// Returns what of the token does not come from the tenant.
    fn global_part(&self, policy: &Policy) -> GlobalGrant {
        let mut permissions = policy.permissions_of(&self.global);
        permissions.retain(|permission| self.permissions.contains(permission));
        GlobalGrant {
            roles: if self.hides_roles {
                BTreeSet::new()
            } else {
                self.global.clone()
            },
            permissions,
        }
    }

    /// The first value that is of `asked` that is not held, and not among the values of `others` either.
    pub(super) fn first_beyond(
        &self,
        asked: &RequestedScope,
        others: &[&RequestedScope],
    ) -> Option<String> {
        if asked.is_default {
            return None;
        }
        let known_role = |role: &&RoleName| {
            !self.has_role(role) && !others.iter().any(|other| other.roles.contains(*role))
        };
        let known_permission = |permission: &&Permission| {
            !self.permissions.contains(*permission)
                && !others
                    .iter()
                    .any(|other| other.permissions.contains(*permission))
        };
        let role = asked.roles.iter().find(known_role);
        role.map(|role| format!("role:{role}")).or_else(|| {
            let permission = asked.permissions.iter().find(known_permission);
            permission.map(ToString::to_string)
        })
    }
}

/// Returns the permissions of global roles and of roles in a tenant.
fn given(
    policy: &Policy,
    global: &BTreeSet<RoleName>,
    local: &BTreeSet<RoleName>,
) -> BTreeSet<Permission> {
    let mut permissions = policy.permissions_of(global);
    let local = policy.permissions_of(local).into_iter();
    permissions.extend(local.filter(counts_in_tenant));
    permissions
}

/// Each root rests on the longest assignment that gives it, and the tenant on the longest one in it; the token
/// ends with the first of those.
fn shortest(holder: &TokenSubject<'_>, roots: &BTreeSet<RoleName>) -> Option<Timestamp> {
    let roots = roots.iter().filter_map(|root| longest_for(holder, root));
    let in_tenant = holder.lasting().filter(|one| one.in_tenant);
    let ends = roots.chain(in_tenant.map(end_of).max()).min();
    ends.filter(|ends| *ends != Timestamp::MAX)
}

fn longest_for(holder: &TokenSubject<'_>, root: &RoleName) -> Option<Timestamp> {
    let seniors = holder.policy.seniors(root);
    let gives = |one: &&Assigned| seniors.contains(&one.role);
    let giving: Vec<&Assigned> = holder.lasting().filter(gives).collect();
    let globally = giving.iter().filter(|one| !one.in_tenant);
    let globally = globally.copied().map(end_of).max();
    // what only a global assignment can give ends with it, even if one in the tenant gives the rest for longer
    match globally {
        Some(ends) if is_more_globally(holder.policy, root) => Some(ends),
        _ => giving.into_iter().map(end_of).max(),
    }
}

/// Returns `true` if a role gives more when assigned globally than within a tenant.
fn is_more_globally(policy: &Policy, role: &RoleName) -> bool {
    policy.closure([role]).iter().any(RoleName::is_reserved)
        || !policy.permissions_of([role]).iter().all(counts_in_tenant)
}

fn end_of(one: &Assigned) -> Timestamp {
    one.ends.unwrap_or(Timestamp::MAX)
}

pub(crate) fn joined(permissions: &BTreeSet<Permission>) -> String {
    permissions
        .iter()
        .map(Permission::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests;
