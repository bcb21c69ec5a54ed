use rolecall_core::RoleName;
use serde_json::json;

use super::{
    CliError,
    arguments::RoleCommand,
    context::Context,
    output::{print_json, print_table, said},
    pages,
};
use crate::roles::{
    handlers::{RoleView, check_description},
    permissions::{self, refuse_reserved},
    service::{self, RoleDetails},
};

pub(super) async fn run(context: &Context, command: &RoleCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let changed = match command {
        RoleCommand::List => {
            context.demand("rolecall.roles:read").await?;
            return list(context).await;
        }
        RoleCommand::Show { name } => {
            context.demand("rolecall.roles:read").await?;
            name
        }
        RoleCommand::Add { name, description } => {
            refuse_reserved(name.as_str())?;
            check_description(description)?;
            service::create(app, caller, name, description).await?;
            name
        }
        RoleCommand::Allow { name, permissions } => {
            service::get(app, name).await?;
            for pattern in permissions {
                permissions::ensure(app, caller, pattern).await?;
                service::grant(app, caller, name, pattern).await?;
            }
            name
        }
        RoleCommand::Disallow { name, permissions } => {
            for pattern in permissions {
                service::revoke(app, caller, name, pattern).await?;
            }
            name
        }
        RoleCommand::Inherit { name, junior } => {
            service::inherit(app, caller, name, junior).await?;
            name
        }
        RoleCommand::Disinherit { name, junior } => {
            service::disinherit(app, caller, name, junior).await?;
            name
        }
        RoleCommand::Delete { name } => {
            service::get(app, name).await?;
            service::delete(app, caller, name).await?;
            return said(context.json, &format!("role `{name}` deleted"));
        }
    };
    show(context, changed).await
}

async fn list(context: &Context) -> Result<(), CliError> {
    let read = async |after: &str, limit| service::list(&context.app, after, limit).await;
    let roles = pages::all(read, |role: &RoleDetails| role.role.name.to_string()).await?;
    if context.json {
        return print_json(
            &roles
                .into_iter()
                .map(RoleView::from)
                .map(|role| json!(role))
                .collect(),
        );
    }
    print_table(
        &["role", "holds", "inherits", "description"],
        roles.into_iter().map(row).collect(),
    )
}

async fn show(context: &Context, name: &RoleName) -> Result<(), CliError> {
    let role = service::get(&context.app, name).await?;
    if context.json {
        return print_json(&json!(RoleView::from(role)));
    }
    print_table(
        &["role", "holds", "inherits", "description"],
        vec![row(role)],
    )
}

fn row(details: RoleDetails) -> Vec<String> {
    fn joined<T: ToString>(items: &[T], separator: &str) -> String {
        items
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(separator)
    }
    vec![
        details.role.name.to_string(),
        joined(&details.permissions, "\n"),
        joined(&details.juniors, "\n"),
        details.role.description,
    ]
}
