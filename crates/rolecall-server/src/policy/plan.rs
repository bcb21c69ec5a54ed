//! The changes that a document would make, and the subjects that they affect.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rolecall::PermissionName as _;
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
    authority::{caller::Caller, may, reads},
    error::ApiError,
    roles::{holder_store, open_roles, requests, separation, transition::Transition},
};

/// The difference between the policy in force and a document.
pub(super) struct Difference {
    /// The document as the database would return it.
    pub(super) wanted: Document,
    pub(super) changes: Vec<PolicyChange>,
    /// The policy after the changes.
    pub(super) policy: Policy,
}

/// The changes that a document would make.
pub(crate) struct Plan {
    /// The tag of the policy that is in force.
    pub(crate) tag: String,
    pub(crate) changes: Vec<PolicyChange>,
    /// For each role, the permissions and roles that it gains and loses.
    pub(crate) roles: Vec<(RoleName, RoleEffect)>,
    /// The subjects that gain or lose something, by name.
    pub(crate) subjects: Vec<AffectedSubject>,
    /// True if the caller may read users and their roles. Otherwise `subjects` is only for counting.
    pub(crate) can_see_holders: bool,
}

/// A user or client who gains or loses something.
pub(crate) struct AffectedSubject {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The tenant in which it applies; `None` outside of tenants, and in those that are not listed.
    pub(crate) tenant: Option<TenantName>,
    pub(crate) effect: Arc<RoleEffect>,
}

/// Returns the changes that `parsed` would make now. It writes nothing.
///
/// Only a caller who may read users and their roles learns of subjects that would break a constraint or evade an
/// approval.
pub(crate) async fn plan(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
) -> Result<Plan, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    plan_for(app, caller, parsed).await
}

/// As [`plan`], for a document that the caller is about to import.
pub(crate) async fn plan_import(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
) -> Result<Plan, ApiError> {
    reads::require(app, caller, may::WritePolicy::NAME).await?;
    plan_for(app, caller, parsed).await
}

async fn plan_for(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
) -> Result<Plan, ApiError> {
    let can_see_holders = reads::can_see_all_holders(app, caller).await?;
    let mut conn = app.store().read().await?;
    let (policy, current) = service::read(app, &mut conn).await?;
    let difference = compare(&policy, &current, parsed)?;
    check_rules(app, &policy, &difference)?;
    if can_see_holders {
        let (now, transition) = (app.now(), Transition::between(&policy, &difference.policy));
        requests::check_approval_bypass(&mut conn, now, &transition).await?;
        separation::check_policy_change(app, &mut conn, now, &transition).await?;
    }
    let changes = difference.changes;
    let affected = affected_roles(&policy, &difference.policy, &changes);
    let holders = holder_store::holders_of(&mut conn, &affected).await?;
    let mut subjects = Vec::new();
    let mut effects = SubjectEffects {
        old: &policy,
        new: &difference.policy,
        known: BTreeMap::new(),
    };
    for holder in holders.into_values() {
        effects.add(&holder, app.now(), &mut subjects);
    }
    subjects.sort_by(|a, b| (&a.name, &a.id, &a.tenant).cmp(&(&b.name, &b.id, &b.tenant)));
    Ok(Plan {
        tag: service::tag_of(&current),
        roles: role_effects(&policy, &difference.policy, &changes),
        changes,
        subjects,
        can_see_holders,
    })
}

/// Compares the policy in force with the wanted one.
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

/// Returns the policy after the changes. Roles and permissions of rolecall's own stay as they are.
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
            PolicyChange::RoleCreated { role, .. }
            | PolicyChange::RoleApproval { role, .. }
            | PolicyChange::RoleByName { role, .. }
            | PolicyChange::PermissionGranted { role, .. }
            | PolicyChange::PermissionRevoked { role, .. }
            | PolicyChange::JuniorAdded { role, .. }
            | PolicyChange::JuniorRemoved { role, .. } => {
                if let Some(entry) = wanted.roles.get(role) {
                    rules.set_role(role.clone(), entry.rules());
                }
            }
            PolicyChange::RoleDescribed { .. } | PolicyChange::PermissionDescribed { .. } => {}
        }
    }
    rules.build().map_err(ApiError::internal)
}

/// Refuses changes that no caller may make.
pub(super) fn check_rules(
    app: &App,
    before: &Policy,
    difference: &Difference,
) -> Result<(), ApiError> {
    for change in &difference.changes {
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
    open_roles::check(app, before, &difference.policy)
}

/// The roles in force: global ones, and those of one tenant.
type Roles = (BTreeSet<RoleName>, BTreeSet<RoleName>);

/// Computes the effect of the changes on subjects; subjects with the same roles are computed once.
struct SubjectEffects<'p> {
    old: &'p Policy,
    new: &'p Policy,
    known: BTreeMap<Roles, Arc<RoleEffect>>,
}

impl SubjectEffects<'_> {
    fn add(
        &mut self,
        holder: &holder_store::Holder,
        now: Timestamp,
        into: &mut Vec<AffectedSubject>,
    ) {
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
            into.push(AffectedSubject {
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

/// Returns the permissions and roles that `roles` give. In a tenant, of rolecall's own permissions only those for
/// assignments count.
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
