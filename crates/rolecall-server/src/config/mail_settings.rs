//! The section `mail` as the services need it.

use super::Mail;
use crate::mail::{
    server::SmtpServer,
    settings::{Lifetimes, MailSettings, mailbox},
};

impl Mail {
    /// Returns the settings of mail; `None` if no mail is sent.
    ///
    /// # Errors
    ///
    /// A line for each fault.
    pub(crate) fn settings(&self) -> Result<Option<MailSettings>, Vec<String>> {
        let Some(url) = &self.url else {
            let unused = [
                ("mail.from", self.from.is_some()),
                ("mail.reply_to", self.reply_to.is_some()),
                ("mail.password", self.password.is_some()),
            ];
            let unused = unused.into_iter().filter(|(_, is_set)| *is_set);
            let faults: Vec<String> = unused
                .map(|(key, _)| format!("`{key}`: no mail is sent without `mail.url`; set it too"))
                .collect();
            return if faults.is_empty() {
                Ok(None)
            } else {
                Err(faults)
            };
        };
        let server = SmtpServer::parse(url, self.password.as_ref(), self.insecure_smtp);
        let from = self.from.as_deref().ok_or_else(|| {
            "`mail.from`: mails need a sender, such as `Example <login@example.com>`".to_owned()
        });
        let from = from.and_then(|from| mailbox("mail.from", from));
        let reply_to = self.reply_to.as_deref();
        let reply_to = reply_to
            .map(|one| mailbox("mail.reply_to", one))
            .transpose();
        match (server, from, reply_to) {
            (Ok(server), Ok(from), Ok(reply_to)) => Ok(Some(MailSettings {
                server,
                from,
                reply_to,
                lifetimes: Lifetimes {
                    reset: self.reset_ttl,
                    verify: self.verify_ttl,
                    invitation: self.invitation_ttl,
                },
            })),
            (server, from, reply_to) => {
                let faults = [server.err(), from.err(), reply_to.err()];
                Err(faults.into_iter().flatten().collect())
            }
        }
    }
}
