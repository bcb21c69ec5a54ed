//! Putting a document in force: one transaction, by the same rules as the single edits.

use super::{
    plan::{Difference, compare, demand_rules},
    service, store as own,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::ApiError,
    roles::{
        constraint_store, requests, separation, service as service_of_roles, store,
        transition::Transition,
    },
    store::Change,
};
use rolecall::PermissionName as _;
use std::collections::BTreeSet;

use rolecall_core::{
    ConstraintName, FloorKind, PermissionPattern, Policy, PolicyBuilder, RoleName,
    document::{Document, ParsedDocument, PolicyChange as Edit},
};
use serde_json::{Value, json};

/// On what policy a document is to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Whatever is there.
    Any,
    /// One with one of these tags.
    Tags(Vec<String>),
}

/// What was done.
pub(crate) struct Applied {
    pub(crate) changes: Vec<Edit>,
    /// The tag of the policy that is in force now.
    pub(crate) tag: String,
}

/// Puts `parsed` in the place of the policy.
///
/// # Errors
///
/// Nothing was changed then: the policy is another one than `if_match` says, a rule stands against a change,
/// or the caller does not hold what a role holds that is changed, before or after.
pub(crate) async fn apply(
    app: &App,
    caller: Caller<'_>,
    parsed: &ParsedDocument,
    if_match: &IfMatch,
) -> Result<Applied, ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WritePolicy::NAME).await?;
        let policy = &rights.policy;
        let current = service::document_of(policy, change.conn()).await?;
        if let IfMatch::Tags(tags) = if_match
            && !tags.contains(&service::tag_of(&current))
        {
            return Err(ApiError::Stale);
        }
        let (applied, _) = put(app, change, &rights, &current, parsed).await?;
        Ok(applied)
    })
    .await
}

/// The same in the place of `current`, inside a change that does more; also the policy that is in force then.
pub(super) async fn put(
    app: &App,
    change: &mut Change<'_>,
    rights: &Rights,
    current: &Document,
    parsed: &ParsedDocument,
) -> Result<(Applied, Policy), ApiError> {
    let policy = &rights.policy;
    let difference = compare(policy, current, parsed)?;
    demand_rules(app, &difference.changes)?;
    demand_authority(rights, &difference)?;
    let now = change.now();
    let transition = Transition::between(policy, &difference.policy);
    // before anything is written: what somebody had by a role that goes was theirs
    requests::check_approval_bypass(change.conn(), now, &transition).await?;
    for edit in &difference.changes {
        write(change, edit).await?;
        change.record(told(edit));
    }
    separation::demand_apart(app, change.conn(), now, &transition).await?;
    separation::end_tokens(change, &transition);
    mark(change, &difference.changes);
    for role in losing(policy, &difference.changes) {
        change.raise_floor(FloorKind::Role, role.as_str());
    }
    let applied = Applied {
        tag: service::tag_of(&difference.wanted),
        changes: difference.changes,
    };
    Ok((applied, difference.policy))
}

/// The delegation limit: who changes a role must hold what it held before, and what it holds afterwards.
fn demand_authority(rights: &Rights, difference: &Difference) -> Result<(), ApiError> {
    let policy = &rights.policy;
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    let mut made = PolicyBuilder::from(&***policy);
    for edit in &difference.changes {
        match edit {
            // as long as a role is empty it gives nothing, by its name neither
            Edit::RoleCreated { role, .. } => {
                made.role(role.clone());
            }
            Edit::PermissionDeleted { permission }
            | Edit::PermissionDescribed { permission, .. } => {
                let pattern = PermissionPattern::from(permission.clone());
                let covers = rights.authority.covers_pattern(&pattern);
                covers.map_err(ApiError::Exceeds)?;
            }
            Edit::PermissionGranted { role, .. } => {
                before.insert(role);
                after.insert(role);
            }
            Edit::JuniorAdded { role, junior } => {
                before.extend([role, junior]);
                after.insert(role);
            }
            // weaker or stronger: it is about all that its roles hold
            Edit::ConstraintCreated { constraint, rule }
            | Edit::ConstraintReplaced { constraint, rule } => {
                after.extend(&rule.roles);
                before.extend(roles_of(policy, constraint));
            }
            Edit::ConstraintDeleted { constraint } => before.extend(roles_of(policy, constraint)),
            other => before.extend(other.role()),
        }
    }
    let made = made.build().map_err(ApiError::internal)?;
    rights.cover_under(&made, before)?;
    rights.cover_under(&difference.policy, after)
}

/// The roles that a constraint is about.
fn roles_of<'p>(policy: &'p Policy, name: &ConstraintName) -> impl Iterator<Item = &'p RoleName> {
    let constraint = policy.constraint(name.as_str());
    constraint.into_iter().flat_map(|one| &one.roles)
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
            own::update_permission(change, permission, description).await?;
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

/// The roles of which something is lost, as the single edits say it. `policy` is the one before all changes:
/// what was below a role then is all that a token can have from it.
fn losing(policy: &Policy, edits: &[Edit]) -> BTreeSet<RoleName> {
    let (mut losing, mut with_all_below) = (BTreeSet::new(), BTreeSet::new());
    let mut objects: BTreeSet<&str> = BTreeSet::new();
    for edit in edits {
        match edit {
            Edit::PermissionRevoked { role, .. } => {
                losing.insert(role.clone());
            }
            // the roles below it too: a token may carry one of them alone, activated by way of this role
            Edit::RoleDeleted { role } => {
                with_all_below.insert(role);
            }
            Edit::JuniorRemoved { role, junior } => {
                losing.insert(role.clone());
                with_all_below.insert(junior);
            }
            Edit::PermissionDeleted { permission } => {
                objects.insert(permission.object());
            }
            _ => {}
        }
    }
    losing.extend(policy.closure(with_all_below));
    // what is deleted may be held through a wildcard: those roles lose it
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

/// With so many changes others read the whole policy anew rather than what changed.
const MANY: usize = 50;

/// Says what others have to read anew; descriptions are none of it.
fn mark(change: &mut Change<'_>, edits: &[Edit]) {
    let is_description = |edit: &&Edit| {
        matches!(
            edit,
            Edit::RoleDescribed { .. } | Edit::PermissionDescribed { .. }
        )
    };
    let edits: Vec<&Edit> = edits.iter().filter(|edit| !is_description(edit)).collect();
    if edits.len() > MANY {
        return change.policy_changed();
    }
    for edit in edits {
        match edit {
            Edit::PermissionCreated { permission, .. } | Edit::PermissionDeleted { permission } => {
                change.permission_changed(permission);
            }
            Edit::ConstraintCreated { .. }
            | Edit::ConstraintReplaced { .. }
            | Edit::ConstraintDeleted { .. } => change.policy_changed(),
            other => other
                .role()
                .into_iter()
                .for_each(|role| change.role_changed(role)),
        }
    }
}

/// The change as the audit log has it: without descriptions, which are for people.
fn told(edit: &Edit) -> Value {
    let mut told = json!(edit);
    if let Some(members) = told.as_object_mut() {
        members.remove("description");
    }
    told
}
