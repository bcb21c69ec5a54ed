use super::{
    CliError,
    context::Context,
    output::{print_json, print_table, said},
    pages,
};
use crate::{
    error::ApiError,
    roles::{
        constraint_handlers::ConstraintView,
        constraints::{self, ConstraintEdit, NamedConstraint},
    },
};
use clap::{ArgGroup, Args, Subcommand};
use rolecall_core::{ConstraintKind, ConstraintName, RoleName};
use serde_json::json;

#[derive(Subcommand)]
pub(super) enum ConstraintCommand {
    /// Keep roles apart.
    Add(NewConstraint),
    /// List constraints.
    List,
    /// Show a constraint.
    Show { name: ConstraintName },
    /// Let a constraint be about one role more.
    AddRole {
        name: ConstraintName,
        role: RoleName,
    },
    /// Let a constraint be about a role no more.
    RemoveRole {
        name: ConstraintName,
        role: RoleName,
    },
    /// Change how many of the roles may come together.
    Limit { name: ConstraintName, at_most: u32 },
    /// Delete a constraint.
    Delete { name: ConstraintName },
}

#[derive(Args)]
#[command(group(ArgGroup::new("kind").required(true)))]
pub(super) struct NewConstraint {
    name: ConstraintName,
    /// The roles: two or more.
    #[arg(required = true)]
    roles: Vec<RoleName>,
    /// Nobody is given too many of them.
    #[arg(long = "static", group = "kind")]
    is_static: bool,
    /// Nobody has too many of them active in one session.
    #[arg(long = "dynamic", group = "kind")]
    is_dynamic: bool,
    /// How many of them may come together.
    #[arg(long, default_value_t = 1)]
    at_most: u32,
}

impl NewConstraint {
    fn kind(&self) -> ConstraintKind {
        if self.is_dynamic {
            ConstraintKind::Dynamic
        } else {
            ConstraintKind::Static
        }
    }
}

pub(super) async fn run(context: &Context, command: &ConstraintCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let made = match command {
        ConstraintCommand::List => return list(context).await,
        ConstraintCommand::Show { name } => constraints::get(app, caller, name).await?,
        ConstraintCommand::Add(new) => {
            let (kind, roles) = (new.kind(), &new.roles);
            constraints::create(app, caller, &new.name, kind, roles, new.at_most).await?
        }
        ConstraintCommand::AddRole { name, role } => {
            constraints::edit(app, caller, name, &ConstraintEdit::AddRole(role.clone())).await?
        }
        ConstraintCommand::RemoveRole { name, role } => {
            constraints::edit(app, caller, name, &ConstraintEdit::RemoveRole(role.clone())).await?
        }
        ConstraintCommand::Limit { name, at_most } => {
            constraints::edit(app, caller, name, &ConstraintEdit::AtMost(*at_most)).await?
        }
        ConstraintCommand::Delete { name } => {
            if !constraints::delete(app, caller, name).await? {
                return Err(ApiError::unknown("constraint", name).into());
            }
            return said(context.json, &format!("constraint `{name}` deleted"));
        }
    };
    show(context, made)
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| constraints::list(app, caller, after, limit).await;
    let found = pages::all(read, |one: &NamedConstraint| one.name.to_string()).await?;
    if context.json {
        let views = found.into_iter().map(ConstraintView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    print_table(HEADER, found.into_iter().map(row).collect())
}

fn show(context: &Context, constraint: NamedConstraint) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!(ConstraintView::from(constraint)));
    }
    print_table(HEADER, vec![row(constraint)])
}

const HEADER: &[&str] = &["constraint", "kind", "at most", "of the roles"];

fn row(NamedConstraint { name, constraint }: NamedConstraint) -> Vec<String> {
    let roles: Vec<&str> = constraint.roles.iter().map(RoleName::as_str).collect();
    vec![
        name.to_string(),
        constraint.kind.as_str().to_owned(),
        constraint.at_most.to_string(),
        roles.join(", "),
    ]
}
