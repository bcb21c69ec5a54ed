//! The rules for roles themselves: creating and changing them.

use rolecall::PermissionName as _;
use rolecall_core::{PolicySize, RoleName};
use serde_json::json;

use super::{
    details::{self, RoleDetails},
    names::{check_description, check_name},
    store::{self, Role},
};
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, policy_limits::check_size, rights::Rights},
    error::ApiError,
    store::Change,
};

/// A role to create.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRole<'a> {
    pub(crate) name: &'a RoleName,
    pub(crate) description: &'a str,
    pub(crate) approval: bool,
    pub(crate) by_name: bool,
}

impl<'a> NewRole<'a> {
    /// Returns a role that one person can assign and that works by its name.
    pub(crate) fn new(name: &'a RoleName, description: &'a str) -> Self {
        Self {
            name,
            description,
            approval: false,
            by_name: true,
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
        change.role_changed(name);
        let role = get_role(change, name).await?;
        Ok(RoleDetails {
            role,
            permissions: Vec::new(),
            juniors: Vec::new(),
            approval,
            by_name,
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
        return Err(ApiError::rule(
            "builtin_role",
            format!("role `{name}` is rolecall's own and cannot be changed"),
            vec![name.clone()],
        ));
    }
    rights.cover([name])?;
    rights.cover_open_role(name)?;
    Ok((rights, role))
}
