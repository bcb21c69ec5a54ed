//! `client`: manages OAuth clients.

use std::time::Duration;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use rolecall_core::RoleName;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable, write_out},
    pages,
    prompt::from_standard_input,
    requests::print_pending,
};
use crate::clients::{
    handlers::{ClientView, CreatedClientView},
    registration::ClientRegistration,
    service::{self, Brought},
    store::{GrantType, Listed},
};

#[derive(Subcommand)]
pub(super) enum ClientCommand {
    /// Create a client; prints its id and its secret. The secret is shown only once.
    Add(AddOptions),
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

#[derive(Args)]
pub(super) struct AddOptions {
    /// The client's name.
    name: String,
    /// The id that the client keeps from another system; a new one by default.
    #[arg(long)]
    id: Option<String>,
    /// Read the secret that the client keeps from another system from standard input; a new one is made by default.
    #[arg(long, conflicts_with = "public")]
    secret_stdin: bool,
    /// A way for the client to get tokens: `password` lets it log users in, `refresh_token` renews their tokens, and
    /// `client_credentials` gives it tokens of its own. Can be repeated.
    #[arg(long = "grant", value_name = "GRANT", value_parser = PossibleValuesParser::new(GrantType::NAMES))]
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
}

pub(super) async fn run(context: &Context, command: &ClientCommand) -> Result<(), CliError> {
    match command {
        ClientCommand::Add(options) => add(context, options).await,
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

async fn add(context: &Context, options: &AddOptions) -> Result<(), CliError> {
    refuse_useless(&options.grants)?;
    let wanted = ClientRegistration {
        name: options.name.clone(),
        grants: options.grants.clone(),
        audiences: options.audiences.clone(),
        scope: options.scope.clone(),
        redirect_uris: options.redirect_uris.clone(),
        public: options.public,
    };
    let kept = if options.secret_stdin {
        Some(SecretString::from(from_standard_input()?.as_str()))
    } else {
        None
    };
    let brought = Brought {
        id: options.id.as_deref(),
        secret: kept.as_ref(),
    };
    let (app, caller) = (&context.app, context.caller());
    let (client, secret) = service::create(app, caller, &wanted, brought, &options.roles).await?;
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

/// Refuses a client that could get no token. Over HTTP such a client is allowed: removing its grants stops a client.
fn refuse_useless(grants: &[String]) -> Result<(), CliError> {
    let refresh = GrantType::RefreshToken.as_str();
    if grants.iter().any(|grant| grant != refresh) {
        return Ok(());
    }
    Err(CliError::Refused(
        "a client without a grant gets no tokens: add `--grant password --grant refresh_token` for a program in which \
         users log in, or `--grant client_credentials` for one that acts for itself"
            .to_owned(),
    ))
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
