//! `permission`: lists permissions and their holders.

use clap::Subcommand;
use rolecall_core::{Permission, Timestamp};
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_json, print_table},
    pages,
};
use crate::{
    roles::{
        permission_handlers::PermissionView,
        permissions,
        review::{self, PermissionHolder},
        review_handlers::{self, PermissionHolderView},
        store::PermissionRow,
    },
    times::rfc3339,
};

#[derive(Subcommand)]
pub(super) enum PermissionCommand {
    /// List permissions.
    List,
    /// List the users and clients that hold a permission, with the role and the path by which each holds it.
    Holders {
        /// A permission such as `items:write`.
        name: Permission,
    },
}

pub(super) async fn run(context: &Context, command: &PermissionCommand) -> Result<(), CliError> {
    match command {
        PermissionCommand::List => list(context).await,
        PermissionCommand::Holders { name } => list_holders(context, name).await,
    }
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| permissions::list(app, caller, after, limit).await;
    let found = pages::read_all(read, |row: &PermissionRow| row.name.to_string()).await?;
    if context.json {
        let views = found.into_iter().map(PermissionView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let cells = |row: PermissionRow| vec![row.name.to_string(), row.description];
    print_table(
        &["permission", "description"],
        found.into_iter().map(cells).collect(),
    )
}

async fn list_holders(context: &Context, name: &Permission) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |position: &str, limit| {
        let after = review_handlers::after(position);
        review::permission_holders(app, caller, name, after, limit).await
    };
    let place = |holder: &PermissionHolder| review_handlers::place(&holder.held);
    let found = pages::read_all(read, place).await?;
    if context.json {
        let views = found.into_iter().map(PermissionHolderView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    print_table(
        &["holder", "through", "holds", "tenant", "from", "until"],
        found.into_iter().map(cells).collect(),
    )
}

fn cells(holder: PermissionHolder) -> Vec<String> {
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, rfc3339);
    let path: Vec<String> = holder.path.iter().map(ToString::to_string).collect();
    let given = holder.held.assignment;
    vec![
        holder.held.name,
        path.join(" -> "),
        holder.grant.to_string(),
        given
            .tenant
            .map_or_else(String::new, |tenant| tenant.to_string()),
        time(given.valid_from),
        time(given.expires_at),
    ]
}
