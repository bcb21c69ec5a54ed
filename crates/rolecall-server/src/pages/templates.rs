//! The templates of the pages, and the function by which they get their texts.

use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value, value::Kwargs};

use super::language::Language;

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

const TEMPLATES: [(&str, &str); 9] = [
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
pub(super) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_function("t", translate);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// `t("key", name=value)`: a text in the language of the page.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a function of the templates"
)]
fn translate(state: &State<'_, '_>, key: &str, arguments: Kwargs) -> Result<String, Error> {
    let place = state.lookup("language");
    let place = place.and_then(|value| value.as_usize()).unwrap_or_default();
    let mut values = Vec::new();
    for name in arguments.args() {
        values.push((name, arguments.get::<Value>(name)?.to_string()));
    }
    let text = Language::at(place).text(key, values);
    if text.is_empty() {
        let detail = format!("there is no text `{key}`");
        return Err(Error::new(ErrorKind::UndefinedError, detail));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read_and_is_named() {
        assert!(environment().is_ok(), "{:?}", environment().err());
        assert_eq!(TEMPLATES.map(|(name, _)| name), NAMES);
        crate::pages::samples::try_all(&environment().unwrap()).unwrap();
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
