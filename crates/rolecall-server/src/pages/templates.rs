//! The templates of the pages, and the function by which they get their texts.

use std::sync::Arc;

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, HtmlEscape, Output, State, UndefinedBehavior, Value,
    escape_formatter, value::Kwargs,
};

use super::{
    fault::suggestion,
    languages::{Argument, Language, Languages},
};

/// The names of the templates.
pub(super) const NAMES: [&str; 9] = [
    "layout.html",
    "sign_in.html",
    "change.html",
    "choose.html",
    "consent.html",
    "message.html",
    "form_post.html",
    "account.html",
    "logout.html",
];

pub(super) const TEMPLATES: [(&str, &str); 9] = [
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
];

/// Returns the templates that are built in.
pub(super) fn environment(languages: Arc<Languages>) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // no template, also none of the operator's, writes a value as it is
    environment.remove_filter("safe");
    environment.set_formatter(escape);
    let t = move |state: &State<'_, '_>, key: &str, arguments: Kwargs| {
        translate(&languages, state, key, &arguments)
    };
    environment.add_function("t", t);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// Writes a value, and escapes it also where a template says `autoescape false`.
fn escape(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if *state.auto_escape() == AutoEscape::Html {
        return escape_formatter(out, state, value);
    }
    let text = value.to_string();
    write!(out, "{}", HtmlEscape(&text)).map_err(Error::from)
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
        let environment = environment(Arc::clone(&languages)).unwrap();
        assert_eq!(TEMPLATES.map(|(name, _)| name), NAMES);
        for (name, _) in TEMPLATES {
            let template = environment.get_template(name).unwrap();
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
