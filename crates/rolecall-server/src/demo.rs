//! Users for trying things out: what `dev` and the examples begin with.

use rolecall_core::{PermissionPattern, RoleName};

use crate::{
    accounts::registration::{self, NewAccount},
    app::App,
    authority::caller::Caller,
    error::ApiError,
    roles,
    start::StartError,
};

/// Makes a role, unless it is there.
pub(crate) async fn ensure_role(
    app: &App,
    role: &RoleName,
    description: &str,
) -> Result<(), ApiError> {
    match roles::service::create(app, Caller::System, role, description, false).await {
        Ok(_) | Err(ApiError::AlreadyThere { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a user and the roles that it names, unless they are there.
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
    };
    match registration::create(app, Caller::System, &wanted).await {
        Ok(_) | Err(ApiError::AlreadyThere { .. }) => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

/// Lets a role hold permissions, which are made if need be, and inherit juniors.
pub(crate) async fn ensure_contents(
    app: &App,
    role: &RoleName,
    permissions: &[PermissionPattern],
    juniors: &[RoleName],
) -> Result<(), ApiError> {
    for pattern in permissions {
        roles::permissions::ensure(app, Caller::System, pattern).await?;
        roles::service::grant(app, Caller::System, role, pattern).await?;
    }
    for junior in juniors {
        roles::service::inherit(app, Caller::System, role, junior).await?;
    }
    Ok(())
}
