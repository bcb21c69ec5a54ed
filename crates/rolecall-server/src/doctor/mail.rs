//! Checks of mail, as far as nobody else has to be asked.

use std::net::IpAddr;

use super::finding::Finding;
use crate::{
    app::App,
    config::Config,
    error::chain_of,
    mail::{
        sender::SEALED,
        server::Security,
        settings::MailSettings,
        store::{self as mails, Failed},
    },
    outgoing::trust::NoRoots,
};

/// The remark about a mail server that others can listen to.
const NO_TLS: &str = "`mail.insecure_smtp` is on: mails, the links in them and the password cross the network unencrypted; use `smtps://`, or a server that offers STARTTLS";

/// The findings about mails that no server took.
const MAX_FAILED: i64 = 20;

pub(super) fn check(config: &Config, trusts_anybody: bool) -> Vec<Finding> {
    let finding = match config.mail.settings() {
        Ok(Some(settings)) if settings.server.security != Security::Plain && !trusts_anybody => {
            let finding = Finding::fault("mail", format!("no mail is sent: {NoRoots}"));
            finding.on_pages("admin-doctor-mail-roots")
        }
        Ok(None) => Finding::good("mail", "no mail is sent: `mail.url` is not set"),
        Ok(Some(settings)) => {
            let warnings = warnings(&settings);
            if !warnings.is_empty() {
                return warnings;
            }
            Finding::good("mail", describe(&settings))
        }
        Err(faults) => Finding::fault("mail", faults.join("; ")),
    };
    vec![finding]
}

/// Returns what is valid and rarely intended about the server and the sender, and otherwise what the DNS has to allow.
#[cfg(feature = "cli")]
pub(crate) fn remarks(config: &Config) -> Vec<String> {
    let Ok(Some(settings)) = config.mail.settings() else {
        return Vec::new();
    };
    let warnings = warnings(&settings);
    if warnings.is_empty() {
        return vec![format!("mails are {}", describe(&settings))];
    }
    warnings.into_iter().map(|warning| warning.text).collect()
}

fn warnings(settings: &MailSettings) -> Vec<Finding> {
    let server = &settings.server;
    let has_no_tls = server.security == Security::Plain && !server.is_local();
    let no_tls =
        has_no_tls.then(|| Finding::warning("mail", NO_TLS).on_pages("admin-doctor-mail-tls"));
    no_tls
        .into_iter()
        .chain(unusable_sender(settings))
        .collect()
}

/// Returns a warning for a sender whose domain nobody can look up.
fn unusable_sender(settings: &MailSettings) -> Option<Finding> {
    let (domain, host) = (settings.from.email.domain(), &settings.server.host);
    let (why, key) = if domain.parse::<IpAddr>().is_ok() {
        ("is an IP address", "admin-doctor-mail-address")
    } else if is_known_here_only(domain) {
        (
            "is a name that is known in this network only",
            "admin-doctor-mail-domain",
        )
    } else {
        return None;
    };
    let text = format!(
        "`mail.from`: `{domain}` {why}, and the mail servers of others refuse mails from there: use an address at your domain, whose SPF, DKIM and DMARC records have to allow `{host}`"
    );
    let finding = Finding::warning("mail", text).on_pages(key);
    Some(finding.naming(domain).detailed(host.clone()))
}

/// Returns true for `localhost`, other names without a dot, and names that no DNS has (RFC 6761, RFC 6762).
fn is_known_here_only(domain: &str) -> bool {
    domain.rsplit_once('.').is_none_or(|(_, last)| {
        ["localhost", "localdomain", "local", "internal"]
            .iter()
            .any(|name| last.eq_ignore_ascii_case(name))
    })
}

/// Says what the DNS of the sender has to allow, which is not looked up: the answer would be that of this machine, not of
/// those who get the mails.
fn describe(settings: &MailSettings) -> String {
    let (server, sender) = (&settings.server, settings.from.email.domain());
    let host = &server.host;
    let connection = match server.security {
        Security::Plain => "to this machine",
        Security::Tls | Security::StartTls => "by TLS",
    };
    let allows = if server.is_local() {
        "the address from which this machine sends".to_owned()
    } else if is_of_domain(host, sender) {
        format!("`{host}`")
    } else {
        format!("`{host}`, which is of another domain")
    };
    format!(
        "sent {connection}; the SPF record of `{sender}` has to allow {allows}, and the server has to sign as `{sender}` (DKIM), so that the DMARC record lets the mails pass. This is not checked here: try `rolecall mail test ADDRESS`"
    )
}

fn is_of_domain(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    let rest = host.strip_suffix(domain.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
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

    fn config(settings: &[(&str, &str)]) -> Config {
        let sources = settings
            .iter()
            .fold(Sources::default(), |sources, (key, value)| {
                sources.with_flag(*key, *value)
            });
        Config::load(&sources).unwrap()
    }

    fn checked(settings: &[(&str, &str)], trusts_anybody: bool) -> String {
        let findings = check(&config(settings), trusts_anybody);
        let lines = findings
            .iter()
            .map(|one| format!("{} {}", one.severity, one.text));
        lines.collect::<Vec<_>>().join("\n")
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
                "`example.com` has to allow `mx.example.net`, which is of another domain, and",
            ),
            (
                &[("mail.url", "smtps://mail.example.com"), from],
                "has to allow `mail.example.com`, and the server has to sign as `example.com` (DKIM), so that the DMARC",
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
    fn a_sender_has_a_domain_that_others_can_look_up() {
        let url = ("mail.url", "smtps://mx.example.net");
        for (sender, wanted) in [
            (
                "login@192.0.2.1",
                "warning `mail.from`: `192.0.2.1` is an IP address",
            ),
            (
                "login@localhost",
                "warning `mail.from`: `localhost` is a name that is known in this",
            ),
            (
                "login@intranet",
                "warning `mail.from`: `intranet` is a name",
            ),
            (
                "login@host.localdomain",
                "warning `mail.from`: `host.localdomain` is",
            ),
            (
                "login@mail.local",
                "SPF, DKIM and DMARC records have to allow `mx.example.net`",
            ),
            ("login@example.com", "good sent by TLS"),
            ("login@sub.example.com", "good sent by TLS"),
        ] {
            let text = found(&[url, ("mail.from", sender)]);
            assert!(text.contains(wanted), "{sender}: {text}");
        }
        let both = found(&[
            ("mail.url", "smtp://mx.example.net:25"),
            ("mail.insecure_smtp", "true"),
            ("mail.from", "login@localhost"),
        ]);
        assert!(
            both.contains("is on") && both.contains("known in this network"),
            "{both}"
        );
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_check_of_the_configuration_names_the_domain_of_the_sender() {
        assert!(remarks(&config(&[])).is_empty());
        let url = ("mail.url", "smtps://mx.example.net");
        for (sender, wanted) in [
            (
                "login@example.com",
                "mails are sent by TLS; the SPF record of `example.com`",
            ),
            ("login@localhost", "`mail.from`: `localhost`"),
        ] {
            let found = remarks(&config(&[url, ("mail.from", sender)]));
            assert!(
                matches!(&found[..], [one] if one.starts_with(wanted)),
                "{found:?}"
            );
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
