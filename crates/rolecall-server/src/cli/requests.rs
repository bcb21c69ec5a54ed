//! `request`: assignments that wait for the approval of a second person.

use std::fmt::Write as _;

use clap::Subcommand;
use rolecall_core::Timestamp;
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable, role_in_tenant},
    pages,
};
use crate::{
    error::ApiError,
    roles::{request_store::AssignmentRequest, requests, views::RequestView},
    times::rfc3339,
};

#[derive(Subcommand)]
pub(super) enum RequestCommand {
    /// List the requests that are not confirmed yet.
    List,
    /// Confirm a request of another person: the role is assigned.
    Confirm {
        /// The request's id, from `request list`.
        id: String,
    },
    /// Withdraw or reject a request.
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
            let (name, role) = (printable(&request.name), role_of(&request));
            print_done(context.json, &format!("`{name}` has the role {role}"))
        }
        RequestCommand::End { id } => {
            let ended = requests::end(app, caller, id).await?;
            let request = ended.ok_or_else(|| ApiError::unknown("request", id))?;
            let (name, role) = (printable(&request.name), role_of(&request));
            let text = format!("the request for the role {role} for `{name}` is closed");
            print_done(context.json, &text)
        }
    }
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| requests::list(app, caller, after, None, limit).await;
    let found = pages::read_all(read, |request: &AssignmentRequest| request.id.clone()).await?;
    if context.json {
        let views = found.into_iter().map(RequestView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, rfc3339);
    let cells = |request: AssignmentRequest| {
        let name = request.shown_name().to_owned();
        let asked = request.assignment;
        let tenant = asked.tenant.map(|tenant| tenant.to_string());
        vec![
            request.id,
            name,
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
            "request",
            "for",
            "role",
            "tenant",
            "from",
            "until",
            "reason",
            "requested by",
            "at",
        ],
        found.into_iter().map(cells).collect(),
    )
}

/// Prints a request that was just made, with the command that confirms it.
pub(super) fn print_request(context: &Context, request: AssignmentRequest) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!(RequestView::from(request)));
    }
    print_done(false, &next_step(&request))
}

/// Prints the open requests of a subject that was just created. With `--json` it prints nothing, since the output
/// is the created user or client; `request list` lists the requests.
pub(super) async fn print_pending(context: &Context, subject: &str) -> Result<(), CliError> {
    let open = requests::list_own(&context.app, context.caller(), subject).await?;
    let mut text = String::new();
    for request in &open {
        let _ = writeln!(text, "{}", next_step(request));
    }
    if context.json || open.is_empty() {
        return Ok(());
    }
    print_done(false, text.trim_end())
}

fn next_step(request: &AssignmentRequest) -> String {
    format!(
        "the role {} for `{}` needs approval: another person confirms it with `rolecall request confirm {}`",
        role_of(request),
        printable(&request.name),
        request.id
    )
}

fn role_of(request: &AssignmentRequest) -> String {
    role_in_tenant(&request.assignment.role, request.assignment.tenant.as_ref())
}
