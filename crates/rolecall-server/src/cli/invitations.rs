//! `invitation`: invites people, and lists and withdraws the invitations that were not accepted yet.

use clap::{Args, Subcommand};
use rolecall_core::{RoleName, TenantName};
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_done, print_json, print_table, printable, write_out},
    pages,
};
use crate::{
    error::ApiError,
    invitations::{
        handlers::InvitationView,
        service::{self, NewInvitation},
        store::Invitation,
    },
    times::rfc3339,
};

#[derive(Subcommand)]
pub(super) enum InvitationCommand {
    /// Invite the owner of an e-mail address, as `user invite` does.
    Create(InviteOptions),
    /// List the invitations that were not accepted yet.
    List,
    /// Withdraw an invitation: its link does not work any more.
    Withdraw {
        /// The invitation's id, from `invitation list`.
        id: String,
    },
}

#[derive(Args)]
pub(super) struct InviteOptions {
    /// The address.
    address: String,
    /// A role that the user gets; can be repeated.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<RoleName>,
    /// Give the roles in this tenant.
    #[arg(long, requires = "roles")]
    tenant: Option<TenantName>,
}

pub(super) async fn run(context: &Context, command: &InvitationCommand) -> Result<(), CliError> {
    match command {
        InvitationCommand::Create(options) => create(context, options).await,
        InvitationCommand::List => list(context).await,
        InvitationCommand::Withdraw { id } => {
            // a mistyped id must not look like a success
            if !service::end(&context.app, context.caller(), id).await? {
                return Err(ApiError::unknown("invitation", id).into());
            }
            print_done(context.json, "the invitation is withdrawn")
        }
    }
}

/// Invites the owner of an address. Prints the link if no mail is sent.
pub(super) async fn create(context: &Context, options: &InviteOptions) -> Result<(), CliError> {
    context.require_roles(&options.roles).await?;
    let wanted = NewInvitation {
        address: &options.address,
        roles: &options.roles,
        tenant: options.tenant.as_ref(),
        language: None,
        shows_link: true,
    };
    let invited = service::create(&context.app, context.caller(), &wanted).await?;
    let settings = context.app.settings();
    let until = rfc3339(invited.invitation.expires_at);
    let link = format!("{}{}", settings.public_url, invited.link);
    // a mail has it, and nobody else needs it
    let link = settings.mail.is_none().then_some(link);
    if context.json {
        let id = &invited.invitation.id;
        return print_json(&json!({ "id": id, "link": link, "expires_at": until }));
    }
    let address = printable(&options.address);
    write_out(&match link {
        Some(link) => format!(
            "{link}\n\nPass this link on to the owner of {address}. It makes one account, until {until}.\n"
        ),
        None => {
            format!("invited {address}: the link in the mail makes one account, until {until}\n")
        }
    })
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (app, caller) = (&context.app, context.caller());
    let read = async |after: &str, limit| service::list(app, caller, after, limit).await;
    let found = pages::read_all(read, |invitation: &Invitation| invitation.id.clone()).await?;
    if context.json {
        let views = found.into_iter().map(InvitationView::from);
        return print_json(&views.map(|view| json!(view)).collect());
    }
    let cells = |invitation: Invitation| {
        let roles = invitation.role_names()?;
        let roles: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
        Ok(vec![
            invitation.id,
            invitation.address,
            roles.join(" "),
            invitation.tenant,
            invitation.invited_by,
            rfc3339(invitation.created_at),
            rfc3339(invitation.expires_at),
        ])
    };
    let rows: Result<Vec<Vec<String>>, ApiError> = found.into_iter().map(cells).collect();
    print_table(
        &[
            "invitation",
            "address",
            "roles",
            "tenant",
            "invited by",
            "at",
            "until",
        ],
        rows?,
    )
}
