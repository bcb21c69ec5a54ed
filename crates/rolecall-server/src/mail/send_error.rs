//! The reason why a mail was not taken.

use std::{error::Error, io};

use lettre::transport::smtp::Error as SmtpError;

use super::limited::TooMuch;

/// The kinds of errors that are none of SMTP.
const CONNECTION: &str = "connection";
pub(super) const TIMEOUT: &str = "timeout";

/// The part of a conversation that failed, which decides where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No server answers there, or not in time.
    Connection,
    /// The server does not speak SMTP, or lacks a part of it that is needed.
    Protocol,
    /// The connection could not be encrypted, or not be trusted.
    Tls,
    /// The server refused the user or the password.
    Login,
    /// The server does not take mails for the recipient, or from the sender.
    Mailbox,
    /// The server wants another try later.
    Busy,
    /// The server refused for a reason that only its answer says.
    Other,
}

impl Fault {
    /// All faults.
    pub(crate) const ALL: [Self; 7] = [
        Self::Connection,
        Self::Protocol,
        Self::Tls,
        Self::Login,
        Self::Mailbox,
        Self::Busy,
        Self::Other,
    ];

    /// Says what to do about it, at the command line; the pages say it in their languages.
    #[cfg(any(feature = "cli", test))]
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Connection => {
                "check host and port in `mail.url`, and that this machine may connect to them"
            }
            Self::Protocol => {
                "check host and port in `mail.url`: what answers there does not speak SMTP as this needs it"
            }
            Self::Tls => {
                "check that the certificate of the server names the host in `mail.url` and that this machine trusts it, and the mode: `smtps://` encrypts from the first byte (usually port 465), `smtp://` by STARTTLS (usually port 587)"
            }
            Self::Login => {
                "check the user in `mail.url`, and the password there or in `mail.password`"
            }
            Self::Mailbox => {
                "check the address that the mail goes to, and that the server sends mails from `mail.from`"
            }
            Self::Busy => "try again later; if it stays so, ask the operator of the mail server",
            Self::Other => "ask the operator of the mail server what its answer means",
        }
    }

    /// Returns the fault that an answer is about (RFC 4954 section 6, RFC 5321 section 4.2.3).
    const fn of_status(status: u16) -> Self {
        match status {
            432 | 530 | 534 | 535 | 538 => Self::Login,
            status if concerns_mailbox(status) => Self::Mailbox,
            400..=499 => Self::Busy,
            _ => Self::Other,
        }
    }
}

/// The reason why a mail was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub(crate) struct SendError {
    /// For the log and `doctor`: nothing of what the server has said, which may quote the address.
    pub(crate) kind: String,
    /// Another try would fail as well.
    pub(crate) is_final: bool,
    pub(crate) fault: Fault,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SendError {
    pub(super) fn new(kind: &str, is_final: bool, fault: Fault) -> Self {
        Self {
            kind: kind.to_owned(),
            is_final,
            fault,
            source: None,
        }
    }

    fn caused(kind: &str, fault: Fault, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::new(kind, false, fault)
        }
    }

    /// Returns the error of another part of the conversation, which the caller knows.
    pub(super) fn at(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }

    /// No server could be reached.
    pub(super) fn connection(error: io::Error) -> Self {
        let is_late = error.kind() == io::ErrorKind::TimedOut;
        let kind = if is_late { TIMEOUT } else { CONNECTION };
        Self::caused(kind, Fault::Connection, error)
    }

    /// The connection could not be encrypted, or not be trusted.
    pub(super) fn tls(error: impl Error + Send + Sync + 'static) -> Self {
        Self::caused("TLS", Fault::Tls, error)
    }

    /// Returns the status and the text of the server, or else what happened. Only for the person who tries the settings: the
    /// text may quote the address, and whatever else the server likes.
    pub(crate) fn answer(&self) -> String {
        let source = self.source.as_ref();
        let smtp = source.and_then(|source| source.downcast_ref::<SmtpError>());
        let said = smtp.and_then(|error| Some((error.status()?, error.source()?)));
        if let Some((status, text)) = said {
            return format!("{status} {text}");
        }
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let more = error.to_string();
            // errors of lettre already say what caused them
            if !text.ends_with(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        text
    }

    /// Returns true if all that is known is that the connection failed.
    pub(super) fn is_connection(&self) -> bool {
        self.kind == CONNECTION
    }
}

impl From<SmtpError> for SendError {
    fn from(error: SmtpError) -> Self {
        if let Some(code) = error.status() {
            let status = u16::from(code);
            let kind = format!("status {code}");
            return Self {
                is_final: concerns_mailbox(status),
                ..Self::caused(&kind, Fault::of_status(status), error)
            };
        }
        let (kind, fault) = if error.is_timeout() {
            (TIMEOUT, Fault::Connection)
        } else if comes_from::<TooMuch>(&error) {
            ("an answer without end", Fault::Protocol)
        } else if error.is_tls() || comes_from::<rustls::Error>(&error) {
            ("TLS", Fault::Tls)
        } else if error.is_client() {
            ("the server offers too little", Fault::Protocol)
        } else if error.is_response() {
            ("an answer that is no SMTP", Fault::Protocol)
        } else {
            (CONNECTION, Fault::Connection)
        };
        Self::caused(kind, fault, error)
    }
}

/// Returns true if an error of this type is among the causes, also inside of an error of input and output.
fn comes_from<E: Error + 'static>(error: &dyn Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        let inner = io.and_then(io::Error::get_ref);
        if error.is::<E>() || inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<E>) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns true if an answer is about the mailbox of the recipient (RFC 5321 section 4.2.3). Others, such as 535 while the
/// password of the server is changed, say nothing about the mail.
pub(super) const fn concerns_mailbox(status: u16) -> bool {
    matches!(status, 550..=553)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_of_a_status_by_table() {
        for (status, fault) in [
            (535, Fault::Login),
            (530, Fault::Login),
            (550, Fault::Mailbox),
            (553, Fault::Mailbox),
            (421, Fault::Busy),
            (451, Fault::Busy),
            (554, Fault::Other),
            (500, Fault::Other),
        ] {
            assert_eq!(Fault::of_status(status), fault, "{status}");
        }
    }

    #[test]
    fn every_fault_has_advice_of_its_own() {
        let mut advice = Fault::ALL.map(Fault::advice).to_vec();
        advice.sort_unstable();
        advice.dedup();
        assert_eq!(advice.len(), Fault::ALL.len());
    }

    #[test]
    fn what_happened_without_an_answer_is_said_once() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
        let error = SendError::connection(refused);
        assert_eq!(error.answer(), "connection: refused");
        let nested = SendError::tls(SendError::new("TLS", false, Fault::Tls));
        assert_eq!(nested.answer(), "TLS");
        let late = SendError::new(TIMEOUT, false, Fault::Connection);
        assert_eq!(late.answer(), "timeout");
    }
}
