use super::{
    CliError,
    context::Context,
    output::{print_json, print_table, said},
    pages,
};
use crate::{
    authority::may,
    roles::{
        constraint_handlers::{ConstraintView, distinct},
        constraints::{self, Edit, Named},
    },
};
use clap::{ArgGroup, Args, Subcommand};
use rolecall::PermissionName as _;
use rolecall_core::{Constraint, ConstraintKind, ConstraintName, RoleName};
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
    fn constraint(&self) -> Result<Constraint, CliError> {
        let kind = if self.is_dynamic {
            ConstraintKind::Dynamic
        } else {
            ConstraintKind::Static
        };
        let made = Constraint::new(kind, distinct(&self.roles)?, self.at_most);
        made.map_err(|error| CliError::Refused(error.to_string()))
    }
}

pub(super) async fn run(context: &Context, command: &ConstraintCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let made = match command {
        ConstraintCommand::List => {
            context.demand(may::ReadRoles::NAME).await?;
            return list(context).await;
        }
        ConstraintCommand::Show { name } => {
            context.demand(may::ReadRoles::NAME).await?;
            constraints::get(app, name).await?
        }
        ConstraintCommand::Add(new) => {
            constraints::create(app, caller, &new.name, &new.constraint()?).await?
        }
        ConstraintCommand::AddRole { name, role } => {
            constraints::edit(app, caller, name, &Edit::AddRole(role.clone())).await?
        }
        ConstraintCommand::RemoveRole { name, role } => {
            constraints::edit(app, caller, name, &Edit::RemoveRole(role.clone())).await?
        }
        ConstraintCommand::Limit { name, at_most } => {
            constraints::edit(app, caller, name, &Edit::AtMost(*at_most)).await?
        }
        ConstraintCommand::Delete { name } => {
            constraints::get(app, name).await?;
            constraints::delete(app, caller, name).await?;
            return said(context.json, &format!("constraint `{name}` deleted"));
        }
    };
    show(context, made)
}

async fn list(context: &Context) -> Result<(), CliError> {
    let read = async |after: &str, limit| constraints::list(&context.app, after, limit).await;
    let found = pages::all(read, |one: &Named| one.name.to_string()).await?;
    if context.json {
        let views = found.into_iter().map(ConstraintView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    print_table(HEADER, found.into_iter().map(row).collect())
}

fn show(context: &Context, constraint: Named) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!(ConstraintView::from(constraint)));
    }
    print_table(HEADER, vec![row(constraint)])
}

const HEADER: &[&str] = &["constraint", "kind", "at most", "of the roles"];

fn row(Named { name, constraint }: Named) -> Vec<String> {
    let roles: Vec<&str> = constraint.roles.iter().map(RoleName::as_str).collect();
    vec![
        name.to_string(),
        constraint.kind.as_str().to_owned(),
        constraint.at_most.to_string(),
        roles.join(", "),
    ]
}
