//! `explain`: why a subject may or may not do something.

use clap::Args;
use rolecall_core::{Acr, TenantName};
use serde_json::{Value, json};

use super::{
    context::Context,
    error::CliError,
    output::{print_json, printable, write_out},
    times::parse_time,
};
use crate::{
    authority::subject,
    decisions::{
        receipt::Need,
        service::{self, Answer, Question},
        step::{Giver, Step},
    },
    error::ApiError,
    ids,
    roles::views::AssignmentView,
    times::rfc3339,
};

#[derive(Args)]
pub(super) struct ExplainOptions {
    /// The name of a user, or the id of a client.
    #[arg(required_unless_present = "receipt", conflicts_with = "receipt")]
    user: Option<String>,
    /// A permission such as items:read, or role:NAME.
    #[arg(required_unless_present = "receipt", conflicts_with = "receipt")]
    permission: Option<Need>,
    /// The tenant; without it, only global assignments count.
    #[arg(long, conflicts_with = "receipt")]
    tenant: Option<TenantName>,
    /// The time of the decision, as RFC 3339; now by default.
    #[arg(long, value_name = "TIME", conflicts_with = "receipt")]
    at: Option<String>,
    /// The assurance of a session: aal1, aal2 or phr. Without it, the assignments alone count.
    #[arg(long, conflicts_with = "receipt")]
    acr: Option<Acr>,
    /// Explain a refused request: the `receipt` in the body of its 403 or 401.
    #[arg(long)]
    receipt: Option<String>,
}

pub(super) async fn run(context: &Context, options: &ExplainOptions) -> Result<(), CliError> {
    match (&options.receipt, &options.user, &options.permission) {
        (Some(receipt), ..) => explain_refusal(context, receipt).await,
        (None, Some(user), Some(permission)) => {
            explain_decision(context, options, user, permission).await
        }
        _ => Err(CliError::Refused(
            "`explain` needs a user and a permission, or --receipt".to_owned(),
        )),
    }
}

async fn explain_decision(
    context: &Context,
    options: &ExplainOptions,
    user: &str,
    need: &Need,
) -> Result<(), CliError> {
    let at = options.at.as_deref();
    let question = Question {
        subject: &find_subject(context, user).await?,
        need,
        tenant: options.tenant.as_ref(),
        at: at.map(|text| parse_time("--at", text)).transpose()?,
        acr: options.acr,
    };
    let answer = service::decide(&context.app, context.caller(), &question).await?;
    if context.json {
        return print_json(&json!({
            "allowed": answer.allowed,
            "because": answer.because,
            "subject": question.subject,
            "permission": need.to_string(),
            "tenant": options.tenant,
            "at": rfc3339(answer.at),
            "policy_revision": answer.policy_revision,
        }));
    }
    let within = options.tenant.as_ref();
    let within = within.map_or_else(String::new, |tenant| format!(" in {tenant}"));
    let verb = if answer.allowed { "may" } else { "may not" };
    write_out(&format!("{} {verb} {need}{within}\n", printable(user)))?;
    write_steps(&answer)
}

/// Finds the id of a user by name, or of a user or client by id. What has the form of an id goes first as one: a user
/// could have it as a name.
async fn find_subject(context: &Context, name: &str) -> Result<String, CliError> {
    if ids::is_id(name)
        && let Some(id) = find_by_id(context, name).await?
    {
        return Ok(id);
    }
    let unknown = match context.user_id(name).await {
        Err(unknown @ CliError::Unknown { .. }) => unknown,
        other => return other,
    };
    find_by_id(context, name).await?.ok_or(unknown)
}

async fn find_by_id(context: &Context, id: &str) -> Result<Option<String>, CliError> {
    let app = &context.app;
    let mut conn = app.store().read().await.map_err(ApiError::from)?;
    let found = subject::read(&mut conn, id, None, app.now()).await;
    Ok(found.map_err(ApiError::from)?.map(|found| found.id))
}

async fn explain_refusal(context: &Context, receipt: &str) -> Result<(), CliError> {
    let service::ExplainedRefusal {
        note,
        username,
        answer,
    } = service::explain_receipt(&context.app, context.caller(), receipt).await?;
    if context.json {
        return print_json(&json!({
            "allowed": answer.allowed,
            "because": answer.because,
            "subject": note.subject,
            "rule": note.needs,
            "tenant": note.tenant,
            "at": rfc3339(note.at),
            "revision": note.rev,
            "policy_revision": answer.policy_revision,
        }));
    }
    let now = if answer.allowed {
        "would be allowed now"
    } else {
        "would still be refused now"
    };
    write_out(&format!(
        "{} was refused {} at {}, and {now}\n",
        printable(&username),
        rule_text(&note.needs),
        rfc3339(note.at),
    ))?;
    write_steps(&answer)
}

/// Formats a rule as text, such as `items:read and (role:editor or role:admin)`.
fn rule_text(value: &Value) -> String {
    if let Some(name) = value.as_str() {
        return name.to_owned();
    }
    let list = |name: &str| value.get(name).and_then(Value::as_array);
    let join = |list: &[Value], by| list.iter().map(rule_text).collect::<Vec<_>>().join(by);
    match (list("any"), list("all")) {
        (Some(any), _) => format!("({})", join(any, " or ")),
        (_, Some(all)) => join(all, " and "),
        _ => "an unknown rule".to_owned(),
    }
}

fn write_steps(answer: &Answer) -> Result<(), CliError> {
    let lines = answer.because.iter().map(|step| {
        let (label, text) = describe(step);
        format!("  {label:<12}{}\n", printable(&text))
    });
    write_out(&lines.collect::<String>())
}

/// Describes a step as a label and a line.
fn describe(step: &Step) -> (&'static str, String) {
    match step {
        Step::Need { need, met } => (if *met { "holds" } else { "lacks" }, need.clone()),
        Step::Status { status } => ("status", format!("the account is `{status}`")),
        Step::Assignment(assignment) => ("assigned", assignment_text(assignment)),
        Step::Inheritance { path } => ("inherits", path.join(" -> ")),
        Step::Grant { role, permission } => ("granted", format!("{role} holds {permission}")),
        Step::Assurance {
            role,
            needed,
            present,
        } => {
            let session = present.map(|present| format!("; the session has {present}"));
            let session = session.unwrap_or_default();
            ("assurance", format!("{role} needs {needed}{session}"))
        }
        Step::Missing { need, exists: true } => ("missing", need.clone()),
        Step::Missing {
            need,
            exists: false,
        } => ("missing", format!("{need}, which does not exist")),
        Step::WouldGive { roles } => ("granted by", roles.join(", ")),
        Step::MayGive {
            role,
            tenant,
            users,
            more,
        } => {
            let within = tenant.as_ref().map(|tenant| format!(" in {tenant}"));
            let role = format!("{role}{}", within.unwrap_or_default());
            ("ask", givers_text(&role, users, *more))
        }
        Step::Lost { cause, .. } => ("but", loss_text(cause, step)),
        Step::NotListed { lost } => ("and", format!("{lost} more that do not apply")),
    }
}

fn givers_text(role: &str, users: &[Giver], more: bool) -> String {
    let names: Vec<&str> = users.iter().map(|user| user.username.as_str()).collect();
    match (names.is_empty(), more) {
        // the search is bounded
        (true, true) => format!("nobody found among the first users who may assign {role}"),
        (true, false) => {
            format!("no user may assign {role}; use the command line on the server's machine")
        }
        (false, true) => format!("{} and others may assign {role}", names.join(", ")),
        (false, false) => format!("{} may assign {role}", names.join(", ")),
    }
}

fn assignment_text(given: &AssignmentView) -> String {
    let tenant = given.tenant.as_ref().map(ToString::to_string);
    let mut text = given.role.to_string();
    let mut add = |label: &str, value: &Option<String>| {
        if let Some(value) = value {
            text.extend([" ", label, " ", value]);
        }
    };
    add("in", &tenant);
    add("from", &given.valid_from);
    add("until", &given.expires_at);
    add("for", &given.reason);
    format!("{text}, by {} at {}", given.assigned_by, given.assigned_at)
}

fn loss_text(cause: &str, step: &Step) -> String {
    let Step::Lost {
        assignment: given,
        path,
        at,
        by,
        ..
    } = step
    else {
        return cause.to_owned();
    };
    let reason = match cause {
        "expired" => "the assignment has expired",
        "not_yet_valid" => "the assignment is not valid yet",
        "other_tenant" => "the assignment is for another tenant",
        "global_only" => "it must be assigned globally, not in a tenant",
        "unassigned" => "the role was unassigned",
        "narrowed" => "the token is limited by its scope",
        "sign_in_too_old" => "the sign-in was too long ago: sign in again",
        _ => "the token was issued before the assignment",
    };
    let mut text = reason.to_owned();
    if let Some(given) = given {
        text = format!("{text}: {}", assignment_text(given));
    } else if let Some(role) = path.first() {
        text = format!("{text}: {role}");
    }
    if let (Some(at), Some(by)) = (at, by) {
        text = format!("{text}, by {by} at {at}");
    }
    text
}
