//! The settings of mail that the services read.

use std::time::Duration;

use lettre::message::Mailbox;
use rolecall_core::is_unprintable;

use super::server::SmtpServer;

/// The server, the sender, and how long links work.
#[derive(Clone, Debug)]
pub(crate) struct MailSettings {
    pub(crate) server: SmtpServer,
    pub(crate) from: Mailbox,
    pub(crate) reply_to: Option<Mailbox>,
    pub(crate) lifetimes: Lifetimes,
}

/// How long what stands in a mail works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    pub(crate) reset: Duration,
    pub(crate) verify: Duration,
    pub(crate) invitation: Duration,
}

/// Reads an address with or without a name, as in `Example <login@example.com>`.
///
/// # Errors
///
/// The fault, with the key of the setting.
pub(crate) fn mailbox(key: &str, text: &str) -> Result<Mailbox, String> {
    let shape = format!("`{key}`: write an address such as `Example <login@example.com>`");
    // lettre panics on a line break in a name
    if text.chars().any(is_unprintable) {
        return Err(shape);
    }
    text.parse().map_err(|_| shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i058_a_sender_has_no_line_breaks() {
        for good in [
            "login@example.com",
            "Example <login@example.com>",
            "\"A, B\" <a@b.example>",
        ] {
            assert!(mailbox("mail.from", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "login",
            "Example",
            "Example\r\nBcc: x@y.example <login@example.com>",
            "login@example.com\n",
            "\u{202e}x <login@example.com>",
            "login@[192.0.2.1]",
        ] {
            let fault = mailbox("mail.from", bad).unwrap_err();
            assert!(fault.starts_with("`mail.from`"), "{fault}");
        }
    }
}
