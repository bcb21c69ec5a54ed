use super::{
    CliError,
    arguments::{AssignOptions, AssignmentOptions},
    context::Context,
    output::{printable, said},
    times::time,
};
use crate::roles::assignments::{self, Assignee, Validity};

pub(super) async fn assign(context: &Context, options: &AssignOptions) -> Result<(), CliError> {
    let target = &options.assignment;
    let id = context.user_id(&target.user).await?;
    let validity = Validity {
        valid_from: options
            .from
            .as_deref()
            .map(|text| time("--from", text))
            .transpose()?,
        expires_at: options
            .until
            .as_deref()
            .map(|text| time("--until", text))
            .transpose()?,
        reason: options.reason.clone(),
    };
    assignments::assign(
        &context.app,
        context.caller(),
        Assignee::User(&id),
        &target.role,
        tenant(target)?,
        &validity,
    )
    .await?;
    said(
        context.json,
        &format!(
            "`{}` has the role `{}`",
            printable(&target.user),
            target.role
        ),
    )
}

pub(super) async fn unassign(
    context: &Context,
    target: &AssignmentOptions,
) -> Result<(), CliError> {
    let id = context.user_id(&target.user).await?;
    assignments::unassign(
        &context.app,
        context.caller(),
        Assignee::User(&id),
        &target.role,
        tenant(target)?,
    )
    .await?;
    said(
        context.json,
        &format!(
            "`{}` no longer has the role `{}`",
            printable(&target.user),
            target.role
        ),
    )
}

/// Only global assignments, until tokens can be for a tenant.
fn tenant(target: &AssignmentOptions) -> Result<&'static str, CliError> {
    match target.tenant {
        None => Ok(""),
        Some(_) => Err(CliError::Refused(
            "role assignments for a tenant are not supported yet".to_owned(),
        )),
    }
}
