//! `assign` and `unassign`.

use clap::Args;
use rolecall_core::{RoleName, TenantName};

use super::{
    context::Context,
    error::CliError,
    output::{print_done, printable, role_in_tenant},
    requests::print_request,
    times::parse_time,
};
use crate::roles::{
    assigning::{Assignee, Outcome, Validity},
    assignments,
};

#[derive(Args)]
pub(super) struct AssignmentOptions {
    /// The user's name.
    user: String,
    /// The role.
    role: RoleName,
    /// Limit the assignment to this tenant.
    #[arg(long)]
    tenant: Option<TenantName>,
}

#[derive(Args)]
pub(super) struct AssignOptions {
    #[command(flatten)]
    assignment: AssignmentOptions,
    /// The end of the assignment, as RFC 3339 time, for example 2030-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The start of the assignment; now by default.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The reason, for the audit log and for reviews.
    #[arg(long)]
    reason: Option<String>,
}

impl AssignOptions {
    fn validity(&self) -> Result<Validity, CliError> {
        let from = self.from.as_deref();
        let until = self.until.as_deref();
        Ok(Validity {
            valid_from: from.map(|text| parse_time("--from", text)).transpose()?,
            expires_at: until.map(|text| parse_time("--until", text)).transpose()?,
            reason: self.reason.clone(),
        })
    }
}

pub(super) async fn assign(context: &Context, options: &AssignOptions) -> Result<(), CliError> {
    let target = &options.assignment;
    let id = context.user_id(&target.user).await?;
    let outcome = assignments::assign(
        &context.app,
        context.caller(),
        Assignee::User(&id),
        &target.role,
        target.tenant.as_ref(),
        &options.validity()?,
    )
    .await?;
    if let Outcome::Requested(request) = outcome {
        return print_request(context, *request);
    }
    let user = printable(&target.user);
    let role = role_in_tenant(&target.role, target.tenant.as_ref());
    print_done(context.json, &format!("`{user}` has the role {role}"))
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
    let user = printable(&target.user);
    let role = role_in_tenant(&target.role, target.tenant.as_ref());
    print_done(
        context.json,
        &format!("`{user}` no longer has the role {role}"),
    )
}
