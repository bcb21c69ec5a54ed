//! The rules for roles themselves: creating and changing them.

use rolecall::PermissionName as _;
use rolecall_core::{Acr, FloorKind, Policy, PolicySize, RoleName};
use serde_json::json;

use super::{
    assignment_store,
    details::{self, RoleDetails},
    losses,
    names::{check_description, check_name},
    store::{self, Role},
};
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, policy_limits::check_size, rights::Rights},
    error::ApiError,
    reasons::Reason,
    store::Change,
};

/// A role to create.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRole<'a> {
    pub(crate) name: &'a RoleName,
    pub(crate) description: &'a str,
    pub(crate) approval: bool,
    pub(crate) by_name: bool,
    pub(crate) acr: Acr,
}

impl<'a> NewRole<'a> {
    /// Returns a role that one person can assign, that works by its name, and that every session has.
    pub(crate) fn new(name: &'a RoleName, description: &'a str) -> Self {
        Self {
            name,
            description,
            approval: false,
            by_name: true,
            acr: Acr::Aal1,
        }
    }
}

/// The members of a role to change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoleChanges<'a> {
    pub(crate) description: Option<&'a str>,
    /// True if a second person must approve each assignment.
    pub(crate) approval: Option<bool>,
    /// True if applications may check for the role by its name.
    pub(crate) by_name: Option<bool>,
    /// The assurance that a session needs to have the role.
    pub(crate) acr: Option<Acr>,
}

/// Creates a role that holds and inherits nothing.
///
/// # Errors
///
/// Refused if the name is reserved or exists, or the description is too long; and a role that does not work by its name,
/// unless the delegation limit is lifted for the caller, since an application may check for the name already.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    wanted: NewRole<'_>,
) -> Result<RoleDetails, ApiError> {
    let NewRole {
        name,
        description,
        approval,
        by_name,
        acr,
    } = wanted;
    check_name(name.as_str())?;
    check_description(description)?;
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        if !store::insert_role(change, name, description).await? {
            return Err(ApiError::already_there("role", name));
        }
        let before = rights.policy.size();
        let after = PolicySize {
            roles: before.roles + 1,
            ..before
        };
        check_size(&app.settings().policy, before, after)?;
        change.record(json!({ "action": "role.created", "role": name }));
        if approval {
            set_approval(change, name, approval).await?;
        }
        if !by_name {
            rights.require_role(name)?;
            set_by_name(change, name, by_name).await?;
        }
        if acr > Acr::Aal1 {
            set_acr(change, name, acr).await?;
        }
        change.role_changed(name);
        let role = get_role(change, name).await?;
        Ok(RoleDetails {
            role,
            permissions: Vec::new(),
            juniors: Vec::new(),
            approval,
            by_name,
            acr,
        })
    })
    .await
}

/// Changes the members of a role itself.
///
/// # Errors
///
/// Refused if the caller does not hold what the role holds. Only a caller who has the role may change whether it works
/// by its name.
pub(crate) async fn update(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    changes: RoleChanges<'_>,
) -> Result<RoleDetails, ApiError> {
    changes.description.map(check_description).transpose()?;
    app.change(caller, async |change| {
        let (rights, _) = require_authority_over(app, change, caller, name).await?;
        let mut rules = details::rules_of(&rights.policy, name);
        if let Some(approval) = changes.approval
            && approval != rules.approval
        {
            set_approval(change, name, approval).await?;
            rules.approval = approval;
        }
        if let Some(by_name) = changes.by_name
            && by_name != rules.by_name
        {
            rights.require_role(name)?;
            set_by_name(change, name, by_name).await?;
            rules.by_name = by_name;
        }
        if let Some(acr) = changes.acr
            && acr != rules.acr
        {
            set_acr(change, name, acr).await?;
            if acr > rules.acr {
                end_below(change, &rights.policy, name).await?;
            }
            rules.acr = acr;
        }
        if let Some(description) = changes.description {
            store::update_role(change, name, description).await?;
            change.record(json!({ "action": "role.described", "role": name }));
        }
        Ok(RoleDetails::new(get_role(change, name).await?, rules))
    })
    .await
}

async fn set_approval(
    change: &mut Change<'_>,
    name: &RoleName,
    approval: bool,
) -> Result<(), ApiError> {
    store::set_approval(change, name, approval).await?;
    change.record(json!({ "action": "role.approval", "role": name, "approval": approval }));
    change.role_changed(name);
    Ok(())
}

async fn set_by_name(
    change: &mut Change<'_>,
    name: &RoleName,
    by_name: bool,
) -> Result<(), ApiError> {
    store::set_by_name(change, name, by_name).await?;
    change.record(json!({ "action": "role.by_name", "role": name, "by_name": by_name }));
    change.role_changed(name);
    Ok(())
}

async fn set_acr(change: &mut Change<'_>, name: &RoleName, acr: Acr) -> Result<(), ApiError> {
    store::set_acr(change, name, acr).await?;
    change.record(json!({ "action": "role.acr", "role": name, "acr": acr }));
    change.role_changed(name);
    Ok(())
}

/// Ends the tokens that a subject has through a role which comes to need more assurance.
///
/// Sessions that reach it get it again with the next token; the others lose it. A token may carry just one of the roles
/// below, activated through this one, or be for a tenant in which its subject has nothing else.
pub(crate) async fn end_below(
    change: &mut Change<'_>,
    policy: &Policy,
    name: &RoleName,
) -> Result<(), ApiError> {
    for (subject, tenant) in assignment_store::in_tenants(change.conn(), name).await? {
        change.raise_floor_in(Some(&tenant), FloorKind::Subject, &subject);
    }
    let (roles, lost) = (policy.closure([name]), policy.permissions_of([name]));
    losses::end_tokens(change, policy, &roles, lost).await?;
    Ok(())
}

/// Returns a role.
///
/// # Errors
///
/// Refused if there is no such role.
pub(super) async fn get_role(change: &mut Change<'_>, name: &RoleName) -> Result<Role, ApiError> {
    store::find_role(change.conn(), name)
        .await?
        .ok_or_else(|| ApiError::unknown("role", name))
}

/// Requires that the caller may write roles and holds all that the role holds, and that the role exists and is not
/// fixed. A role that everyone gets by registering can be changed only by a caller who has it.
pub(super) async fn require_authority_over(
    app: &App,
    change: &mut Change<'_>,
    caller: Caller<'_>,
    name: &RoleName,
) -> Result<(Rights, Role), ApiError> {
    let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
    let role = get_role(change, name).await?;
    if builtin::is_fixed(name) {
        let role = name.to_string();
        return Err(ApiError::because(
            Reason::RoleFixed { role },
            vec![name.clone()],
        ));
    }
    rights.cover([name])?;
    rights.cover_open_role(name)?;
    Ok((rights, role))
}
