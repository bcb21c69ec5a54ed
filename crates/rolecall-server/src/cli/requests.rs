//! Assignments that need a second person: what is asked for, confirming it and ending it.

use super::{
    CliError,
    context::Context,
    output::{print_json, print_table, printable, said},
    pages,
};
use crate::{
    error::ApiError,
    roles::{request_store::AssignmentRequest, requests, views::RequestView},
    times::rfc3339,
};
use std::fmt::Write as _;

use clap::Subcommand;
use rolecall_core::Timestamp;
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum RequestCommand {
    /// List what is asked for and not confirmed.
    List,
    /// Give what another person asked for.
    Confirm {
        /// The request's id, from `request list`.
        id: String,
    },
    /// Take back what was asked for, or turn it down.
    End {
        /// The request's id, from `request list`.
        id: String,
    },
}

pub(super) async fn run(context: &Context, command: &RequestCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    match command {
        RequestCommand::List => list(context).await,
        RequestCommand::Confirm { id } => {
            let request = requests::confirm(app, caller, id).await?;
            let (name, role) = (printable(&request.name), named(&request));
            said(context.json, &format!("`{name}` has the role {role}"))
        }
        RequestCommand::End { id } => {
            let ended = requests::end(app, caller, id).await?;
            let request = ended.ok_or_else(|| ApiError::unknown("request", id))?;
            let (name, role) = (printable(&request.name), named(&request));
            let text = format!("the role {role} is no longer asked for `{name}`");
            said(context.json, &text)
        }
    }
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| requests::list(app, caller, after, None, limit).await;
    let found = pages::all(read, |request: &AssignmentRequest| request.id.clone()).await?;
    if context.json {
        let views = found.into_iter().map(RequestView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, rfc3339);
    let cells = |request: AssignmentRequest| {
        let asked = request.assignment;
        let tenant = asked.tenant.map(|tenant| tenant.to_string());
        vec![
            request.id,
            request.name,
            asked.role.to_string(),
            tenant.unwrap_or_default(),
            time(asked.valid_from),
            time(asked.expires_at),
            asked.reason.unwrap_or_default(),
            asked.assigned_by,
            rfc3339(asked.assigned_at),
        ]
    };
    print_table(
        &[
            "request", "for", "role", "tenant", "from", "until", "reason", "asked by", "at",
        ],
        found.into_iter().map(cells).collect(),
    )
}

/// Says that something waits for a second person, and what that person does.
pub(super) fn told(context: &Context, request: AssignmentRequest) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!(RequestView::from(request)));
    }
    said(false, &waiting(&request))
}

/// The same of all that waits for a subject who was just made; a program finds it by `request list`.
pub(super) async fn print_pending(context: &Context, subject: &str) -> Result<(), CliError> {
    let open = requests::list_own(&context.app, context.caller(), subject).await?;
    let mut text = String::new();
    for request in &open {
        let _ = writeln!(text, "{}", waiting(request));
    }
    if context.json || open.is_empty() {
        return Ok(());
    }
    said(false, text.trim_end())
}

fn waiting(request: &AssignmentRequest) -> String {
    format!(
        "the role {} is asked for `{}`: another person confirms it with `rolecall request confirm {}`",
        named(request),
        printable(&request.name),
        request.id
    )
}

/// The role as people are told of it, with the tenant that it is limited to.
fn named(request: &AssignmentRequest) -> String {
    match &request.assignment.tenant {
        Some(tenant) => format!("`{}` in tenant `{tenant}`", request.assignment.role),
        None => format!("`{}`", request.assignment.role),
    }
}
