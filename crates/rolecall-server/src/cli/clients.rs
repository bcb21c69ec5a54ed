//! `client`: manages OAuth clients.

use std::time::Duration;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use rolecall_core::RoleName;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{
    client_options::{self, Clearable, SignInOptions},
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable, write_out},
    pages,
    prompt::from_standard_input,
    requests::print_pending,
};
use crate::clients::{
    changes::Changes,
    registration::ClientRegistration,
    service::{self, Brought},
    sign_in::{Application, SignIn},
    store::{GrantType, Listed},
    views::{ClientView, CreatedClientView},
};
use crate::patch::Patch;

#[derive(Subcommand)]
pub(super) enum ClientCommand {
    /// Create a client; prints its id and its secret. The secret is shown only once.
    Add(AddOptions),
    /// Change a client. A list replaces the one before.
    Update(UpdateOptions),
    /// Show a client, and what to enter in the application that signs people in through it.
    Show {
        /// The client's name or id.
        name: String,
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
    /// A way for the client to get tokens: `authorization_code` and `refresh_token` for an application that signs people in,
    /// which is the default with `--kind` or `--redirect-uri`; `client_credentials` for a program that acts for itself;
    /// `password` for one in which users type their password. Can be repeated.
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
    #[command(flatten)]
    sign_in: SignInOptions,
}

#[derive(Args)]
pub(super) struct UpdateOptions {
    /// The client's name or id.
    client: String,
    /// A new name.
    #[arg(long)]
    name: Option<String>,
    /// How it gets tokens; can be repeated.
    #[arg(long = "grant", value_name = "GRANT", value_parser = PossibleValuesParser::new(GrantType::NAMES))]
    grants: Vec<String>,
    /// An audience that its tokens may have; can be repeated.
    #[arg(long = "audience", value_name = "AUDIENCE")]
    audiences: Vec<String>,
    /// The most that its tokens may carry, for example `items:read role:editor`.
    #[arg(long)]
    scope: Option<String>,
    #[command(flatten)]
    sign_in: SignInOptions,
    /// Remove what is registered; can be repeated.
    #[arg(long, value_name = "MEMBER")]
    clear: Vec<Clearable>,
}

pub(super) async fn run(context: &Context, command: &ClientCommand) -> Result<(), CliError> {
    match command {
        ClientCommand::Add(options) => add(context, options).await,
        ClientCommand::Update(options) => update(context, options).await,
        ClientCommand::Show { name } => show(context, name).await,
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
    let is_login = options.sign_in.kind.is_some() || !options.sign_in.redirect_uris.is_empty();
    let mut grants = options.grants.clone();
    if grants.is_empty() && is_login {
        let default = [GrantType::AuthorizationCode, GrantType::RefreshToken];
        grants = default.map(|grant| grant.as_str().to_owned()).to_vec();
    }
    refuse_useless(&grants)?;
    let mut sign_in = SignIn::default();
    options.sign_in.changes().apply(&mut sign_in);
    let wanted = ClientRegistration {
        name: options.name.clone(),
        grants,
        audiences: options.audiences.clone(),
        scope: options.scope.clone(),
        redirect_uris: options.sign_in.redirect_uris.clone(),
        public: options.public || Application::is_public(options.sign_in.kind),
        application: options.sign_in.kind,
        sign_in,
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

async fn update(context: &Context, options: &UpdateOptions) -> Result<(), CliError> {
    let id = client_id(context, &options.client).await?;
    let list = |items: &Vec<String>, member: Clearable| {
        (!items.is_empty() || options.clear.contains(&member)).then(|| items.clone())
    };
    let mut changes = Changes {
        name: options.name.clone(),
        grants: (!options.grants.is_empty()).then(|| options.grants.clone()),
        audiences: list(&options.audiences, Clearable::Audiences),
        scope: match &options.scope {
            Some(scope) => Patch::Set(scope.clone()),
            None if options.clear.contains(&Clearable::Scope) => Patch::Clear,
            None => Patch::Keep,
        },
        redirect_uris: list(&options.sign_in.redirect_uris, Clearable::RedirectUris),
        application: options.sign_in.kind,
        sign_in: options.sign_in.changes(),
    };
    for member in &options.clear {
        member.clear(&mut changes.sign_in);
    }
    let client = service::update(&context.app, context.caller(), &id, &changes).await?;
    if context.json {
        return print_json(&json!(ClientView::from(client)));
    }
    let name = printable(&client.client.name);
    print_done(false, &format!("client `{name}` changed"))
}

async fn show(context: &Context, name: &str) -> Result<(), CliError> {
    let id = client_id(context, name).await?;
    let listed = service::get(&context.app, context.caller(), &id).await?;
    let issuer = context.app.settings().issuer.clone();
    let discovery = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    if context.json {
        let mut view = json!(ClientView::from(listed));
        if let Some(members) = view.as_object_mut() {
            members.insert("issuer".to_owned(), json!(issuer));
            members.insert("discovery".to_owned(), json!(discovery));
        }
        return print_json(&view);
    }
    write_out(&client_options::shown(&listed, &issuer, &discovery))
}

/// Refuses a client that could get no token. Over HTTP such a client is allowed: removing its grants stops a client.
fn refuse_useless(grants: &[String]) -> Result<(), CliError> {
    let refresh = GrantType::RefreshToken.as_str();
    if grants.iter().any(|grant| grant != refresh) {
        return Ok(());
    }
    Err(CliError::Refused(
        "a client without a grant gets no tokens: add `--kind web --redirect-uri URI` for an application that signs \
         people in, `--grant client_credentials` for a program that acts for itself, or `--grant password --grant \
         refresh_token` for one in which users type their password"
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
pub(super) async fn client_id(context: &Context, name: &str) -> Result<String, CliError> {
    let found = service::find_id(&context.app, name).await?;
    found.ok_or_else(|| CliError::Refused(format!("no client `{}`", printable(name))))
}
