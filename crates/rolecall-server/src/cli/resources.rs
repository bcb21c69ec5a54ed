//! `resource`: manages the APIs that tokens can be limited to.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable},
    pages,
};
use crate::{
    patch::Patch,
    resources::{
        handlers::ResourceView,
        service::{self, NewResource, ResourceChanges},
        store::{Dynamic, Resource},
    },
};

#[derive(Subcommand)]
pub(super) enum ResourceCommand {
    /// Register an API: tokens for it carry only its permissions, and the roles that give them.
    Add(AddOptions),
    /// Change a resource. A list replaces the one before.
    Update(UpdateOptions),
    /// List resources.
    List,
    /// Remove a resource; no client may have it among its audiences.
    Remove {
        /// The address of the API.
        uri: String,
    },
}

#[derive(Args)]
pub(super) struct AddOptions {
    /// The address of the API, which is the audience of its tokens.
    uri: String,
    /// A name to show to people.
    #[arg(long)]
    name: String,
    /// An object whose permissions its tokens carry, such as `items` for `items:read`; can be repeated.
    #[arg(long = "object", value_name = "OBJECT", required = true)]
    objects: Vec<String>,
    /// What its tokens are limited to if the request names no scope.
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<String>,
    /// `ask`: clients that do not have it among their audiences may ask for it, and each user is asked.
    #[arg(long, value_name = "no|ask", default_value = "no")]
    dynamic: Dynamic,
}

#[derive(Args)]
pub(super) struct UpdateOptions {
    /// The address of the API.
    uri: String,
    /// A new name.
    #[arg(long)]
    name: Option<String>,
    /// An object whose permissions its tokens carry; can be repeated.
    #[arg(long = "object", value_name = "OBJECT")]
    objects: Vec<String>,
    /// What its tokens are limited to if the request names no scope.
    #[arg(long, value_name = "SCOPE")]
    default_scope: Option<String>,
    /// Remove the default scope.
    #[arg(long, conflicts_with = "default_scope")]
    no_default_scope: bool,
    /// `ask`: clients that do not have it among their audiences may ask for it, and each user is asked; `no`: tokens of
    /// such clients end.
    #[arg(long, value_name = "no|ask")]
    dynamic: Option<Dynamic>,
}

pub(super) async fn run(context: &Context, command: &ResourceCommand) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    match command {
        ResourceCommand::Add(options) => {
            let new = NewResource {
                uri: options.uri.clone(),
                name: options.name.clone(),
                objects: options.objects.clone(),
                default_scope: options.default_scope.clone(),
                dynamic: options.dynamic,
            };
            let resource = service::create(app, caller, &new).await?;
            print_changed(context, resource, "registered")
        }
        ResourceCommand::Update(options) => {
            let id = resource_id(context, &options.uri).await?;
            let changes = ResourceChanges {
                name: options.name.clone(),
                objects: (!options.objects.is_empty()).then(|| options.objects.clone()),
                default_scope: match &options.default_scope {
                    Some(scope) => Patch::Set(scope.clone()),
                    None if options.no_default_scope => Patch::Clear,
                    None => Patch::Keep,
                },
                dynamic: options.dynamic,
            };
            let resource = service::update(app, caller, &id, &changes).await?;
            print_changed(context, resource, "changed")
        }
        ResourceCommand::List => list(context).await,
        ResourceCommand::Remove { uri } => {
            let id = resource_id(context, uri).await?;
            service::delete(app, caller, &id).await?;
            let text = format!("resource `{}` removed", printable(uri));
            print_done(context.json, &text)
        }
    }
}

fn print_changed(context: &Context, resource: Resource, what: &str) -> Result<(), CliError> {
    if context.json {
        return print_json(&json!(ResourceView::from(resource)));
    }
    print_done(
        false,
        &format!("resource `{}` {what}", printable(&resource.uri)),
    )
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| service::list(app, caller, after, limit).await;
    let found = pages::read_all(read, |resource: &Resource| resource.id.clone()).await?;
    if context.json {
        let views = found.into_iter().map(ResourceView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let row = |resource: Resource| {
        let objects: Vec<String> = resource.objects.0.into_iter().collect();
        vec![
            resource.uri,
            resource.name,
            objects.join(", "),
            resource.default_scope.unwrap_or_default(),
            resource.dynamic.as_str().to_owned(),
        ]
    };
    print_table(
        &["resource", "name", "objects", "default scope", "dynamic"],
        found.into_iter().map(row).collect(),
    )
}

async fn resource_id(context: &Context, uri: &str) -> Result<String, CliError> {
    let found = service::find_id(&context.app, uri).await?;
    found.ok_or_else(|| CliError::Refused(format!("no resource `{}`", printable(uri))))
}
