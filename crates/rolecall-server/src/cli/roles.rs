//! `role`: manages roles, their permissions and their inheritance.

use clap::{Subcommand, ValueEnum};
use rolecall_core::{Acr, PermissionPattern, RoleName, Timestamp};
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
        assignment_store::SubjectAssignment,
        definition::{self, NewRole, RoleChanges},
        details::RoleDetails,
        handlers::RoleView,
        review,
        review_handlers::{self, HolderView, ReachView},
        service,
    },
    times::rfc3339,
};

#[derive(Subcommand)]
pub(super) enum RoleCommand {
    /// Create a role.
    Add {
        /// The role's name.
        name: RoleName,
        /// What the role is for.
        #[arg(long, default_value = "")]
        description: String,
        /// Require that a second person approves each assignment of the role.
        #[arg(long)]
        approval: bool,
        /// Set whether applications may check for the role by its name.
        #[arg(long, default_value = "on")]
        by_name: Switch,
        /// Set the assurance that a session needs to have the role: `aal2` for two factors, `phr` for a passkey.
        #[arg(long, default_value = "aal1")]
        acr: Acr,
    },
    /// Set the assurance that a session needs to have a role. Tokens through the role end if it is raised.
    Acr {
        /// The role's name.
        name: RoleName,
        /// `aal1` for every session, `aal2` for two factors, `phr` for a passkey.
        acr: Acr,
    },
    /// Set whether assignments of a role, and of roles that inherit it, need the approval of a second person.
    Approval {
        /// The role's name.
        name: RoleName,
        /// Whether approval is needed.
        needed: Switch,
    },
    /// Set whether applications may check for a role by its name; if not, it gives its permissions alone.
    ByName {
        /// The role's name.
        name: RoleName,
        /// Whether the role works by its name.
        works: Switch,
    },
    /// List roles.
    List,
    /// Show a role.
    Show {
        /// The role's name.
        name: RoleName,
    },
    /// List the users and clients that have a role.
    Holders {
        /// The role's name.
        name: RoleName,
        /// Include those that have the role through a role that inherits it.
        #[arg(long)]
        inherited: bool,
    },
    /// Grant permissions to a role; permissions that do not exist are created.
    Allow {
        /// The role's name.
        name: RoleName,
        /// Permissions such as `items:read`, or `items:*` for every operation on an object.
        #[arg(required = true)]
        permissions: Vec<PermissionPattern>,
    },
    /// Revoke permissions from a role.
    Disallow {
        /// The role's name.
        name: RoleName,
        /// Permissions that the role holds.
        #[arg(required = true)]
        permissions: Vec<PermissionPattern>,
    },
    /// Make a role inherit another role and its permissions.
    Inherit {
        /// The role that inherits.
        name: RoleName,
        /// The role that is inherited.
        junior: RoleName,
    },
    /// Stop a role from inheriting another role.
    Disinherit {
        /// The role that inherits.
        name: RoleName,
        /// The role that is inherited.
        junior: RoleName,
    },
    /// Delete a role.
    Delete {
        /// The role's name.
        name: RoleName,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

pub(super) async fn run(context: &Context, command: &RoleCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let changed = match command {
        RoleCommand::List => return list(context).await,
        RoleCommand::Show { name } => return show_with_reach(context, name).await,
        RoleCommand::Holders { name, inherited } => {
            return list_holders(context, name, *inherited).await;
        }
        RoleCommand::Add {
            name,
            description,
            approval,
            by_name,
            acr,
        } => {
            let wanted = NewRole {
                approval: *approval,
                by_name: *by_name == Switch::On,
                acr: *acr,
                ..NewRole::new(name, description)
            };
            definition::create(app, caller, wanted).await?
        }
        RoleCommand::Approval { name, needed } => {
            let changes = RoleChanges {
                approval: Some(*needed == Switch::On),
                ..RoleChanges::default()
            };
            definition::update(app, caller, name, changes).await?
        }
        RoleCommand::ByName { name, works } => {
            let changes = RoleChanges {
                by_name: Some(*works == Switch::On),
                ..RoleChanges::default()
            };
            definition::update(app, caller, name, changes).await?
        }
        RoleCommand::Acr { name, acr } => {
            let changes = RoleChanges {
                acr: Some(*acr),
                ..RoleChanges::default()
            };
            definition::update(app, caller, name, changes).await?
        }
        RoleCommand::Allow { name, permissions } => {
            let mut changed = None;
            for pattern in permissions {
                changed = Some(service::grant_new(app, caller, name, pattern).await?);
            }
            return show_last(context, name, changed).await;
        }
        RoleCommand::Disallow { name, permissions } => {
            let mut changed = None;
            for pattern in permissions {
                changed = Some(service::revoke(app, caller, name, pattern).await?);
            }
            return show_last(context, name, changed).await;
        }
        RoleCommand::Inherit { name, junior } => {
            service::inherit(app, caller, name, junior).await?
        }
        RoleCommand::Disinherit { name, junior } => {
            service::disinherit(app, caller, name, junior).await?
        }
        RoleCommand::Delete { name } => return delete(context, name).await,
    };
    show(context, changed)
}

async fn delete(context: &Context, name: &RoleName) -> Result<(), CliError> {
    if !service::delete(&context.app, context.caller(), name).await? {
        return Err(ApiError::unknown("role", name).into());
    }
    print_done(context.json, &format!("role `{name}` deleted"))
}

const HEADER: &[&str] = &["role", "holds", "inherits", "description"];

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| service::list(app, caller, after, limit).await;
    let roles = pages::read_all(read, |role: &RoleDetails| role.role.name.to_string()).await?;
    if context.json {
        let views = roles.into_iter().map(RoleView::from);
        return print_json(&views.map(|role| json!(role)).collect());
    }
    print_table(HEADER, roles.into_iter().map(row).collect())
}

/// Prints the role after the last of several changes; reads it if there was none.
async fn show_last(
    context: &Context,
    name: &RoleName,
    changed: Option<RoleDetails>,
) -> Result<(), CliError> {
    match changed {
        Some(role) => show(context, role),
        None => show(
            context,
            service::get(&context.app, context.caller(), name).await?,
        ),
    }
}

fn show(context: &Context, role: RoleDetails) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!(RoleView::from(role)));
    }
    print_table(HEADER, vec![row(role)])
}

/// Prints a role with every permission that it grants, inherited ones included, and the roles that inherit it.
async fn show_with_reach(context: &Context, name: &RoleName) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let role = service::get(app, caller, name).await?;
    let reach = review::reach(app, caller, name).await?;
    if context.json {
        let mut shown = json!(RoleView::from(role));
        if let Some(members) = shown.as_object_mut() {
            members.insert("reach".to_owned(), json!(ReachView::from(reach)));
        }
        return print_json(&shown);
    }
    let mut cells = row(role);
    let description = cells.pop().unwrap_or_default();
    cells.push(join_lines(&reach.permissions));
    cells.push(join_lines(&reach.seniors));
    cells.push(description);
    print_table(
        &[
            "role",
            "holds",
            "inherits",
            "grants",
            "inherited by",
            "description",
        ],
        vec![cells],
    )
}

async fn list_holders(context: &Context, name: &RoleName, inherited: bool) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |position: &str, limit| {
        let after = review_handlers::after(position);
        review::holders(app, caller, name, inherited, after, limit).await
    };
    let found = pages::read_all(read, review_handlers::place).await?;
    if context.json {
        let views = found.into_iter().map(HolderView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, rfc3339);
    let cells = |held: SubjectAssignment| {
        let given = held.assignment;
        vec![
            held.name,
            given.role.to_string(),
            given
                .tenant
                .map_or_else(String::new, |tenant| tenant.to_string()),
            time(given.valid_from),
            time(given.expires_at),
            given.reason.unwrap_or_default(),
        ]
    };
    print_table(
        &["holder", "role", "tenant", "from", "until", "reason"],
        found.into_iter().map(cells).collect(),
    )
}

fn join_lines<T: ToString>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

fn row(details: RoleDetails) -> Vec<String> {
    let mut name = details.role.name.to_string();
    if details.approval {
        name.push_str("\n(approval)");
    }
    if !details.by_name {
        name.push_str("\n(not by name)");
    }
    if details.acr > Acr::Aal1 {
        name.push_str("\n(");
        name.push_str(details.acr.as_str());
        name.push(')');
    }
    vec![
        name,
        join_lines(&details.permissions),
        join_lines(&details.juniors),
        details.role.description,
    ]
}
