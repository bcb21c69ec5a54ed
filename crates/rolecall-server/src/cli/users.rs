use super::{
    CliError,
    arguments::UserCommand,
    context::Context,
    output::{print_json, print_table, printable, said, write_out},
    pages, prompt, requests,
};
use crate::{
    accounts::{
        registration::{self, NewAccount, ResetCode},
        service::{self, Changes},
        store::User,
        views::UserView,
    },
    authority::subject::Status,
    roles::{assigning::Assignee, assignment_handlers::place, assignments, views::AssignmentView},
    times::rfc3339,
};
use std::fmt::Write as _;

use rolecall_core::RoleAssignment;
use serde::Serialize;
use serde_json::json;

pub(super) async fn run(context: &Context, command: &UserCommand) -> Result<(), CliError> {
    match command {
        UserCommand::Add {
            name,
            roles,
            email,
            password_stdin,
        } => {
            let password = prompt::new_password(*password_stdin)?;
            let wanted = NewAccount {
                username: name,
                password: Some(&password),
                email: email.as_deref(),
                roles: roles.clone(),
            };
            let (user, _) = registration::create(&context.app, context.caller(), &wanted).await?;
            told(context, &format!("user `{}` made", user.username), &user)?;
            requests::print_pending(context, &user.id).await
        }
        UserCommand::List { search } => list(context, search).await,
        UserCommand::Show { name } => show(context, name).await,
        UserCommand::Password {
            name,
            password_stdin,
        } => {
            let id = context.user_id(name).await?;
            let password = prompt::new_password(*password_stdin)?;
            service::set_password(&context.app, context.caller(), &id, &password).await?;
            said(
                context.json,
                &format!(
                    "password of `{}` set; all sessions have ended",
                    printable(name)
                ),
            )
        }
        UserCommand::Reset { name } => {
            let id = context.user_id(name).await?;
            show_code(
                context,
                &service::reset(&context.app, context.caller(), &id).await?,
            )
        }
        UserCommand::Disable { name } => set_status(context, name, Status::Disabled).await,
        UserCommand::Enable { name } => set_status(context, name, Status::Active).await,
        UserCommand::Delete { name } => {
            let id = context.user_id(name).await?;
            service::delete(&context.app, context.caller(), &id).await?;
            said(context.json, &format!("user `{}` deleted", printable(name)))
        }
    }
}

fn told(context: &Context, text: &str, user: &User) -> Result<(), CliError> {
    if context.json {
        print_json(&json!(UserView::from(user.clone())))
    } else {
        write_out(&format!("{text}\n"))
    }
}

async fn list(context: &Context, search: &str) -> Result<(), CliError> {
    let read = async |after: &str, limit| {
        service::list(&context.app, context.caller(), after, None, search, limit).await
    };
    let users = pages::all(read, |user: &User| user.id.clone()).await?;
    if context.json {
        return print_json(
            &users
                .into_iter()
                .map(UserView::from)
                .map(|user| json!(user))
                .collect(),
        );
    }
    let row = |user: User| {
        vec![
            user.username,
            user.status.as_str().to_owned(),
            names(&user.roles),
            user.email.unwrap_or_default(),
            user.id,
        ]
    };
    print_table(
        &["user", "status", "roles", "e-mail", "id"],
        users.into_iter().map(row).collect(),
    )
}

fn names(roles: &[rolecall_core::RoleName]) -> String {
    roles
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// A user as the API shows it, with what is found under `/roles` there.
#[derive(Serialize)]
struct UserWithAssignments {
    #[serde(flatten)]
    user: UserView,
    assignments: Vec<AssignmentView>,
}

async fn show(context: &Context, name: &str) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let user = service::get(&context.app, context.caller(), &id).await?;
    let whose = Assignee::User(&id);
    let read = async |after: &str, limit| {
        let after = after.split_once('\n').unwrap_or_default();
        assignments::list(&context.app, context.caller(), whose, after, None, limit).await
    };
    let assigned = pages::all(read, place).await?;
    if context.json {
        let views = assigned.into_iter();
        let views: Vec<_> = views.map(|one| AssignmentView::new(whose, one)).collect();
        return print_json(&json!(UserWithAssignments {
            user: user.into(),
            assignments: views,
        }));
    }
    let facts = [
        ("user", user.username),
        ("id", user.id),
        ("status", user.status.as_str().to_owned()),
        ("e-mail", user.email.unwrap_or_else(|| "none".to_owned())),
        ("since", rfc3339(user.created_at)),
    ];
    let mut text = String::new();
    for (name, value) in facts {
        let _ = writeln!(text, "{name:8}{}", printable(&value));
    }
    for one in assigned {
        let _ = writeln!(text, "role    {}", described(&one));
    }
    write_out(&text)
}

/// `editor in tenant acme until 2030-01-01T00:00:00Z (given 2029-.. by cli:root: a project)`.
fn described(one: &RoleAssignment) -> String {
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
    let (by, given) = (printable(&one.assigned_by), rfc3339(one.assigned_at));
    let _ = write!(text, " (given {given} by {by}");
    if let Some(reason) = &one.reason {
        let _ = write!(text, ": {}", printable(reason));
    }
    text.push(')');
    text
}

fn show_code(context: &Context, code: &ResetCode) -> Result<(), CliError> {
    let expires_at = rfc3339(code.expires_at);
    if context.json {
        return print_json(&json!({ "reset_code": code.code, "expires_at": expires_at }));
    }
    write_out(&format!(
        "{}\n\nThis code works once, until {expires_at}, as the current password at POST /password.\n",
        code.code
    ))
}

async fn set_status(context: &Context, name: &str, status: Status) -> Result<(), CliError> {
    let id = context.user_id(name).await?;
    let changes = Changes {
        status: Some(status),
        ..Changes::default()
    };
    let user = service::update(&context.app, context.caller(), &id, &changes).await?;
    told(
        context,
        &format!("user `{}` is {}", user.username, user.status.as_str()),
        &user,
    )
}
