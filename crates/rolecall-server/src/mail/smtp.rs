//! Hands a mail over to the SMTP server.

use std::time::{Duration, SystemTime};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};
use rolecall_core::Timestamp;

use super::{
    connection::Connector,
    send_error::{Fault, SendError, TIMEOUT},
    settings::MailSettings,
};

/// The time limit of a whole conversation: a server that answers each command slowly must not hold a mail for ever.
pub(super) const CONVERSATION_TIMEOUT: Duration = Duration::from_secs(50);

/// A mail as it is sent.
pub(crate) struct Letter<'a> {
    /// Unique, for the `Message-ID`.
    pub(crate) id: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) at: Timestamp,
}

/// Says that no person wrote the mail, so that absence notes stay away (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The way to the server.
#[derive(Clone)]
pub(crate) struct Mailer {
    connector: Connector,
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Mailer {
    /// Prepares conversations, and connects to nothing. `own_host` is the name by which this server introduces itself.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the system names no certificates to trust.
    pub(crate) fn new(settings: &MailSettings, own_host: &str) -> Result<Self, SendError> {
        Ok(Self {
            connector: Connector::new(&settings.server, own_host)?,
            from: settings.from.clone(),
            reply_to: settings.reply_to.clone(),
        })
    }

    /// Sends a mail, and returns when the server has taken it.
    ///
    /// # Errors
    ///
    /// [`SendError`] if it did not, or nobody knows.
    pub(crate) async fn send(&self, letter: &Letter<'_>) -> Result<(), SendError> {
        let message = self.message(letter)?;
        let sending = self.converse(&message);
        let sent = tokio::time::timeout(CONVERSATION_TIMEOUT, sending).await;
        sent.unwrap_or_else(|_| Err(SendError::new(TIMEOUT, false, Fault::Connection)))
    }

    async fn converse(&self, message: &Message) -> Result<(), SendError> {
        let mut connection = self.connector.connect().await?;
        let written = message.formatted();
        connection.send(message.envelope(), &written).await?;
        // the server has the mail: nothing that follows changes that
        connection.abort().await;
        Ok(())
    }

    /// Writes the message. Its headers consist of fixed texts, settings, and the address alone.
    fn message(&self, letter: &Letter<'_>) -> Result<Message, SendError> {
        let unusable = || {
            SendError::new(
                "an address that mail cannot be sent to",
                true,
                Fault::Mailbox,
            )
        };
        let (user, host) = letter.recipient.rsplit_once('@').ok_or_else(unusable)?;
        let address = Address::new(user, host).map_err(|_| unusable())?;
        let seconds = u64::try_from(letter.at.seconds()).unwrap_or(0);
        let domain = self.from.email.domain();
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(one_line(letter.subject))
            .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .header(AutoSubmitted);
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        let body = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
        message
            .multipart(body)
            .map_err(|_| SendError::new("a message that cannot be written", true, Fault::Other))
    }
}

/// Returns a text without line breaks and control characters: texts of the operator may have some.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || rolecall_core::is_unprintable(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::*;
    use crate::mail::{
        server::SmtpServer,
        settings::{Lifetimes, mailbox},
    };

    fn mailer() -> Mailer {
        let minute = Duration::from_mins(1);
        let settings = MailSettings {
            server: SmtpServer::parse(&SecretString::from("smtp://127.0.0.1:1"), None, false)
                .unwrap(),
            from: mailbox("mail.from", "Example <login@example.com>").unwrap(),
            reply_to: Some(mailbox("mail.reply_to", "help@example.com").unwrap()),
            lifetimes: Lifetimes {
                reset: minute,
                verify: minute,
                invitation: minute,
            },
        };
        Mailer::new(&settings, "login.example.com").unwrap()
    }

    fn written(recipient: &str, subject: &str, text: &str) -> Result<String, SendError> {
        let letter = Letter {
            id: "1",
            recipient,
            subject,
            text: text.to_owned(),
            html: format!("<p>{text}</p>"),
            at: Timestamp::from_seconds(1_893_456_000),
        };
        let message = mailer().message(&letter)?;
        Ok(String::from_utf8(message.formatted()).unwrap())
    }

    #[test]
    fn a_mail_has_the_headers_that_servers_expect() {
        let mail = written("alice@example.org", "Reset your password", "Hello").unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        for wanted in [
            "From: Example <login@example.com>",
            "To: alice@example.org",
            "Reply-To: help@example.com",
            "Subject: Reset your password",
            "Message-ID: <1@example.com>",
            "Auto-Submitted: auto-generated",
            "Date: Tue, 01 Jan 2030 00:00:00 +0000",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(head.contains(wanted), "{wanted} in {head}");
        }
    }

    #[test]
    fn i058_an_address_that_could_add_a_header_is_refused_without_a_panic() {
        for recipient in [
            "a@b\r\nBcc: c@d.example",
            "a\r\nBcc: c@d.example, x@b.example",
            "a@b.example>\r\nX: y",
            "a b@c.example",
            "a,b@c.example@d.example",
            "",
            "@",
            "a@",
        ] {
            let refused = written(recipient, "x", "x").unwrap_err();
            assert!(refused.is_final, "{recipient:?}");
            assert!(!refused.to_string().contains("Bcc"));
        }
    }

    /// The names of the headers of a mail.
    fn headers(mail: &str) -> Vec<String> {
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let lines = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']));
        lines
            .map(|line| line.split_once(':').unwrap().0.to_owned())
            .collect()
    }

    proptest! {
        #[test]
        fn i058_no_text_adds_a_header_or_ends_the_mail(
            recipient in "[ -~\r\n\u{0}\u{85}\u{2028}äß@<>,;:\"]{0,40}",
            subject in "(\\PC|[\r\n\u{0}\u{b}]){0,80}",
            text in "(\\PC|[\r\n.\u{0}]){0,200}",
        ) {
            let wanted = headers(&written("alice@example.org", "x", "x").unwrap());
            let mail = written("alice@example.org", &subject, &text).unwrap();
            prop_assert_eq!(&headers(&mail), &wanted);
            if let Ok(mail) = written(&recipient, "x", "x") {
                prop_assert_eq!(&headers(&mail), &wanted);
            }
        }
    }
}
