//! Mails by the templates and texts of the pages.

use minijinja::{Error, Value, context};
use rolecall_core::Timestamp;

use super::{look::Look, mail_kinds::keys};
use crate::{app::App, mail::outbox::Values, times::rfc3339};

/// A mail that is written.
pub(crate) struct Written {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Writes a mail of a kind, in a language or the next best one. Links in it begin with the public URL of the settings,
/// whatever a request has said.
///
/// # Errors
///
/// The fault of a template or text, which the trial at the start rules out.
pub(crate) fn write(
    app: &App,
    kind: &str,
    language: &str,
    values: &Values,
    until: Timestamp,
) -> Result<Written, Error> {
    let base = app.settings().public_url.as_str();
    let link = match (values.page.as_str(), values.flow.as_str()) {
        ("", _) => String::new(),
        (page, "") => format!("{base}/{page}?token={}", values.token),
        (page, flow) => format!("{base}/{page}?token={}&flow={flow}", values.token),
    };
    let own = context! {
        username => values.name.as_str(),
        detail => values.detail.as_str(),
        link => link,
        until => minute(until),
        ..keys(kind)
    };
    render(&app.parts().look, base, language, own)
}

fn render(look: &Look, base: &str, language: &str, own: Value) -> Result<Written, Error> {
    let language = look.languages.choose(Some(language), None, "");
    let common = look.variables(language, base, None);
    let values = context! { ..own, ..common };
    let title = values.get_attr("title")?;
    let title = title.as_str().unwrap_or_default();
    let subject = look.languages.text(language, title, []);
    let write = |name| look.templates.get_template(name)?.render(&values);
    Ok(Written {
        subject: subject.map_or_else(|| title.to_owned(), |(text, _)| text),
        text: write("mail.txt")?,
        html: write("mail.html")?,
    })
}

/// Returns a time to the minute, in UTC.
fn minute(time: Timestamp) -> String {
    let text = rfc3339(time).replace('T', " ");
    text.get(..16).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Pages, mail::notices::Notice, pages::mail_kinds::KINDS};

    fn written(kind: &str, language: &str, name: &str) -> Written {
        let look = Look::new(&Pages::default()).unwrap();
        let own = context! {
            username => name, detail => "d", until => "2030-01-01 00:00",
            link => if kind == "reset" { "https://login.example.com/reset?token=abc" } else { "" },
            ..keys(kind)
        };
        render(&look, "https://login.example.com", language, own).unwrap()
    }

    #[test]
    fn every_kind_has_texts_in_each_language() {
        assert!(
            Notice::ALL
                .iter()
                .all(|notice| KINDS.contains(&notice.kind()))
        );
        for kind in KINDS {
            let [english, german] = ["en", "de"].map(|language| written(kind, language, "alice"));
            assert_ne!(english.subject, german.subject, "{kind}");
            for mail in [english, german] {
                assert!(!mail.subject.contains("-subject"), "{}", mail.subject);
                assert!(
                    mail.text.contains("https://login.example.com") && mail.html.contains("<p>")
                );
            }
        }
    }

    #[test]
    fn i058_a_name_is_text_in_both_parts() {
        let mail = written("reset", "en", "<b>x</b>\r\nBcc: a@b\u{202e}");
        assert!(!mail.html.contains("<b>") && mail.html.contains("&lt;b&gt;x"));
        assert!(
            !mail.text.lines().any(|line| line.starts_with("Bcc")),
            "{}",
            mail.text
        );
        assert!(!mail.text.contains('\u{202e}'));
        assert!(
            !mail.subject.contains('x'),
            "no text of others is in a header"
        );
    }

    #[test]
    fn an_unknown_language_is_english() {
        for language in ["", "fr", "\"", "de-AT"] {
            let subject = written("reset", language, "alice").subject;
            let is_german = subject.starts_with("Passwort");
            assert_eq!(is_german, language == "de-AT", "{language}");
        }
    }
}
