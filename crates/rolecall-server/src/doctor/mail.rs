//! Checks of mail, as far as nobody else has to be asked.

use super::finding::Finding;
use crate::{
    app::App,
    config::Config,
    error::chain_of,
    mail::{
        sender::SEALED,
        server::{Security, SmtpServer},
        store::{self as mails, Failed},
    },
    outgoing::trust::NoRoots,
};

/// The remark about a mail server that others can listen to.
pub(crate) const NO_TLS: &str = "`mail.insecure_smtp` is on: mails, the links in them and the password cross the network unencrypted; use `smtps://`, or a server that offers STARTTLS";

/// The findings about mails that no server took.
const MAX_FAILED: i64 = 20;

pub(super) fn check(config: &Config, trusts_anybody: bool) -> Finding {
    match config.mail.settings() {
        Ok(Some(settings)) if settings.server.security != Security::Plain && !trusts_anybody => {
            let finding = Finding::fault("mail", format!("no mail is sent: {NoRoots}"));
            finding.on_pages("admin-doctor-mail-roots")
        }
        Ok(None) => Finding::good("mail", "no mail is sent: `mail.url` is not set"),
        Ok(Some(_)) if has_no_tls(config) => {
            Finding::warning("mail", NO_TLS).on_pages("admin-doctor-mail-tls")
        }
        Ok(Some(settings)) => {
            let text = describe(&settings.server, settings.from.email.domain());
            Finding::good("mail", text)
        }
        Err(faults) => Finding::fault("mail", faults.join("; ")),
    }
}

/// Returns true if mails cross a network unencrypted.
pub(crate) fn has_no_tls(config: &Config) -> bool {
    let settings = config.mail.settings().unwrap_or_default();
    let server = settings.map(|settings| settings.server);
    server.is_some_and(|server| server.security == Security::Plain && !server.is_local())
}

/// Says what the DNS of the sender has to allow, which is not looked up: the answer would be that of this machine, not of
/// those who get the mails.
fn describe(server: &SmtpServer, sender: &str) -> String {
    let host = &server.host;
    let connection = match server.security {
        Security::Plain => "to this machine",
        Security::Tls | Security::StartTls => "by TLS",
    };
    let allows = if server.is_local() {
        "the address from which this machine sends".to_owned()
    } else {
        format!("`{host}`")
    };
    format!(
        "sent {connection}; the SPF record of `{sender}` has to allow {allows}, which is not checked here: try `rolecall mail test ADDRESS`"
    )
}

/// Reports mails that no server took.
pub(super) async fn failed(app: &App) -> Vec<Finding> {
    let read = async { mails::failed(&mut app.store().read().await?, MAX_FAILED).await };
    let failed = match read.await {
        Ok(failed) => failed,
        Err(error) => return vec![Finding::fault("mail", chain_of(&error))],
    };
    let report = |Failed { kind, error, count }: &Failed| {
        let mails = if *count == 1 { "mail" } else { "mails" };
        if error == SEALED {
            let text = format!(
                "{count} {mails} of the kind `{kind}` cannot be decrypted with the master keys of this installation: set `master_key_previous` to the key with which they were sealed"
            );
            return Finding::fault("mail", text);
        }
        let text = format!(
            "{count} {mails} of the kind `{kind}` could not be sent ({error}): `rolecall mail test ADDRESS` shows what the server answers"
        );
        Finding::warning("mail", text)
    };
    failed.iter().map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn found(settings: &[(&str, &str)]) -> String {
        checked(settings, true)
    }

    fn checked(settings: &[(&str, &str)], trusts_anybody: bool) -> String {
        let sources = settings
            .iter()
            .fold(Sources::default(), |sources, (key, value)| {
                sources.with_flag(*key, *value)
            });
        let config = Config::load(&sources).unwrap();
        let finding = check(&config, trusts_anybody);
        format!("{} {}", finding.severity, finding.text)
    }

    #[test]
    fn mail_is_checked_as_far_as_it_can_be_here() {
        let from = ("mail.from", "Example <login@example.com>");
        for (settings, wanted) in [
            (&[][..], "good no mail is sent"),
            (
                &[("mail.url", "smtps://mx.example.net"), from],
                "good sent by TLS",
            ),
            (
                &[("mail.url", "smtps://mx.example.net"), from],
                "`example.com` has to allow `mx.example.net`",
            ),
            (
                &[("mail.url", "smtp://127.0.0.1:25"), from],
                "from which this machine sends",
            ),
            (
                &[
                    ("mail.url", "smtp://mx.example.net:25"),
                    from,
                    ("mail.insecure_smtp", "true"),
                ],
                "warning `mail.insecure_smtp` is on",
            ),
        ] {
            let text = found(settings);
            assert!(text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn y451_without_root_certificates_no_server_can_be_verified() {
        let from = ("mail.from", "Example <login@example.com>");
        for (url, wanted) in [
            (
                "smtps://mx.example.net",
                "fault no mail is sent: no root certificates",
            ),
            (
                "smtp://mx.example.net",
                "fault no mail is sent: no root certificates",
            ),
            ("smtp://127.0.0.1:25", "good sent to this machine"),
        ] {
            let text = checked(&[("mail.url", url), from], false);
            assert!(text.contains(wanted), "{url}: {text}");
        }
        assert!(checked(&[], false).contains("good no mail is sent"));
    }
}
