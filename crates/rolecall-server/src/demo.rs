//! Demo users and roles, for `dev` and the examples.

use rolecall_core::{PermissionPattern, RoleName};

use crate::{
    accounts::registration::{self, NewAccount},
    app::App,
    authority::{builtin, caller::Caller},
    error::ApiError,
    profile::input::ProfileInput,
    roles::{
        self,
        definition::{self, NewRole},
    },
    start::StartError,
};

/// The password of the demo users of `dev`, as in the tutorial.
pub(crate) const PASSWORD: &str = "yourpassword";

/// Creates a role unless it exists.
pub(crate) async fn ensure_role(
    app: &App,
    role: &RoleName,
    description: &str,
) -> Result<(), ApiError> {
    if builtin::is_builtin(role) {
        return Ok(());
    }
    match definition::create(app, Caller::System, NewRole::new(role, description)).await {
        Ok(_) | Err(ApiError::AlreadyThere { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Creates a user and its roles unless they exist.
pub(crate) async fn ensure_user(
    app: &App,
    username: &str,
    password: &str,
    roles: &[String],
) -> Result<(), StartError> {
    let failed = |error: &dyn std::error::Error| {
        StartError::DemoUser(username.to_owned(), crate::error::chain_of(error))
    };
    let mut names = Vec::new();
    for role in roles {
        let role: RoleName = role.parse().map_err(|error| failed(&error))?;
        ensure_role(app, &role, "")
            .await
            .map_err(|error| failed(&error))?;
        names.push(role);
    }
    let wanted = NewAccount {
        username,
        password: Some(password),
        email: None,
        roles: names,
        profile: ProfileInput::default(),
        address: None,
    };
    match registration::create(app, Caller::System, &wanted).await {
        Ok(_) | Err(ApiError::AlreadyThere { .. }) => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

/// Grants permissions to a role, creating missing ones, and makes it inherit `juniors`.
pub(crate) async fn ensure_contents(
    app: &App,
    role: &RoleName,
    permissions: &[PermissionPattern],
    juniors: &[RoleName],
) -> Result<(), ApiError> {
    for pattern in permissions {
        roles::service::grant_new(app, Caller::System, role, pattern).await?;
    }
    for junior in juniors {
        roles::service::inherit(app, Caller::System, role, junior).await?;
    }
    Ok(())
}
