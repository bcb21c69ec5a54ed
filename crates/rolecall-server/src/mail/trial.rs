//! A mail that tries the settings.

use super::{
    outbox::Values,
    sender::own_host,
    server::{Security, SmtpServer},
    smtp::{Letter, Mailer},
};
use crate::{
    app::App,
    error::{ApiError, chain_of},
    ids,
    pages::mails,
};

/// A mail that the server has taken.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The server, without its login.
    pub(crate) server: String,
    pub(crate) from: String,
    /// The domain of the sender, whose DNS has to allow this server.
    pub(crate) domain: String,
}

/// The reason why no mail was sent.
#[derive(Debug)]
pub(crate) enum TrialError {
    /// No server is configured.
    NotConfigured,
    /// The server was not reached, or did not take it.
    Refused {
        server: String,
        answer: String,
    },
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for TrialError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Sends a mail to `address`, in a language or the next best one, and returns when the server has taken it.
///
/// # Errors
///
/// [`TrialError`], with the answer of the server.
pub(crate) async fn send(app: &App, address: &str, language: &str) -> Result<Taken, TrialError> {
    let Some(settings) = &app.settings().mail else {
        return Err(TrialError::NotConfigured);
    };
    let server = describe(&settings.server);
    let refused = |error: &dyn std::error::Error| TrialError::Refused {
        server: server.clone(),
        answer: chain_of(error),
    };
    let written = mails::write(app, "test", language, &Values::default(), app.now());
    let written = written.map_err(ApiError::internal)?;
    let id = ids::new_id(app.now()).map_err(ApiError::internal)?;
    let letter = Letter {
        id: &id,
        recipient: address,
        subject: &written.subject,
        text: written.text,
        html: written.html,
        at: app.now(),
    };
    let mailer = Mailer::new(settings, &own_host(app)).map_err(|error| refused(&error))?;
    let sent = mailer.send(&letter).await;
    sent.map_err(|error| refused(&error))?;
    Ok(Taken {
        from: settings.from.to_string(),
        domain: settings.from.email.domain().to_owned(),
        server,
    })
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
