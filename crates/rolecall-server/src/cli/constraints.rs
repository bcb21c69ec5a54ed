//! `constraint`: manages separation of duties.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use rolecall_core::{ConstraintKind, ConstraintName, ConstraintScope, RoleName};
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table},
    pages,
};
use crate::{
    error::ApiError,
    roles::{
        constraint_handlers::ConstraintView,
        constraints::{self, ConstraintEdit, NamedConstraint},
    },
};

#[derive(Subcommand)]
pub(super) enum ConstraintCommand {
    /// Create a constraint.
    Add(NewConstraint),
    /// List constraints.
    List,
    /// Show a constraint.
    Show {
        /// The constraint's name.
        name: ConstraintName,
    },
    /// Add a role to a constraint.
    AddRole {
        /// The constraint's name.
        name: ConstraintName,
        /// The role.
        role: RoleName,
    },
    /// Remove a role from a constraint.
    RemoveRole {
        /// The constraint's name.
        name: ConstraintName,
        /// The role.
        role: RoleName,
    },
    /// Change how many of the roles are allowed together.
    Limit {
        /// The constraint's name.
        name: ConstraintName,
        /// The number of roles.
        at_most: u32,
    },
    /// Change what a dynamic constraint counts together.
    Per {
        /// The constraint's name.
        name: ConstraintName,
        /// The roles of one token, or those of all living tokens of a subject.
        scope: Scope,
    },
    /// Delete a constraint.
    Delete {
        /// The constraint's name.
        name: ConstraintName,
    },
}

#[derive(Args)]
#[command(group(ArgGroup::new("kind").required(true)))]
pub(super) struct NewConstraint {
    /// The constraint's name.
    name: ConstraintName,
    /// Two or more roles.
    #[arg(required = true)]
    roles: Vec<RoleName>,
    /// Refuse to assign more of them to one subject.
    #[arg(long = "static", group = "kind")]
    is_static: bool,
    /// Refuse to activate more of them in one session.
    #[arg(long = "dynamic", group = "kind")]
    is_dynamic: bool,
    /// How many of them are allowed together.
    #[arg(long, default_value_t = 1)]
    at_most: u32,
    /// Count all living tokens of a subject, not each alone; with `--dynamic`.
    #[arg(long)]
    per: Option<Scope>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Scope {
    Session,
    Subject,
}

impl From<Scope> for ConstraintScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Session => Self::Session,
            Scope::Subject => Self::Subject,
        }
    }
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
    let changed = match command {
        ConstraintCommand::List => return list(context).await,
        ConstraintCommand::Show { name } => constraints::get(app, caller, name).await?,
        ConstraintCommand::Add(new) => {
            let wanted = constraints::NewConstraint {
                kind: new.kind(),
                roles: &new.roles,
                at_most: new.at_most,
                per: new.per.map(ConstraintScope::from),
            };
            constraints::create(app, caller, &new.name, wanted).await?
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
        ConstraintCommand::Per { name, scope } => {
            let edit = ConstraintEdit::Per((*scope).into());
            constraints::edit(app, caller, name, &edit).await?
        }
        ConstraintCommand::Delete { name } => {
            if !constraints::delete(app, caller, name).await? {
                return Err(ApiError::unknown("constraint", name).into());
            }
            return print_done(context.json, &format!("constraint `{name}` deleted"));
        }
    };
    show(context, changed)
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| constraints::list(app, caller, after, limit).await;
    let found = pages::read_all(read, |one: &NamedConstraint| one.name.to_string()).await?;
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
        match constraint.per {
            ConstraintScope::Session => constraint.kind.as_str().to_owned(),
            ConstraintScope::Subject => format!("{}, per subject", constraint.kind.as_str()),
        },
        constraint.at_most.to_string(),
        roles.join(", "),
    ]
}
