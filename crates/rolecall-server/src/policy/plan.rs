//! What a document would change, and for whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rolecall_core::{
    AssignmentStatus, Permission, Policy, PolicyBuilder, RoleAssignment, RoleName, TenantName,
    Timestamp, builtin,
    document::{
        Document, ParsedDocument, PolicyChange, RoleEffect, affected_roles, diff, role_effects,
    },
};

use super::service;
use crate::{
    app::App,
    error::ApiError,
    roles::{holder_store, requests, separation, transition::Transition},
};

/// Two policies and what lies between them.
pub(super) struct Difference {
    /// As the database would give it back.
    pub(super) wanted: Document,
    pub(super) changes: Vec<PolicyChange>,
    /// The policy after the changes.
    pub(super) policy: Policy,
}

/// What would change.
pub(crate) struct Plan {
    /// The tag of the policy that is in force.
    pub(crate) tag: String,
    pub(crate) changes: Vec<PolicyChange>,
    /// For each role, what it gives in the end.
    pub(crate) roles: Vec<(RoleName, RoleEffect)>,
    /// Whoever gains or loses something, by name.
    pub(crate) subjects: Vec<Affected>,
}

/// A user or client for whom something changes.
pub(crate) struct Affected {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Where that is so; `None` for without a tenant, and so in all.
    pub(crate) tenant: Option<TenantName>,
    pub(crate) effect: Arc<RoleEffect>,
}

/// What `parsed` would change now. Nothing is written.
///
/// Whether somebody would break a constraint, or go round a second person, is told only to who `may_see` who has which role.
pub(crate) async fn plan(
    app: &App,
    parsed: &ParsedDocument,
    may_see: bool,
) -> Result<Plan, ApiError> {
    let mut conn = app.store().read().await?;
    let (policy, current) = service::read(app, &mut conn).await?;
    let difference = compare(&policy, &current, parsed)?;
    demand_rules(app, &difference.changes)?;
    if may_see {
        let (now, transition) = (app.now(), Transition::between(&policy, &difference.policy));
        requests::check_approval_bypass(&mut conn, now, &transition).await?;
        separation::demand_apart(app, &mut conn, now, &transition).await?;
    }
    let changes = difference.changes;
    let affected = affected_roles(&policy, &difference.policy, &changes);
    let holders = holder_store::holders_of(&mut conn, &affected).await?;
    let mut subjects = Vec::new();
    let mut between = Between {
        old: &policy,
        new: &difference.policy,
        known: BTreeMap::new(),
    };
    for holder in holders.into_values() {
        between.add(&holder, app.now(), &mut subjects);
    }
    subjects.sort_by(|a, b| (&a.name, &a.id, &a.tenant).cmp(&(&b.name, &b.id, &b.tenant)));
    Ok(Plan {
        tag: service::tag_of(&current),
        roles: role_effects(&policy, &difference.policy, &changes),
        changes,
        subjects,
    })
}

/// What lies between the policy that is in force and the one that is wanted.
pub(super) fn compare(
    policy: &Policy,
    current: &Document,
    parsed: &ParsedDocument,
) -> Result<Difference, ApiError> {
    let mut wanted = parsed.document.clone();
    wanted.tests.clear();
    for (role, entry) in &current.roles {
        if builtin::is_builtin(role) && !wanted.roles.contains_key(role) {
            let emptied = wanted.roles.entry(role.clone()).or_default();
            emptied.description.clone_from(&entry.description);
        }
    }
    let changes = diff(current, &wanted);
    let policy = after(policy, &wanted, &changes)?;
    Ok(Difference {
        wanted,
        changes,
        policy,
    })
}

/// The policy with the changes made: what is rolecall's own stays as the database has it.
fn after(policy: &Policy, wanted: &Document, changes: &[PolicyChange]) -> Result<Policy, ApiError> {
    let mut rules = PolicyBuilder::from(policy);
    for change in changes {
        match change {
            PolicyChange::PermissionCreated { permission, .. } => {
                rules.permission(permission.clone());
            }
            PolicyChange::PermissionDeleted { permission } => {
                rules.remove_permission(permission);
            }
            PolicyChange::RoleDeleted { role } => {
                rules.remove_role(role);
            }
            PolicyChange::ConstraintCreated { constraint, rule }
            | PolicyChange::ConstraintReplaced { constraint, rule } => {
                rules.constraint(constraint.clone(), rule.clone());
            }
            PolicyChange::ConstraintDeleted { constraint } => {
                rules.remove_constraint(constraint);
            }
            _ => {}
        }
        if let Some((role, entry)) = change
            .role()
            .and_then(|role| wanted.roles.get_key_value(role))
        {
            rules.set_role(role.clone(), entry.rules());
        }
    }
    rules.build().map_err(ApiError::internal)
}

/// What stands against a change whoever makes it.
pub(super) fn demand_rules(app: &App, changes: &[PolicyChange]) -> Result<(), ApiError> {
    for change in changes {
        if let PolicyChange::RoleDeleted { role } = change
            && app.settings().registration_roles.contains(role)
        {
            return Err(ApiError::InUse {
                kind: "role",
                name: role.to_string(),
                by: "`registration.roles` names it".into(),
            });
        }
    }
    Ok(())
}

/// The roles that count: global ones, and those of one tenant.
type Roles = (BTreeSet<RoleName>, BTreeSet<RoleName>);

/// What changes for whom; people with the same roles are looked at once.
struct Between<'p> {
    old: &'p Policy,
    new: &'p Policy,
    known: BTreeMap<Roles, Arc<RoleEffect>>,
}

impl Between<'_> {
    fn add(&mut self, holder: &holder_store::Holder, now: Timestamp, into: &mut Vec<Affected>) {
        let global = self.effect(&holder.assignments, None, now);
        let tenants: BTreeSet<&TenantName> = holder
            .assignments
            .iter()
            .filter_map(|given| given.tenant.as_ref())
            .collect();
        let mut found = Vec::new();
        for tenant in tenants {
            let effect = self.effect(&holder.assignments, Some(tenant), now);
            if effect != global {
                found.push((Some(tenant.clone()), effect));
            }
        }
        found.push((None, global));
        for (tenant, effect) in found.into_iter().filter(|(_, effect)| !effect.is_empty()) {
            into.push(Affected {
                id: holder.id.clone(),
                kind: holder.kind.clone(),
                name: holder.name.clone(),
                tenant,
                effect,
            });
        }
    }

    fn effect(
        &mut self,
        assignments: &[RoleAssignment],
        tenant: Option<&TenantName>,
        now: Timestamp,
    ) -> Arc<RoleEffect> {
        let counts =
            |given: &&RoleAssignment| given.status(tenant, now) == AssignmentStatus::InForce;
        let in_force = assignments.iter().filter(counts);
        let (global, local): (Vec<_>, Vec<_>) = in_force.partition(|given| given.tenant.is_none());
        let names =
            |given: Vec<&RoleAssignment>| given.iter().map(|one| one.role.clone()).collect();
        let roles: Roles = (names(global), names(local));
        if let Some(known) = self.known.get(&roles) {
            return Arc::clone(known);
        }
        let (old, new) = (given(self.old, &roles), given(self.new, &roles));
        let effect = Arc::new(RoleEffect::of((&old.0, &old.1), (&new.0, &new.1)));
        self.known.insert(roles, Arc::clone(&effect));
        effect
    }
}

/// What roles give; those of a tenant give nothing of rolecall's own that is not for a tenant.
fn given(policy: &Policy, (global, local): &Roles) -> (BTreeSet<Permission>, BTreeSet<RoleName>) {
    let mut permissions = policy.permissions_of(global);
    let of_tenant = policy.permissions_of(local).into_iter();
    permissions.extend(of_tenant.filter(rolecall_core::counts_in_tenant));
    (permissions, policy.closure_in_tenant(global, local))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let policy = made.build().unwrap();
        let texts = |(global, local): (&[&str], &[&str])| {
            let roles = |names: &[&str]| names.iter().map(|one| name(one)).collect();
            let (permissions, roles) = given(&policy, &(roles(global), roles(local)));
            let permissions: Vec<String> = permissions.iter().map(ToString::to_string).collect();
            let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
            (permissions.join(" "), roles.join(" "))
        };
        let local = texts((&[], &["boss"]));
        assert_eq!(local.0, "items:read rolecall.assignments:read");
        assert_eq!(local.1, "boss user");
        let global = texts((&["boss"], &[]));
        assert!(global.0.contains("rolecall.users:read"), "{global:?}");
        assert_eq!(global.1, "boss rolecall.resource-server user");
    }
}
