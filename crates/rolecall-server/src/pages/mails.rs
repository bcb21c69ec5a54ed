//! Mails by the templates and texts of the pages.

use minijinja::{Error, Value, context};
use rolecall_core::Timestamp;

use super::{agents, look::Look, mail_kinds::keys};
use crate::{
    app::App,
    mail::{notices::Notice, outbox::Values},
    times::rfc3339,
};

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
    let look = &app.parts().look;
    let own = context! {
        username => values.name.as_str(),
        detail => detail(look, kind, language, &values.detail),
        link => link,
        until => minute(until),
        ..keys(kind, &values.detail)
    };
    render(look, base, language, own)
}

/// Returns the detail of a mail in the language of the mail.
fn detail(look: &Look, kind: &str, language: &str, detail: &str) -> String {
    if kind != Notice::NewDevice.kind() {
        return detail.to_owned();
    }
    let language = look.languages.choose(Some(language), None, "");
    agents::words(&look.languages, language, detail)
}

fn render(look: &Look, base: &str, language: &str, own: Value) -> Result<Written, Error> {
    let language = look.languages.choose(Some(language), None, "");
    let common = look.variables(language, base, None);
    let values = context! { ..own, ..common };
    let title = values.get_attr("title")?;
    let title = title.as_str().unwrap_or_default();
    let subject = look.languages.words(language, title, []);
    let write = |name| look.templates.get_template(name)?.render(&values);
    Ok(Written {
        subject: subject.unwrap_or_else(|| title.to_owned()),
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
    use crate::{config::Pages, pages::mail_kinds::KINDS};

    fn written(kind: &str, language: &str, name: &str) -> Written {
        let look = Look::new(&Pages::default()).unwrap();
        let own = context! {
            username => name, detail => "d", until => "2030-01-01 00:00",
            link => if kind == "reset" { "https://login.example.com/reset?token=abc" } else { "" },
            ..keys(kind, "d")
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
    fn a_notice_of_a_sign_in_names_the_browser_where_it_is_known() {
        let look = Look::new(&Pages::default()).unwrap();
        let words = |language| detail(&look, "new-device", language, "Firefox on Linux");
        assert_eq!(words("en"), "Firefox on Linux");
        assert_eq!(words("de"), "Firefox unter Linux");
        assert_eq!(detail(&look, "reset", "de", "a on b"), "a on b");
        let mail = |detail: &str| {
            let own = context! {
                username => "alice", detail => detail, until => "", link => "",
                ..keys("new-device", detail)
            };
            render(&look, "https://login.example.com", "en", own).unwrap()
        };
        let named = mail("Firefox on Linux");
        for text in [&named.text, &named.html] {
            assert!(text.contains("calls itself Firefox on Linux."), "{text}");
        }
        assert!(!named.subject.contains("Firefox"));
        assert!(!mail("").text.contains("calls itself"));
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
