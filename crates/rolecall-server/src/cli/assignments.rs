use clap::Args;
use rolecall_core::{RoleName, TenantName};

use super::{
    CliError,
    context::Context,
    output::{printable, said},
    requests,
    times::time,
};
use crate::roles::{
    assigning::{Assignee, Outcome, Validity},
    assignments,
};

#[derive(Args)]
pub(super) struct AssignmentOptions {
    /// The user's name.
    pub(super) user: String,
    pub(super) role: RoleName,
    /// The tenant that the assignment is limited to.
    #[arg(long)]
    pub(super) tenant: Option<TenantName>,
}

#[derive(Args)]
pub(super) struct AssignOptions {
    #[command(flatten)]
    pub(super) assignment: AssignmentOptions,
    /// When the assignment ends (RFC 3339, such as 2030-01-01T00:00:00Z).
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    /// When the assignment begins.
    #[arg(long, value_name = "TIME")]
    pub(super) from: Option<String>,
    /// Why it is given.
    #[arg(long)]
    pub(super) reason: Option<String>,
}

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
