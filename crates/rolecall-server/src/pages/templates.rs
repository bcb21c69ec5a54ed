//! The templates of the pages, and the function by which they get their texts.

use std::sync::Arc;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, HtmlEscape, Output, State, Template,
    UndefinedBehavior, Value, escape_formatter, value::Kwargs,
};
use rolecall_core::is_unprintable;

use super::{
    admin,
    fault::suggestion,
    languages::{Argument, Language, Languages},
};

/// The names of the templates.
pub(super) const NAMES: [&str; 28] = [
    "layout.html",
    "sign_in.html",
    "change.html",
    "choose.html",
    "consent.html",
    "message.html",
    "form_post.html",
    "account.html",
    "logout.html",
    "reset.html",
    "new_password.html",
    "verify.html",
    "invite.html",
    "sign_up.html",
    "mail.html",
    "mail.txt",
    "mail_code.html",
    "verify_code.html",
    "second.html",
    "enrol.html",
    "recovery_codes.html",
    "continue.html",
    "factors.html",
    "details.html",
    "own_password.html",
    "events.html",
    "leave.html",
    "passkey.html",
];

/// The most that writing one page may take, in steps of its templates and bytes of what they make, which bounds its memory
/// to some 128 MB. The samples of the built-in pages take less than a hundredth of it.
pub(super) const MOST_WORK: u64 = 2_000_000;

pub(super) const TEMPLATES: [(&str, &str); 28] = [
    (
        "layout.html",
        include_str!("../../assets/pages/layout.html"),
    ),
    (
        "sign_in.html",
        include_str!("../../assets/pages/sign_in.html"),
    ),
    (
        "change.html",
        include_str!("../../assets/pages/change.html"),
    ),
    (
        "choose.html",
        include_str!("../../assets/pages/choose.html"),
    ),
    (
        "consent.html",
        include_str!("../../assets/pages/consent.html"),
    ),
    (
        "message.html",
        include_str!("../../assets/pages/message.html"),
    ),
    (
        "form_post.html",
        include_str!("../../assets/pages/form_post.html"),
    ),
    (
        "account.html",
        include_str!("../../assets/pages/account.html"),
    ),
    (
        "logout.html",
        include_str!("../../assets/pages/logout.html"),
    ),
    ("reset.html", include_str!("../../assets/pages/reset.html")),
    (
        "new_password.html",
        include_str!("../../assets/pages/new_password.html"),
    ),
    (
        "verify.html",
        include_str!("../../assets/pages/verify.html"),
    ),
    (
        "invite.html",
        include_str!("../../assets/pages/invite.html"),
    ),
    (
        "sign_up.html",
        include_str!("../../assets/pages/sign_up.html"),
    ),
    ("mail.html", include_str!("../../assets/pages/mail.html")),
    ("mail.txt", include_str!("../../assets/pages/mail.txt")),
    (
        "mail_code.html",
        include_str!("../../assets/pages/mail_code.html"),
    ),
    (
        "verify_code.html",
        include_str!("../../assets/pages/verify_code.html"),
    ),
    (
        "second.html",
        include_str!("../../assets/pages/second.html"),
    ),
    ("enrol.html", include_str!("../../assets/pages/enrol.html")),
    (
        "recovery_codes.html",
        include_str!("../../assets/pages/recovery_codes.html"),
    ),
    (
        "continue.html",
        include_str!("../../assets/pages/continue.html"),
    ),
    (
        "factors.html",
        include_str!("../../assets/pages/factors.html"),
    ),
    (
        "details.html",
        include_str!("../../assets/pages/details.html"),
    ),
    (
        "own_password.html",
        include_str!("../../assets/pages/own_password.html"),
    ),
    (
        "events.html",
        include_str!("../../assets/pages/events.html"),
    ),
    ("leave.html", include_str!("../../assets/pages/leave.html")),
    (
        "passkey.html",
        include_str!("../../assets/pages/passkey.html"),
    ),
];

/// All templates. Those of plain texts are apart: a page that included one would show its values as they are.
pub(super) struct Templates {
    pages: Environment<'static>,
    texts: Environment<'static>,
}

impl Templates {
    /// Returns the templates that are built in.
    pub(super) fn new(languages: &Arc<Languages>) -> Result<Self, Error> {
        let mut templates = Self {
            pages: environment(languages, escape),
            texts: environment(languages, write_plain),
        };
        for (name, source) in TEMPLATES {
            templates.of_mut(name).add_template(name, source)?;
        }
        // they belong to the program, and no folder of an operator replaces them
        for one in admin::templates::TEMPLATES {
            templates.pages.add_template(one.name, one.source)?;
        }
        Ok(templates)
    }

    /// Replaces a template.
    pub(super) fn replace(&mut self, name: &'static str, source: String) -> Result<(), Error> {
        self.of_mut(name).add_template_owned(name, source)
    }

    pub(super) fn get_template(&self, name: &str) -> Result<Template<'_, '_>, Error> {
        self.of(name).get_template(name)
    }

    /// Returns the names of the functions that templates can call.
    pub(super) fn functions(&self) -> impl Iterator<Item = &str> {
        self.pages.globals().map(|(name, _)| name)
    }

    /// Sets the work that writing one page may take.
    #[cfg(test)]
    pub(super) fn set_fuel(&mut self, fuel: u64) {
        for environment in [&mut self.pages, &mut self.texts] {
            environment.set_fuel(Some(fuel));
        }
    }

    fn of(&self, name: &str) -> &Environment<'static> {
        if is_text(name) {
            &self.texts
        } else {
            &self.pages
        }
    }

    fn of_mut(&mut self, name: &str) -> &mut Environment<'static> {
        if is_text(name) {
            &mut self.texts
        } else {
            &mut self.pages
        }
    }
}

/// Returns true for the name of a template that is no HTML.
pub(super) fn is_text(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, kind)| kind == "txt")
}

type Format = fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), Error>;

fn environment(languages: &Arc<Languages>, format: Format) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(MOST_WORK));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // no template, also none of the operator's, writes a value as it is
    environment.remove_filter("safe");
    environment.set_formatter(format);
    let languages = Arc::clone(languages);
    let t = move |state: &State<'_, '_>, key: &str, arguments: Kwargs| {
        translate(&languages, state, key, &arguments)
    };
    environment.add_function("t", t);
    environment
}

/// Writes a value, and escapes it also where a template says `autoescape false`.
fn escape(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if *state.auto_escape() == AutoEscape::Html {
        return escape_formatter(out, state, value);
    }
    let text = value.to_string();
    write!(out, "{}", HtmlEscape(&text)).map_err(Error::from)
}

/// Writes a value of a plain text on one line: it must not look like another line of the mail.
fn write_plain(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text: String = value
        .to_string()
        .chars()
        .map(|c| if is_unprintable(c) { ' ' } else { c })
        .collect();
    out.write_str(&text).map_err(Error::from)
}

/// `t("key", name=value)`: a text in the language of the page.
fn translate(
    languages: &Languages,
    state: &State<'_, '_>,
    key: &str,
    arguments: &Kwargs,
) -> Result<String, Error> {
    let place = state.lookup("language");
    let place = place.and_then(|value| value.as_usize()).unwrap_or_default();
    let mut values = Vec::new();
    for name in arguments.args() {
        values.push((name, argument(&arguments.get(name)?)));
    }
    let found = languages.text(Language::at(place), key, values);
    let refused = |detail| Error::new(ErrorKind::UndefinedError, detail);
    let (text, errors) = found.ok_or_else(|| {
        let hint = suggestion(key, languages.keys());
        refused(format!("there is no text `{key}`{hint}"))
    })?;
    // a page that people wait for shows the text as far as it can be written
    let is_trial = state.lookup("trial").is_some_and(|value| value.is_true());
    if let Some(error) = errors.first().filter(|_| is_trial) {
        return Err(refused(format!(
            "the text `{key}` cannot be written: {error}; give all its variables, as in `t(\"{key}\", name=name)`"
        )));
    }
    // no safe string: it is escaped as any other value
    Ok(text)
}

fn argument(value: &Value) -> Argument {
    match value.as_i64().filter(|_| value.is_number()) {
        Some(number) => Argument::Number(number),
        None => Argument::Text(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    #[test]
    fn every_template_can_be_read_and_is_named() {
        let languages = Arc::new(Languages::new(Vec::new()));
        let templates = Templates::new(&languages).unwrap();
        assert_eq!(TEMPLATES.map(|(name, _)| name), NAMES);
        for (name, _) in TEMPLATES {
            let template = templates.get_template(name).unwrap();
            assert!(samples::render(&template, name, &languages).is_ok());
        }
    }

    #[test]
    fn no_template_has_script_or_style_in_it() {
        for (name, source) in TEMPLATES {
            for wrong in [
                "style=", "<style", "onclick", "onload", "onsubmit", "|safe", "http:", "https:",
            ] {
                assert!(!source.contains(wrong), "{name}: {wrong}");
            }
            let scripts = source.matches("<script").count();
            assert_eq!(scripts, source.matches("<script src=").count(), "{name}");
        }
    }
}
