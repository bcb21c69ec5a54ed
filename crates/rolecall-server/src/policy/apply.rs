//! Putting a document in force: one transaction, by the same rules as the single edits.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{
    PermissionPattern, Policy, PolicyBuilder, RoleName,
    document::{Document, ParsedDocument, PolicyChange as Edit},
};
use serde_json::{Value, json};

use super::{
    affected::{Affected, Reload, affected},
    history,
    plan::{Difference, Prepared, check_rules, compare, prepare},
    service, store as descriptions,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::ApiError,
    roles::{checks::Checks, constraint_store, losses, service as service_of_roles, store},
    store::Change,
};

/// The policy that a document may replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Any policy.
    Any,
    /// A policy with one of these tags.
    Tags(Vec<String>),
}

/// The changes that were made.
pub(crate) struct Applied {
    pub(crate) changes: Vec<Edit>,
    /// The tag of the policy that is in force now.
    pub(crate) tag: String,
}

/// Replaces the policy with `parsed`.
///
/// # Errors
///
/// Nothing is changed if the policy has none of the tags of `if_match`, a rule forbids a change, or the caller does not
/// hold what a changed role holds, before and after.
pub(crate) async fn apply(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
    if_match: &IfMatch,
) -> Result<Applied, ApiError> {
    // everybody who writes waits for the change, so most of the work is done before it
    let prepared = prepare(app, parsed).await?;
    let checks = Checks::default();
    loop {
        let done = app.change(caller, async |change| {
            let rights = Rights::require(app, change, caller, may::WritePolicy::NAME).await?;
            let current = service::document_of(&rights.policy, change.conn()).await?;
            if let IfMatch::Tags(tags) = if_match
                && !tags.contains(&service::tag_of(&current))
            {
                return Err(ApiError::Stale);
            }
            let difference = difference_now(app, &rights, &current, &prepared, parsed)?;
            let (applied, _) = put(app, change, &rights, (&current, difference), &checks).await?;
            Ok(applied)
        });
        let done = done.await;
        if let Some(done) = checks.outcome(app, caller, done).await {
            return done;
        }
    }
}

/// Returns the difference that was prepared, or that of a policy that has changed since.
pub(super) fn difference_now(
    app: &App,
    rights: &Rights,
    current: &Document,
    prepared: &Prepared,
    parsed: &ParsedDocument,
) -> Result<Difference, ApiError> {
    if *current == prepared.current && *rights.policy.policy == *prepared.policy {
        return Ok(prepared.difference.clone());
    }
    compare_in(app, rights, current, parsed)
}

/// Compares `parsed` with the policy of a change.
pub(super) fn compare_in(
    app: &App,
    rights: &Rights,
    current: &Document,
    parsed: &ParsedDocument,
) -> Result<Difference, ApiError> {
    let limits = &app.settings().policy;
    compare(limits, &rights.policy, current, parsed.document.clone())
}

/// Makes the changes of `difference` from the `current` policy inside a larger change, and also returns the new policy.
pub(super) async fn put(
    app: &App,
    change: &mut Change<'_>,
    rights: &Rights,
    (current, difference): (&Document, Difference),
    checks: &Checks,
) -> Result<(Applied, Policy), ApiError> {
    let policy = &rights.policy;
    check_rules(app, policy, &difference)?;
    check_authority(rights, &difference)?;
    let after = &difference.policy;
    checks.require(app, change, &policy.policy, after).await?;
    let effects = difference.changes.iter();
    let effects: Vec<Affected<'_>> = effects.map(|edit| affected(edit, policy)).collect();
    let losing = losing(policy, &effects);
    let lost = losses::between(policy, after, &losing);
    losses::end_tokens(change, policy, &losing, lost).await?;
    for edit in &difference.changes {
        write(change, edit).await?;
        change.record(audit_entry(edit));
    }
    mark_stale(change, &effects);
    if !difference.changes.is_empty() {
        history::keep(change, current, &difference.wanted).await?;
    }
    let applied = Applied {
        tag: service::tag_of(&difference.wanted),
        changes: difference.changes,
    };
    Ok((applied, difference.policy))
}

/// Checks the delegation limit: the caller must hold all that a changed role holds, before and after.
fn check_authority(rights: &Rights, difference: &Difference) -> Result<(), ApiError> {
    let policy = &rights.policy;
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    let mut with_created = PolicyBuilder::from(&***policy);
    for edit in &difference.changes {
        let affected = affected(edit, policy);
        if let Some(role) = affected.created {
            with_created.role(role.clone());
        }
        if let Some(permission) = affected.permission {
            let pattern = PermissionPattern::from(permission.clone());
            let covers = rights.authority.covers_pattern(&pattern);
            covers.map_err(ApiError::Exceeds)?;
        }
        for role in edit.role().into_iter().chain(affected.constrained) {
            rights.cover_open_role(role)?;
        }
        before.extend(affected.before);
        after.extend(affected.after);
    }
    let with_created = with_created.build().map_err(ApiError::internal)?;
    rights.cover_under(&with_created, before)?;
    rights.cover_under(&difference.policy, after)
}

async fn write(change: &mut Change<'_>, edit: &Edit) -> Result<(), ApiError> {
    match edit {
        Edit::PermissionCreated {
            permission,
            description,
        } => {
            store::insert_permission(change, permission, description).await?;
        }
        Edit::PermissionDescribed {
            permission,
            description,
        } => {
            descriptions::update_permission(change, permission, description).await?;
        }
        Edit::PermissionDeleted { permission } => {
            store::delete_permission(change, permission).await?;
        }
        Edit::RoleCreated { role, description } => {
            store::insert_role(change, role, description).await?;
        }
        Edit::RoleDescribed { role, description } => {
            store::update_role(change, role, description).await?;
        }
        Edit::RoleDeleted { role } => {
            service_of_roles::remove(change, role).await?;
        }
        Edit::PermissionGranted { role, permission } => {
            store::insert_grant(change, role, permission).await?;
        }
        Edit::PermissionRevoked { role, permission } => {
            store::delete_grant(change, role, permission).await?;
        }
        Edit::JuniorAdded { role, junior } => {
            store::insert_junior(change, role, junior).await?;
        }
        Edit::JuniorRemoved { role, junior } => {
            store::delete_junior(change, role, junior).await?;
        }
        Edit::RoleApproval { role, approval } => {
            store::set_approval(change, role, *approval).await?;
        }
        Edit::RoleByName { role, by_name } => {
            store::set_by_name(change, role, *by_name).await?;
        }
        Edit::RoleAcr { role, acr } => {
            store::set_acr(change, role, *acr).await?;
        }
        Edit::ConstraintCreated { constraint, rule }
        | Edit::ConstraintReplaced { constraint, rule } => {
            constraint_store::put(change, constraint, rule).await?;
        }
        Edit::ConstraintDeleted { constraint } => {
            constraint_store::delete(change, constraint).await?;
        }
    }
    Ok(())
}

/// Returns the roles that lose something, as the single edits find them. `policy` is the one before all changes, since
/// a token can have no more from a role than it gave then.
fn losing(policy: &Policy, effects: &[Affected<'_>]) -> BTreeSet<RoleName> {
    let below = effects.iter().filter_map(|one| one.losing_below);
    let mut losing = policy.closure(below);
    losing.extend(effects.iter().filter_map(|one| one.losing).cloned());
    let objects = effects.iter().filter_map(|one| one.losing_wildcard);
    let objects: BTreeSet<&str> = objects.collect();
    for (role, rules) in policy.roles() {
        let mut wildcards = rules
            .permissions
            .iter()
            .filter_map(|held| held.wildcard_object());
        if wildcards.any(|object| objects.contains(object)) {
            losing.insert(role.clone());
        }
    }
    losing
}

/// Above this number of changes, other nodes read the whole policy again.
const MAX_PARTIAL_RELOADS: usize = 50;

/// Marks what other nodes have to read again.
fn mark_stale(change: &mut Change<'_>, effects: &[Affected<'_>]) {
    let reloads = effects.iter().map(|one| one.reload);
    let reloads: Vec<Reload<'_>> = reloads.filter(|one| *one != Reload::Nothing).collect();
    if reloads.len() > MAX_PARTIAL_RELOADS {
        return change.policy_changed();
    }
    for reload in reloads {
        match reload {
            Reload::Nothing => {}
            Reload::Role(role) => change.role_changed(role),
            Reload::Permission(permission) => change.permission_changed(permission),
            Reload::Policy => change.policy_changed(),
        }
    }
}

/// Returns the audit entry of a change: without descriptions, which are for people.
fn audit_entry(edit: &Edit) -> Value {
    let mut entry = json!(edit);
    if let Some(members) = entry.as_object_mut() {
        members.remove("description");
    }
    entry
}
