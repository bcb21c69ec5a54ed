//! `client`: manages OAuth clients.

use std::time::Duration;

use clap::Subcommand;
use rolecall_core::RoleName;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable, write_out},
    pages,
    requests::print_pending,
};
use crate::clients::{
    handlers::{ClientView, CreatedClientView},
    registration::ClientRegistration,
    service,
    store::Listed,
};

#[derive(Subcommand)]
pub(super) enum ClientCommand {
    /// Create a client; prints its id and its secret. The secret is shown only once.
    Add {
        /// The client's name.
        name: String,
        /// `password`, `refresh_token` or `client_credentials`; can be repeated.
        #[arg(long = "grant", value_name = "GRANT")]
        grants: Vec<String>,
        /// An audience that its tokens may have; can be repeated. The issuer by default.
        #[arg(long = "audience", value_name = "AUDIENCE")]
        audiences: Vec<String>,
        /// The most that its tokens may carry, for example `items:read role:editor`.
        #[arg(long)]
        scope: Option<String>,
        /// A role to assign to the client itself; can be repeated.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<RoleName>,
        /// A public client, which cannot keep a secret: a mobile app or a browser application.
        #[arg(long)]
        public: bool,
        /// An address to return to after a log-in; can be repeated.
        #[arg(long = "redirect-uri", value_name = "URI")]
        redirect_uris: Vec<String>,
    },
    /// List clients.
    List,
    /// Create a new secret and print it. It is shown only once.
    RotateSecret {
        /// The client's name or id.
        name: String,
        /// How long the old secret keeps working.
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(0..=720))]
        overlap_hours: u64,
    },
    /// Delete a client; all its sessions end.
    Delete {
        /// The client's name or id.
        name: String,
    },
}

pub(super) async fn run(context: &Context, command: &ClientCommand) -> Result<(), CliError> {
    match command {
        ClientCommand::Add {
            name,
            grants,
            audiences,
            scope,
            roles,
            public,
            redirect_uris,
        } => {
            let wanted = ClientRegistration {
                name: name.clone(),
                grants: grants.clone(),
                audiences: audiences.clone(),
                scope: scope.clone(),
                redirect_uris: redirect_uris.clone(),
                public: *public,
            };
            add(context, &wanted, roles).await
        }
        ClientCommand::List => list(context).await,
        ClientCommand::RotateSecret {
            name,
            overlap_hours,
        } => {
            let id = client_id(context, name).await?;
            let overlap = Duration::from_hours(*overlap_hours);
            let caller = context.caller();
            let secret = service::rotate_secret(&context.app, caller, &id, overlap).await?;
            let secret = secret.expose_secret();
            if context.json {
                return print_json(&json!({ "client_id": id, "client_secret": secret }));
            }
            write_out(&format!(
                "client_secret  {secret}\n\nThis secret is shown only once. The old one works for another {overlap_hours} hours.\n"
            ))
        }
        ClientCommand::Delete { name } => {
            let id = client_id(context, name).await?;
            service::delete(&context.app, context.caller(), &id).await?;
            print_done(
                context.json,
                &format!("client `{}` deleted", printable(name)),
            )
        }
    }
}

async fn add(
    context: &Context,
    wanted: &ClientRegistration,
    roles: &[RoleName],
) -> Result<(), CliError> {
    let caller = context.caller();
    let (client, secret) = service::create(&context.app, caller, wanted, roles).await?;
    if context.json {
        return print_json(&json!(CreatedClientView::new(client, secret.as_ref())));
    }
    let mut text = format!("client_id      {}\n", client.client.id);
    if let Some(secret) = &secret {
        text.push_str("client_secret  ");
        text.push_str(secret.expose_secret());
        text.push_str("\n\nThis secret is shown only once.\n");
    }
    write_out(&text)?;
    print_pending(context, &client.client.id).await
}

async fn list(context: &Context) -> Result<(), CliError> {
    let read = async |after: &str, limit| {
        service::list(&context.app, context.caller(), after, limit).await
    };
    let clients = pages::read_all(read, |listed: &Listed| listed.client.id.clone()).await?;
    if context.json {
        let views = clients.into_iter().map(ClientView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let row = |Listed { client, roles }: Listed| {
        let grants: Vec<&str> = client.grants.iter().map(|grant| grant.as_str()).collect();
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        vec![
            client.name,
            if client.public {
                "public"
            } else {
                "confidential"
            }
            .to_owned(),
            grants.join(", "),
            roles.join(", "),
            client.audiences.join(", "),
            client.id,
        ]
    };
    print_table(
        &["client", "kind", "grants", "roles", "audiences", "id"],
        clients.into_iter().map(row).collect(),
    )
}

/// Finds a client by name or id.
async fn client_id(context: &Context, name: &str) -> Result<String, CliError> {
    let found = service::find_id(&context.app, name).await?;
    found.ok_or_else(|| CliError::Refused(format!("no client `{}`", printable(name))))
}
