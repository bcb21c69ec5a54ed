//! `mail`: tries the mail server.

use clap::Subcommand;
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_json, printable, write_out},
};
use crate::mail::trial::{self, Taken, TrialError};

#[derive(Subcommand)]
pub(super) enum MailCommand {
    /// Send a mail to try the settings, and print what the server says.
    Test {
        /// The address that it goes to.
        address: String,
    },
}

pub(super) async fn run(context: &Context, command: &MailCommand) -> Result<(), CliError> {
    context.require_no_user()?;
    let MailCommand::Test { address } = command;
    test(context, address).await
}

async fn test(context: &Context, address: &str) -> Result<(), CliError> {
    let taken = trial::send(&context.app, address, "").await;
    let Taken {
        server,
        from,
        domain,
    } = taken.map_err(refusal)?;
    if context.json {
        return print_json(&json!({ "server": server, "from": from, "to": address }));
    }
    write_out(&format!(
        "{server} has taken a mail from {} to {}\nlook whether it arrives, and whether it is filed as spam: the DNS of `{domain}` has to allow this server (SPF, DKIM, DMARC)\n",
        printable(&from),
        printable(address),
    ))
}

fn refusal(error: TrialError) -> CliError {
    CliError::Refused(match error {
        TrialError::NotConfigured => "no mail is sent: set `mail.url` and `mail.from`".to_owned(),
        TrialError::Refused {
            server,
            answer,
            fault,
        } => {
            let advice = fault.advice();
            format!("{server} did not take the mail: {answer}; {advice}")
        }
        TrialError::Failed(error) => return error.into(),
    })
}
