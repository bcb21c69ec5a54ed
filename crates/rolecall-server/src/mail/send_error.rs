//! The reason why a mail was not taken.

use std::{error::Error, io};

use lettre::transport::smtp::Error as SmtpError;

use super::limited::TooMuch;

/// The kinds of errors that are none of SMTP.
const CONNECTION: &str = "connection";
pub(super) const TIMEOUT: &str = "timeout";

/// The reason why a mail was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub(crate) struct SendError {
    /// For the log and `doctor`: nothing of what the server has said, which may quote the address.
    pub(crate) kind: String,
    /// Another try would fail as well.
    pub(crate) is_final: bool,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SendError {
    pub(super) fn new(kind: &str, is_final: bool) -> Self {
        Self {
            kind: kind.to_owned(),
            is_final,
            source: None,
        }
    }

    fn caused(kind: &str, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::new(kind, false)
        }
    }

    /// No server could be reached.
    pub(super) fn connection(error: io::Error) -> Self {
        let is_late = error.kind() == io::ErrorKind::TimedOut;
        Self::caused(if is_late { TIMEOUT } else { CONNECTION }, error)
    }

    /// The connection could not be encrypted, or not be trusted.
    pub(super) fn tls(error: impl Error + Send + Sync + 'static) -> Self {
        Self::caused("TLS", error)
    }

    /// Returns true if all that is known is that the connection failed.
    pub(super) fn is_connection(&self) -> bool {
        self.kind == CONNECTION
    }
}

impl From<SmtpError> for SendError {
    fn from(error: SmtpError) -> Self {
        let kind = match error.status() {
            Some(code) => format!("status {code}"),
            None if error.is_timeout() => TIMEOUT.to_owned(),
            None if comes_from::<TooMuch>(&error) => "an answer without end".to_owned(),
            None if error.is_tls() || comes_from::<rustls::Error>(&error) => "TLS".to_owned(),
            None if error.is_client() => "the server offers too little".to_owned(),
            None if error.is_response() => "an answer that is no SMTP".to_owned(),
            None => CONNECTION.to_owned(),
        };
        let is_final = error
            .status()
            .is_some_and(|code| concerns_mailbox(code.into()));
        Self {
            kind,
            is_final,
            source: Some(Box::new(error)),
        }
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
