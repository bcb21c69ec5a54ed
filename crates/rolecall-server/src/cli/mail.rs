//! `mail`: tries the mail server.

use clap::Subcommand;
use serde_json::json;

use super::{
    context::Context,
    error::CliError,
    output::{print_json, printable, write_out},
};
use crate::{
    error::chain_of,
    ids,
    mail::{
        outbox::Values,
        sender::own_host,
        server::{Security, SmtpServer},
        smtp::{Letter, Mailer},
    },
    pages::mails,
};

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
    let app = &context.app;
    let Some(settings) = &app.settings().mail else {
        return Err(CliError::Refused(
            "no mail is sent: set `mail.url` and `mail.from`".to_owned(),
        ));
    };
    let server = describe(&settings.server);
    let refused = |error: &dyn std::error::Error| {
        let (error, server) = (chain_of(error), &server);
        let error = format!("{server} did not take the mail: {error}");
        CliError::Refused(error)
    };
    let written = mails::write(app, "test", "", &Values::default(), app.now());
    let written = written.map_err(|error| CliError::Refused(chain_of(&error)))?;
    let id = ids::new_id(app.now()).map_err(|error| CliError::Refused(error.to_string()))?;
    let letter = Letter {
        id: &id,
        recipient: address,
        subject: &written.subject,
        text: written.text,
        html: written.html,
        at: app.now(),
    };
    let mailer = Mailer::new(settings, &own_host(app)).map_err(|error| refused(&error))?;
    mailer
        .send(&letter)
        .await
        .map_err(|error| refused(&error))?;
    let from = settings.from.to_string();
    if context.json {
        return print_json(&json!({ "server": server, "from": from, "to": address }));
    }
    write_out(&format!(
        "{server} has taken a mail from {} to {}\nlook whether it arrives, and whether it is filed as spam: the DNS of `{}` has to allow this server (SPF, DKIM, DMARC)\n",
        printable(&from),
        printable(address),
        settings.from.email.domain(),
    ))
}

/// Describes the server without its login.
fn describe(server: &SmtpServer) -> String {
    let SmtpServer { host, port, .. } = server;
    let security = match server.security {
        Security::Tls => "TLS",
        Security::StartTls => "STARTTLS",
        Security::Plain => "not encrypted",
    };
    format!("{host}:{port} ({security})")
}
