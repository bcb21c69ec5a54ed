use super::{
    CliError,
    arguments::{AssignOptions, AssignmentOptions},
    context::Context,
    output::{printable, said},
    requests,
    times::time,
};
use crate::roles::assignments::{self, Assignee, Outcome, Validity};

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
    let outcome = assignments::assign(
        &context.app,
        context.caller(),
        Assignee::User(&id),
        &target.role,
        target.tenant.as_ref(),
        &validity,
    )
    .await?;
    if let Outcome::Requested(request) = outcome {
        return requests::told(context, *request);
    }
    said(
        context.json,
        &format!(
            "`{}` has the role {}",
            printable(&target.user),
            named(target)
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
        target.tenant.as_ref(),
    )
    .await?;
    said(
        context.json,
        &format!(
            "`{}` no longer has the role {}",
            printable(&target.user),
            named(target)
        ),
    )
}

/// The role as people are told of it, with the tenant that it is limited to.
fn named(target: &AssignmentOptions) -> String {
    match &target.tenant {
        Some(tenant) => format!("`{}` in tenant `{tenant}`", target.role),
        None => format!("`{}`", target.role),
    }
}
