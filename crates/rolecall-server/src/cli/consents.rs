//! `consent`: lists and withdraws what a user has allowed applications.

use clap::Subcommand;
use serde_json::json;

use super::{
    clients::client_id,
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable},
    pages,
};
use crate::{
    consents::{
        handlers::ConsentView,
        service::{self, AllowedClient, AllowedScopes},
    },
    times::rfc3339,
};

#[derive(Subcommand)]
pub(super) enum ConsentCommand {
    /// List what a user has allowed applications.
    List {
        /// The user's name.
        user: String,
    },
    /// Withdraw what a user has allowed an application: its sessions of the user end, and it asks again.
    Withdraw {
        /// The user's name.
        user: String,
        /// The client's name or id.
        client: String,
    },
}

pub(super) async fn run(context: &Context, command: &ConsentCommand) -> Result<(), CliError> {
    match command {
        ConsentCommand::List { user } => list(context, user).await,
        ConsentCommand::Withdraw { user, client } => {
            let id = context.user_id(user).await?;
            let client_id = client_id(context, client).await?;
            let (app, caller) = (&context.app, context.caller());
            let (user, client) = (printable(user), printable(client));
            // a mistyped name must not look like a success
            if !service::withdraw_of(app, caller, &id, &client_id).await? {
                let text = format!("`{user}` has allowed client `{client}` nothing");
                return Err(CliError::Refused(text));
            }
            let text = format!("consent of `{user}` for client `{client}` withdrawn");
            print_done(context.json, &text)
        }
    }
}

async fn list(context: &Context, user: &str) -> Result<(), CliError> {
    let id = context.user_id(user).await?;
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| service::list_of(app, caller, &id, after, limit).await;
    let found = pages::read_all(read, |client: &AllowedClient| client.client_id.clone()).await?;
    if context.json {
        let views = found.into_iter().map(ConsentView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let rows = found.iter().flat_map(rows).collect();
    print_table(
        &[
            "client",
            "resource",
            "tenant",
            "scopes",
            "since",
            "last used",
        ],
        rows,
    )
}

/// One row for each resource and tenant.
fn rows(client: &AllowedClient) -> Vec<Vec<String>> {
    let row = |allowed: &AllowedScopes| {
        vec![
            client.client_name.clone(),
            allowed.resource.clone().unwrap_or_default(),
            allowed.tenant.clone().unwrap_or_default(),
            allowed.scopes.join(" "),
            rfc3339(client.created_at),
            rfc3339(client.last_used_at),
        ]
    };
    client.scopes.iter().map(row).collect()
}
