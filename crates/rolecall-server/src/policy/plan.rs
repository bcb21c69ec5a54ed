//! The changes that a document would make, and the subjects that they affect.

use std::{collections::BTreeSet, sync::Arc};

use rolecall::PermissionName as _;
use rolecall_core::{
    Policy, PolicyBuilder, PolicySize, builtin,
    document::{Document, ParsedDocument, PolicyChange, PolicyComparison, affected_roles, diff},
};

use super::{
    plan_effects::{Counts, Plan, Shown, Subjects},
    service,
};
use crate::{
    app::App,
    authority::{
        caller::Caller,
        may,
        policy_limits::{check_policy, check_size},
        reads,
    },
    error::ApiError,
    heavy::Purpose,
    reasons::Reason,
    roles::{checks, holder_store::each_holder, open_roles, transition::Transition},
    settings::PolicyLimits,
};

/// The difference between the policy in force and a document.
#[derive(Clone)]
pub(super) struct Difference {
    /// The document as the database would return it.
    pub(super) wanted: Document,
    pub(super) changes: Vec<PolicyChange>,
    /// The policy after the changes.
    pub(super) policy: Policy,
}

/// Returns the changes that `parsed` would make now. It writes nothing.
///
/// Only a caller who may read users and their roles learns of subjects that would break a constraint or evade an
/// approval.
pub(crate) async fn plan(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
    shown: Shown,
) -> Result<Plan, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    plan_for(app, caller, parsed, shown).await
}

/// As [`plan`], for a document that the caller is about to import.
pub(crate) async fn plan_import(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
    shown: Shown,
) -> Result<Plan, ApiError> {
    reads::require(app, caller, may::WritePolicy::NAME).await?;
    plan_for(app, caller, parsed, shown).await
}

async fn plan_for(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
    shown: Shown,
) -> Result<Plan, ApiError> {
    let can_see_holders = reads::can_see_all_holders(app, caller).await?;
    let (own, wanted) = (app.clone(), parsed.document.clone());
    // everything that is large is read in the turn: the policy in force, and the holders of roles
    let work = move || async move { plan_in_turn(&own, wanted, can_see_holders, shown).await };
    app.heavy().run_reading(Purpose::Plan, work).await
}

async fn plan_in_turn(
    app: &App,
    wanted: Document,
    can_see_holders: bool,
    shown: Shown,
) -> Result<Plan, ApiError> {
    let mut conn = app.store().read().await?;
    let (policy, current) = service::read(app, &mut conn).await?;
    // nobody waits for a connection because of the work that follows
    drop(conn);
    let difference = compare(&app.settings().policy, &policy, &current, wanted)?;
    check_rules(app, &policy, &difference)?;
    let now = app.now();
    let affected = affected_roles(&policy, &difference.policy, &difference.changes);
    let comparison = PolicyComparison::new(&policy, &difference.policy);
    let mut plan = Plan {
        tag: service::tag_of(&current),
        changes: Vec::new(),
        roles: Vec::new(),
        subjects: Vec::new(),
        counts: Counts::default(),
        can_see_holders,
    };
    plan.add_roles(&comparison, &difference.changes, shown);
    let kept = if can_see_holders { shown.entries } else { 0 };
    let mut subjects = Subjects::new(&comparison, now, kept);
    let mut conn = app.store().read().await?;
    if can_see_holders {
        let transition = Transition::between(&policy, &difference.policy);
        checks::check(app, &mut conn, now, &transition).await?;
    }
    each_holder(&mut conn, &affected, |holder| subjects.add(&holder)).await?;
    drop(conn);
    subjects.show_in(&mut plan, shown);
    plan.counts.changes = difference.changes.len();
    plan.changes = difference.changes;
    Ok(plan)
}

/// A document, compared with the policy in force.
pub(super) struct Prepared {
    pub(super) policy: Arc<Policy>,
    /// The policy in force as a document.
    pub(super) current: Document,
    pub(super) difference: Difference,
}

/// Compares `parsed` with the policy in force, beside the threads of the runtime.
pub(super) async fn prepare(app: &App, parsed: &ParsedDocument) -> Result<Prepared, ApiError> {
    let mut conn = app.store().read().await?;
    let (policy, current) = service::read(app, &mut conn).await?;
    // nobody waits for a connection because of the work that follows
    drop(conn);
    let (wanted, limits) = (parsed.document.clone(), app.settings().policy.clone());
    let work = move || {
        let difference = compare(&limits, &policy, &current, wanted)?;
        Ok(Prepared {
            policy,
            current,
            difference,
        })
    };
    app.heavy().run(Purpose::Change, work).await
}

/// Compares the policy in force with the wanted one.
///
/// # Errors
///
/// Refused if the wanted one exceeds a limit, before it is compiled where possible.
pub(super) fn compare(
    limits: &PolicyLimits,
    policy: &Policy,
    current: &Document,
    mut wanted: Document,
) -> Result<Difference, ApiError> {
    wanted.tests.clear();
    for (role, entry) in &current.roles {
        if builtin::is_builtin(role) && !wanted.roles.contains_key(role) {
            let emptied = wanted.roles.entry(role.clone()).or_default();
            emptied.description.clone_from(&entry.description);
        }
    }
    check_size(limits, policy.size(), size_of(policy, &wanted))?;
    let changes = diff(current, &wanted);
    let after = after(policy, &wanted, &changes)?;
    check_policy(limits, policy, &after)?;
    Ok(Difference {
        wanted,
        changes,
        policy: after,
    })
}

/// Returns the size of the policy after the changes: the roles and permissions of rolecall's own stay.
fn size_of(policy: &Policy, wanted: &Document) -> PolicySize {
    let own = policy.permissions().filter(|one| one.is_reserved());
    let mut size = PolicySize {
        roles: wanted.roles.len(),
        permissions: wanted.permissions.len() + own.count(),
        ..PolicySize::default()
    };
    for entry in wanted.roles.values() {
        size.grants += entry.permissions.len();
        size.edges += entry.juniors.len();
    }
    for (_, rules) in policy.roles().filter(|(role, _)| role.is_reserved()) {
        size.roles += 1;
        size.grants += rules.permissions.len();
        size.edges += rules.juniors.len();
    }
    size
}

/// Returns the policy after the changes. Roles and permissions of rolecall's own stay as they are.
fn after(policy: &Policy, wanted: &Document, changes: &[PolicyChange]) -> Result<Policy, ApiError> {
    let mut rules = PolicyBuilder::from(policy);
    let (mut deleted, mut edited) = (BTreeSet::new(), BTreeSet::new());
    for change in changes {
        match change {
            PolicyChange::PermissionCreated { permission, .. } => {
                rules.permission(permission.clone());
            }
            PolicyChange::PermissionDeleted { permission } => {
                rules.remove_permission(permission);
            }
            PolicyChange::RoleDeleted { role } => {
                deleted.insert(role.clone());
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
            | PolicyChange::RoleAcr { role, .. }
            | PolicyChange::PermissionGranted { role, .. }
            | PolicyChange::PermissionRevoked { role, .. }
            | PolicyChange::JuniorAdded { role, .. }
            | PolicyChange::JuniorRemoved { role, .. } => {
                edited.insert(role);
            }
            PolicyChange::RoleDescribed { .. } | PolicyChange::PermissionDescribed { .. } => {}
        }
    }
    rules.remove_roles(&deleted);
    // once for each role, however many of its rules change
    for role in edited {
        if let Some(entry) = wanted.roles.get(role) {
            rules.set_role(role.clone(), entry.rules());
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
            return Err(ApiError::in_use("role", role, Reason::NamedByRegistration));
        }
    }
    open_roles::check(app, before, &difference.policy)
}
