use super::{
    CliError,
    arguments::ExplainOptions,
    context::Context,
    output::{print_json, printable, write_out},
    times::time,
};
use crate::{
    authority::subject,
    decisions::{
        receipt::Need,
        service::{self, Answer, Question},
        step::Step,
    },
    error::ApiError,
    roles::views::AssignmentView,
};
use serde_json::json;

pub(super) async fn run(context: &Context, options: &ExplainOptions) -> Result<(), CliError> {
    match (&options.receipt, &options.user, &options.permission) {
        (Some(receipt), ..) => refusal(context, receipt).await,
        (None, Some(user), Some(permission)) => decision(context, options, user, permission).await,
        _ => Err(CliError::Refused(
            "`explain` takes a user and a permission, or --receipt".to_owned(),
        )),
    }
}

async fn decision(
    context: &Context,
    options: &ExplainOptions,
    user: &str,
    need: &Need,
) -> Result<(), CliError> {
    let at = options.at.as_deref();
    let question = Question {
        subject: &subject_id(context, user).await?,
        need,
        tenant: options.tenant.as_ref(),
        at: at.map(|text| time("--at", text)).transpose()?,
    };
    let answer = service::decide(&context.app, context.caller(), &question).await?;
    if context.json {
        return print_json(&json!({
            "allowed": answer.allowed,
            "because": answer.because,
            "subject": question.subject,
            "permission": need.to_string(),
            "tenant": options.tenant,
            "at": crate::times::rfc3339(answer.at),
            "policy_revision": answer.policy_revision,
        }));
    }
    let within = options.tenant.as_ref();
    let within = within.map_or_else(String::new, |tenant| format!(" in {tenant}"));
    let verb = if answer.allowed { "may" } else { "may not" };
    write_out(&format!("{} {verb} {need}{within}\n", printable(user)))?;
    write_steps(&answer)
}

/// The id of the user of this name; who has no name is a client, and named by its id.
async fn subject_id(context: &Context, name: &str) -> Result<String, CliError> {
    let unknown = match context.user_id(name).await {
        Err(CliError::Refused(unknown)) => unknown,
        other => return other,
    };
    let app = &context.app;
    let mut conn = app.store().read().await.map_err(ApiError::from)?;
    match subject::read(&mut conn, name, None, app.now()).await {
        Ok(Some(found)) => Ok(found.id),
        Ok(None) => Err(CliError::Refused(unknown)),
        Err(error) => Err(ApiError::from(error).into()),
    }
}

async fn refusal(context: &Context, receipt: &str) -> Result<(), CliError> {
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
            "at": crate::times::rfc3339(note.at),
            "revision": note.rev,
            "policy_revision": answer.policy_revision,
        }));
    }
    let now = if answer.allowed {
        "they would be allowed"
    } else {
        "they still would be"
    };
    write_out(&format!(
        "{} was refused {} at {}; by the roles and assignments of now {now}\n",
        printable(&username),
        needs(&note.needs),
        crate::times::rfc3339(note.at),
    ))?;
    write_steps(&answer)
}

/// A rule in words.
fn needs(value: &serde_json::Value) -> String {
    if let Some(name) = value.as_str() {
        return name.to_owned();
    }
    let list = |name: &str| value.get(name).and_then(serde_json::Value::as_array);
    let join = |list: &[serde_json::Value], by| list.iter().map(needs).collect::<Vec<_>>().join(by);
    match (list("any"), list("all")) {
        (Some(any), _) => format!("({})", join(any, " or ")),
        (_, Some(all)) => join(all, " and "),
        _ => "an unknown rule".to_owned(),
    }
}

fn write_steps(answer: &Answer) -> Result<(), CliError> {
    let lines = answer.because.iter().map(|step| {
        let (label, text) = words(step);
        format!("  {label:<12}{}\n", printable(&text))
    });
    write_out(&lines.collect::<String>())
}

/// A step as a label and a line.
fn words(step: &Step) -> (&'static str, String) {
    match step {
        Step::Need { need, met } => (if *met { "holds" } else { "lacks" }, need.clone()),
        Step::Status { status } => ("status", format!("the account is `{status}`")),
        Step::Assignment(given) => ("assigned", assignment(given)),
        Step::Inheritance { path } => ("inherits", path.join(" -> ")),
        Step::Grant { role, permission } => ("granted", format!("{role} holds {permission}")),
        Step::Missing { need, exists: true } => ("missing", need.clone()),
        Step::Missing {
            need,
            exists: false,
        } => ("missing", format!("{need}, which does not exist")),
        Step::WouldGive { roles } => ("would do", roles.join(", ")),
        Step::MayGive {
            role,
            tenant,
            users,
            more,
        } => {
            let within = tenant.as_ref().map(|tenant| format!(" in {tenant}"));
            let role = format!("{role}{}", within.unwrap_or_default());
            ("ask", givers(&role, users, *more))
        }
        Step::Lost { cause, .. } => ("but", lost(cause, step)),
        Step::NotListed { lost } => ("and", format!("{lost} more that do not count")),
    }
}

fn givers(role: &str, users: &[crate::decisions::step::Giver], more: bool) -> String {
    let names: Vec<&str> = users.iter().map(|user| user.username.as_str()).collect();
    let names = if names.is_empty() && more {
        return format!(
            "too many give roles to look through all: who may give {role} was not found"
        );
    } else if names.is_empty() {
        "nobody but whoever owns the machine".to_owned()
    } else {
        names.join(", ")
    };
    let more = if more { " and others" } else { "" };
    format!("{names}{more} may give {role}")
}

fn assignment(given: &AssignmentView) -> String {
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

fn lost(cause: &str, step: &Step) -> String {
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
    let what = match cause {
        "expired" => "the assignment is over",
        "not_yet_valid" => "the assignment does not count yet",
        "other_tenant" => "the assignment is for another tenant",
        "global_only" => "it counts only from global assignments",
        "unassigned" => "the role was taken away",
        "narrowed" => "the token was narrowed",
        _ => "the token was made before it was given",
    };
    let mut text = what.to_owned();
    if let Some(given) = given {
        text = format!("{text}: {}", assignment(given));
    } else if let Some(role) = path.first() {
        text = format!("{text}: {role}");
    }
    if let (Some(at), Some(by)) = (at, by) {
        text = format!("{text}, by {by} at {at}");
    }
    text
}
