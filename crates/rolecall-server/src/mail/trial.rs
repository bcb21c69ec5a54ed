//! A mail that tries the settings.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    outbox::Values,
    send_error::{Fault, SendError},
    sender::own_host,
    server::{Security, SmtpServer},
    smtp::{Letter, Mailer, one_line},
};
use crate::{app::App, error::ApiError, ids, pages::mails};

/// The most characters that are shown of what a server says.
const MOST: usize = 200;
/// Shorter user names are parts of words, and stay.
const SHORT: usize = 4;
/// So many characters of a password are part of it, and no chance.
const PART: usize = 8;
/// Stands for what is not shown.
const HIDDEN: &str = "***";

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
        /// Its status and text, or what happened instead: one line without the login.
        answer: String,
        fault: Fault,
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
    let refused = |error: &SendError| TrialError::Refused {
        server: server.clone(),
        answer: shown(&error.answer(), settings.server.login.as_ref()),
        fault: error.fault,
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

/// Returns what can be shown of an answer, which a server may write as it likes.
fn shown(answer: &str, login: Option<&(String, SecretString)>) -> String {
    let secrets = login.map(secrets_of).unwrap_or_default();
    let hide = |text: String, secret: &String| text.replace(secret.as_str(), HIDDEN);
    let text = secrets.iter().fold(answer.to_owned(), hide);
    let text = one_line(&text);
    let passwords = login.map(passwords_of).unwrap_or_default();
    if passwords.iter().any(|secret| shows_part(&text, secret)) {
        let status = text.get(..3).unwrap_or_default();
        return format!("{status} {HIDDEN}");
    }
    if text.chars().count() <= MOST {
        return text;
    }
    let mut cut: String = text.chars().take(MOST - 1).collect();
    cut.push('…');
    cut
}

/// Returns true if a text shows a part of a secret, whole or broken over lines.
fn shows_part(text: &str, secret: &str) -> bool {
    let [text, secret] = [text, secret].map(|one| {
        let kept = one
            .chars()
            .filter(|one| !one.is_whitespace() && *one != '=');
        kept.collect::<Vec<char>>()
    });
    let length = secret.len().min(PART);
    let mut parts = secret.windows(length.max(1));
    parts.any(|part| text.windows(part.len()).any(|one| one == part))
}

/// Returns the password as it stands in a configuration and as it is sent (RFC 4616).
fn passwords_of((user, password): &(String, SecretString)) -> Vec<String> {
    let password = password.expose_secret();
    vec![
        STANDARD.encode(format!("\0{user}\0{password}")),
        STANDARD.encode(password),
        password.to_owned(),
    ]
}

/// Returns the whole login in the same way.
fn secrets_of(login: &(String, SecretString)) -> Vec<String> {
    let mut secrets = passwords_of(login);
    let user = &login.0;
    if user.len() >= SHORT {
        secrets.extend([STANDARD.encode(user), user.clone()]);
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_short_line_without_control_characters() {
        for (answer, expected) in [
            ("535 5.7.8 no", "535 5.7.8 no"),
            ("550 a\r\nb\u{1b}[31m\u{7}c", "550 a b [31m c"),
            ("550 \u{202e}x", "550 x"),
        ] {
            assert_eq!(shown(answer, None), expected);
        }
        assert_eq!(shown(&"ä".repeat(MOST), None).chars().count(), MOST);
        let long = shown(&"ä".repeat(5000), None);
        assert!(
            long.chars().count() == MOST && long.ends_with('…'),
            "{long}"
        );
    }

    #[test]
    fn an_answer_shows_no_login() {
        let login = ("login".to_owned(), SecretString::from("canary"));
        for said in [
            "canary",
            "login",
            "Y2FuYXJ5",
            "bG9naW4=",
            "AGxvZ2luAGNhbmFyeQ==",
        ] {
            let answer = format!("535 wrong: {said}");
            assert_eq!(shown(&answer, Some(&login)), "535 wrong: ***", "{said}");
        }
        let long = (
            "postmaster".to_owned(),
            SecretString::from("canary-Pa55word-of-mail"),
        );
        let sent = STANDARD.encode("\0postmaster\0canary-Pa55word-of-mail");
        for said in [
            sent.trim_end_matches('=').to_owned(),
            sent.get(..40).unwrap().to_owned(),
            format!("{}\r\n535 {}", &sent[..20], &sent[20..]),
            "canary-Pa55\r\nword-of-mail".to_owned(),
        ] {
            let answer = format!("535 wrong: {said}");
            assert_eq!(shown(&answer, Some(&long)), "535 ***", "{said}");
        }
        assert_eq!(shown("535 no mail", Some(&long)), "535 no mail");
        // half of one at the end would be shown otherwise
        let long = format!("{}canary", "x".repeat(MOST - 3));
        assert!(!shown(&long, Some(&login)).contains("can"));
        let brief = ("a".to_owned(), SecretString::from(""));
        assert_eq!(shown("535 a bad day", Some(&brief)), "535 a bad day");
    }
}
