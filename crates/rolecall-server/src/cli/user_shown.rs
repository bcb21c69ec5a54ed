//! `user show`: a user with their role assignments.

use std::fmt::Write as _;

use rolecall_core::RoleAssignment;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    context::Context,
    error::CliError,
    output::{print_json, printable, write_out},
    pages,
};
use crate::{
    accounts::{reset_store::ResetOrigin, service, store::User, views::UserView},
    roles::{assigning::Assignee, assignment_handlers::place, assignments, views::AssignmentView},
    times::rfc3339,
};

/// The JSON of `GET /api/users/{id}`, together with the assignments of `GET /api/users/{id}/roles`.
#[derive(Serialize)]
struct UserWithAssignments {
    #[serde(flatten)]
    user: UserView,
    assignments: Vec<AssignmentView>,
}

pub(super) async fn show(context: &Context, name: &str) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let user = service::get(&context.app, context.caller(), &id).await?;
    let assignee = Assignee::User(&id);
    let read = async |after: &str, limit| {
        let after = after.split_once('\n').unwrap_or_default();
        assignments::list(&context.app, context.caller(), assignee, after, None, limit).await
    };
    let assignments = pages::read_all(read, place).await?;
    if context.json {
        let views = assignments.into_iter();
        let views: Vec<_> = views
            .map(|one| AssignmentView::new(assignee, one))
            .collect();
        return print_json(&json!(UserWithAssignments {
            user: user.into(),
            assignments: views,
        }));
    }
    let reset = user.reset().map(describe_reset);
    let (user, profile) = user.into_parts();
    let email = address_of(&user);
    let facts = [
        ("user", user.username),
        ("id", user.id),
        ("status", user.status.as_str().to_owned()),
        ("e-mail", email),
        ("since", rfc3339(user.created_at)),
    ];
    let mut text = String::new();
    for (name, value) in facts {
        let _ = writeln!(text, "{name:8}{}", printable(&value));
    }
    if let Some(reset) = reset {
        let _ = writeln!(text, "reset   {reset}");
    }
    for (name, value) in profile.unwrap_or_default() {
        let _ = writeln!(text, "profile {name} = {}", printable(&plain(&value)));
    }
    for one in assignments {
        let _ = writeln!(text, "role    {}", describe(&one));
    }
    write_out(&text)
}

/// Describes a reset, such as `0197.. made 2030-01-01T00:00:00Z by user:0196.. from 203.0.113.9 (needs a confirmation)`.
fn describe_reset(reset: &ResetOrigin) -> String {
    let mut text = reset.id.clone().unwrap_or_default();
    if let Some(at) = reset.at {
        let _ = write!(text, " made {}", rfc3339(at));
    }
    if let Some(by) = &reset.by {
        let _ = write!(text, " by {}", printable(by));
    }
    if let Some(address) = &reset.address {
        let _ = write!(text, " from {}", printable(address));
    }
    match &reset.confirmed_by {
        Some(by) => {
            let _ = write!(text, " (confirmed by {})", printable(by));
        }
        None if reset.is_unconfirmed => text.push_str(" (needs a confirmation)"),
        None => {}
    }
    text
}

/// Returns a value of the profile as `--profile` takes it.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Describes an assignment, such as `editor in tenant acme until 2030-01-01T00:00:00Z (assigned 2029-.. by cli:root: a project)`.
fn describe(one: &RoleAssignment) -> String {
    let mut text = one.role.to_string();
    if let Some(tenant) = &one.tenant {
        let _ = write!(text, " in tenant {tenant}");
    }
    if let Some(start) = one.valid_from {
        let _ = write!(text, " from {}", rfc3339(start));
    }
    if let Some(end) = one.expires_at {
        let _ = write!(text, " until {}", rfc3339(end));
    }
    let (by, at) = (printable(&one.assigned_by), rfc3339(one.assigned_at));
    let _ = write!(text, " (assigned {at} by {by}");
    if let Some(reason) = &one.reason {
        let _ = write!(text, ": {}", printable(reason));
    }
    text.push(')');
    text
}

/// Returns the e-mail address of a user, and that it is verified.
pub(super) fn address_of(user: &User) -> String {
    let address = printable(user.email.as_deref().unwrap_or("none"));
    let state = if user.email_verified_at.is_some() {
        " (verified)"
    } else {
        ""
    };
    format!("{address}{state}")
}
