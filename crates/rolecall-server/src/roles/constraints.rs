//! The rules for constraints: separation of duties (ANSI INCITS 359, SSD and DSD).

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{
    Constraint, ConstraintError, ConstraintKind, ConstraintName, ConstraintScope, MAX_CONSTRAINTS,
    Policy, PolicyBuilder, PolicyError, RoleName,
};
use serde_json::json;

use super::{checks::Checks, constraint_store, names::check_name};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    error::{ApiError, FieldError},
    reasons::Reason,
    store::Change,
};

/// A constraint with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedConstraint {
    pub(crate) name: ConstraintName,
    pub(crate) constraint: Constraint,
}

/// Returns up to `limit` constraints whose name is above `after`, by name (`SsdRoleSets`, `DsdRoleSets`).
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<NamedConstraint>, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let limit = usize::try_from(limit).unwrap_or(0);
    let later = policy.constraints();
    let later = later.filter(|(name, _)| name.as_str() > after);
    Ok(later.take(limit).map(named).collect())
}

/// Returns a constraint.
///
/// # Errors
///
/// Refused if there is no such constraint.
pub(crate) async fn get(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
) -> Result<NamedConstraint, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    read(app, name).await
}

async fn read(app: &App, name: &ConstraintName) -> Result<NamedConstraint, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let constraint = find(&policy, name)?;
    Ok(named((name, &constraint)))
}

fn named((name, constraint): (&ConstraintName, &Constraint)) -> NamedConstraint {
    NamedConstraint {
        name: name.clone(),
        constraint: constraint.clone(),
    }
}

fn find(policy: &Policy, name: &ConstraintName) -> Result<Constraint, ApiError> {
    let found = policy.constraint(name.as_str()).cloned();
    found.ok_or_else(|| ApiError::unknown("constraint", name))
}

/// The members of a new constraint beside its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewConstraint<'a> {
    pub(crate) kind: ConstraintKind,
    pub(crate) roles: &'a [RoleName],
    pub(crate) at_most: u32,
    /// The roles that a dynamic constraint counts together; not for a static one.
    pub(crate) per: Option<ConstraintScope>,
}

/// Creates a constraint (`CreateSsdSet`, `CreateDsdSet`).
///
/// # Errors
///
/// Refused if the name is reserved or exists, a role does not exist or is listed twice, `at_most` does not fit the
/// number of roles, or a subject breaks the constraint already.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
    wanted: NewConstraint<'_>,
) -> Result<NamedConstraint, ApiError> {
    check_name(name.as_str())?;
    let constraint = Constraint::new(wanted.kind, distinct(wanted.roles)?, wanted.at_most);
    let constraint = constraint.and_then(|one| match wanted.per {
        Some(_) if one.kind == ConstraintKind::Static => Err(ConstraintError::StaticScope),
        per => one.with_scope(per.unwrap_or_default()),
    });
    let constraint = constraint.map_err(|error| invalid(&error))?;
    let checks = Checks::default();
    loop {
        let done = app.change(caller, async |change| {
            let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
            if rights.policy.constraint(name.as_str()).is_some() {
                return Err(ApiError::already_there("constraint", name));
            }
            if rights.policy.constraints().count() >= MAX_CONSTRAINTS {
                let most = MAX_CONSTRAINTS.to_string();
                let reason = Reason::TooManyConstraints { most };
                return Err(ApiError::because(reason, Vec::new()));
            }
            put(app, change, &rights, (name, &constraint), &checks).await?;
            change.record(audit_entry("constraint.created", name, &constraint));
            Ok(named((name, &constraint)))
        });
        let done = done.await;
        if let Some(done) = checks.outcome(app, caller, done).await {
            return done;
        }
    }
}

/// Returns the roles as a set.
///
/// # Errors
///
/// Refused if a role is listed twice.
fn distinct(roles: &[RoleName]) -> Result<BTreeSet<RoleName>, ApiError> {
    let mut set = BTreeSet::new();
    for role in roles {
        if !set.insert(role.clone()) {
            let role = role.to_string();
            return Err(ApiError::Invalid(FieldError::because(
                "roles",
                "duplicate",
                Reason::RoleTwice { role },
            )));
        }
    }
    Ok(set)
}

/// A change of a constraint.
#[derive(Clone, Debug)]
pub(crate) enum ConstraintEdit {
    /// `AddSsdRoleMember`, `AddDsdRoleMember`.
    AddRole(RoleName),
    /// `DeleteSsdRoleMember`, `DeleteDsdRoleMember`.
    RemoveRole(RoleName),
    /// `SetSsdSetCardinality`, `SetDsdSetCardinality`.
    AtMost(u32),
    /// The roles that a dynamic constraint counts together.
    Per(ConstraintScope),
}

/// Returns the edits that turn a constraint into one with these members, in an order in which each is possible: roles come
/// before the number that counts them, and go after it.
pub(crate) fn edits_to(
    before: &Constraint,
    roles: &BTreeSet<RoleName>,
    at_most: u32,
    per: ConstraintScope,
) -> Vec<ConstraintEdit> {
    let added = roles.difference(&before.roles).cloned();
    let removed = before.roles.difference(roles).cloned();
    let mut edits: Vec<ConstraintEdit> = added.map(ConstraintEdit::AddRole).collect();
    if at_most != before.at_most {
        edits.push(ConstraintEdit::AtMost(at_most));
    }
    if per != before.per {
        edits.push(ConstraintEdit::Per(per));
    }
    edits.extend(removed.map(ConstraintEdit::RemoveRole));
    edits
}

/// Changes the number of roles that a constraint allows together, and what it counts, as far as they are given.
///
/// # Errors
///
/// As [`edit`].
pub(crate) async fn update(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
    at_most: Option<u32>,
    per: Option<ConstraintScope>,
) -> Result<NamedConstraint, ApiError> {
    let edits = at_most.map(ConstraintEdit::AtMost).into_iter();
    let edits: Vec<ConstraintEdit> = edits.chain(per.map(ConstraintEdit::Per)).collect();
    if !edits.is_empty() {
        return edit_all(app, caller, name, &edits).await;
    }
    reads::require(app, caller, may::WriteRoles::NAME).await?;
    read(app, name).await
}

/// Changes a constraint.
///
/// # Errors
///
/// As [`create`], and if too few roles would be left.
pub(crate) async fn edit(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
    edit: &ConstraintEdit,
) -> Result<NamedConstraint, ApiError> {
    edit_all(app, caller, name, std::slice::from_ref(edit)).await
}

/// Makes several changes of a constraint in one transaction: all of them, or none.
///
/// # Errors
///
/// As [`edit`].
pub(crate) async fn edit_all(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
    edits: &[ConstraintEdit],
) -> Result<NamedConstraint, ApiError> {
    let checks = Checks::default();
    loop {
        let done = app.change(caller, async |change| {
            let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
            let before = find(&rights.policy, name)?;
            cover_roles(&rights, &before)?;
            let mut after = before.clone();
            for edit in edits {
                after = apply_edit(after, name, edit)?;
            }
            if after != before {
                put(app, change, &rights, (name, &after), &checks).await?;
                change.record(audit_entry("constraint.replaced", name, &after));
            }
            Ok(named((name, &after)))
        });
        let done = done.await;
        if let Some(done) = checks.outcome(app, caller, done).await {
            return done;
        }
    }
}

/// Returns the refusal to remove a role without which the constraint would say nothing.
fn needs_role(name: &ConstraintName, role: &RoleName, error: &ConstraintError) -> ApiError {
    let constraint = name.to_string();
    let reason = match error {
        ConstraintError::TooFewRoles => Reason::ConstraintTooFewRoles { constraint },
        ConstraintError::AtMost { roles } => Reason::ConstraintTooHigh {
            constraint,
            roles: roles.to_string(),
        },
        ConstraintError::StaticScope | ConstraintError::UnknownRole(_) => return invalid(error),
    };
    ApiError::because(reason, vec![role.clone()])
}

fn apply_edit(
    before: Constraint,
    name: &ConstraintName,
    edit: &ConstraintEdit,
) -> Result<Constraint, ApiError> {
    match edit {
        ConstraintEdit::AddRole(role) => Ok(before.with_role(role.clone())),
        ConstraintEdit::RemoveRole(role) => before
            .without_role(role)
            .map_err(|error| needs_role(name, role, &error)),
        ConstraintEdit::AtMost(at_most) => before
            .with_at_most(*at_most)
            .map_err(|error| invalid(&error)),
        ConstraintEdit::Per(_) if before.kind == ConstraintKind::Static => {
            Err(invalid(&ConstraintError::StaticScope))
        }
        ConstraintEdit::Per(per) => before.with_scope(*per).map_err(|error| invalid(&error)),
    }
}

/// Checks the delegation limit for a constraint: it changes all its roles, those of registration too.
fn cover_roles(rights: &Rights, constraint: &Constraint) -> Result<(), ApiError> {
    rights.cover(&constraint.roles)?;
    let mut roles = constraint.roles.iter();
    roles.try_for_each(|role| rights.cover_open_role(role))
}

/// Writes a constraint, unless a subject breaks it.
async fn put(
    app: &App,
    change: &mut Change<'_>,
    rights: &Rights,
    (name, constraint): (&ConstraintName, &Constraint),
    checks: &Checks,
) -> Result<(), ApiError> {
    let before = &rights.policy;
    for role in &constraint.roles {
        require_role(before, role)?;
    }
    cover_roles(rights, constraint)?;
    let mut rules = PolicyBuilder::from(&***before);
    rules.constraint(name.clone(), constraint.clone());
    let after = rules.build().map_err(|error| match error {
        PolicyError::Constraint { error, .. } => invalid(&error),
        other => ApiError::internal(other),
    })?;
    checks.require(app, change, &before.policy, &after).await?;
    constraint_store::put(change, name, constraint).await?;
    change.policy_changed();
    Ok(())
}

/// Deletes a constraint (`DeleteSsdSet`, `DeleteDsdSet`); false if there is none.
pub(crate) async fn delete(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
) -> Result<bool, ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        let Some(constraint) = rights.policy.constraint(name.as_str()) else {
            return Ok(false);
        };
        cover_roles(&rights, constraint)?;
        constraint_store::delete(change, name).await?;
        change.record(json!({ "action": "constraint.deleted", "constraint": name }));
        change.policy_changed();
        Ok(true)
    })
    .await
}

fn require_role(policy: &Policy, role: &RoleName) -> Result<(), ApiError> {
    match policy.role(role.as_str()) {
        Some(_) => Ok(()),
        None => Err(ApiError::unknown("role", role)),
    }
}

/// Names the member of the body that a constraint is refused for.
fn invalid(error: &ConstraintError) -> ApiError {
    let (member, reason) = match error {
        ConstraintError::AtMost { roles } => {
            let roles = roles.to_string();
            ("at_most", Reason::AtMostTooHigh { roles })
        }
        ConstraintError::TooFewRoles => ("roles", Reason::TooFewRoles),
        ConstraintError::StaticScope => ("per", Reason::ScopeOfStatic),
        ConstraintError::UnknownRole(role) => return ApiError::unknown("role", role),
    };
    ApiError::Invalid(FieldError::because(member, "value_error", reason))
}

fn audit_entry(action: &str, name: &ConstraintName, constraint: &Constraint) -> serde_json::Value {
    json!({
        "action": action, "constraint": name, "kind": constraint.kind, "roles": constraint.roles,
        "at_most": constraint.at_most, "per": constraint.per,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn roles(numbers: &BTreeSet<u8>) -> BTreeSet<RoleName> {
        numbers
            .iter()
            .map(|one| format!("role-{one}").parse().unwrap())
            .collect()
    }

    /// A constraint on two to six of eight roles.
    fn constraint() -> impl Strategy<Value = Constraint> {
        let numbers = proptest::collection::btree_set(0..8_u8, 2..=6);
        (numbers, 1..6_u32).prop_map(|(numbers, at_most)| {
            let at_most = at_most.min(u32::try_from(numbers.len()).unwrap() - 1);
            Constraint::new(ConstraintKind::Dynamic, roles(&numbers), at_most).unwrap()
        })
    }

    proptest! {
        #[test]
        fn the_edits_lead_from_one_constraint_to_the_other(before in constraint(), after in constraint(), whole in any::<bool>()) {
            let per = if whole { ConstraintScope::Subject } else { ConstraintScope::Session };
            let after = after.with_scope(per).unwrap();
            let name: ConstraintName = "test".parse().unwrap();
            let mut edited = before.clone();
            for edit in edits_to(&before, &after.roles, after.at_most, after.per) {
                // each step is possible
                edited = apply_edit(edited, &name, &edit).unwrap();
            }
            prop_assert_eq!(edited, after);
        }
    }
}
