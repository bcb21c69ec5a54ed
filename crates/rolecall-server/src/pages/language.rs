//! The languages of the pages.

use std::{borrow::Cow, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use fluent_langneg::{NegotiationStrategy, accepted_languages, negotiate_languages};
use http::{HeaderMap, header};
use unic_langid::LanguageIdentifier;

/// The languages that are built in, the one to fall back on first.
pub(crate) const LANGUAGES: [&str; 2] = ["en", "de"];

const TEXTS: [&str; 2] = [
    include_str!("../../assets/locales/en.ftl"),
    include_str!("../../assets/locales/de.ftl"),
];

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Language(usize);

static BUNDLES: LazyLock<Vec<FluentBundle<FluentResource>>> = LazyLock::new(|| {
    let bundles = LANGUAGES.iter().zip(TEXTS);
    bundles.map(|(name, text)| bundle(name, text)).collect()
});

/// Reads the texts of a language. What cannot be read is left out, which a test rules out.
fn bundle(name: &str, text: &str) -> FluentBundle<FluentResource> {
    let language = name.parse::<LanguageIdentifier>().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // the pages are in one direction, and the marks would be part of names that people copy
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned());
    let resource = resource.unwrap_or_else(|(partial, _)| partial);
    bundle.add_resource_overriding(resource);
    bundle
}

impl Language {
    /// Chooses the language of a request: what the client asked for, then what the browser prefers.
    pub(super) fn of(headers: &HeaderMap, ui_locales: Option<&str>) -> Self {
        let wanted = headers.get(header::ACCEPT_LANGUAGE);
        let wanted = wanted
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let mut wanted: Vec<LanguageIdentifier> = accepted_languages::parse(wanted);
        let asked = ui_locales.unwrap_or_default().split(' ').take(10);
        let asked: Vec<LanguageIdentifier> = asked.filter_map(|name| name.parse().ok()).collect();
        wanted.splice(0..0, asked);
        wanted.truncate(20);
        let available: Vec<LanguageIdentifier> = LANGUAGES
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        let chosen = negotiate_languages(
            &wanted,
            &available,
            available.first(),
            NegotiationStrategy::Lookup,
        );
        let place = chosen.first();
        let place = place.and_then(|chosen| available.iter().position(|one| one == *chosen));
        Self(place.unwrap_or_default())
    }

    /// Returns the language at this place among [`LANGUAGES`].
    pub(super) fn at(place: usize) -> Self {
        Self(place)
    }

    /// Returns the place among [`LANGUAGES`].
    pub(super) fn place(self) -> usize {
        self.0
    }

    /// Returns the name, for the attribute `lang`.
    pub(super) fn name(self) -> &'static str {
        LANGUAGES.get(self.0).copied().unwrap_or("en")
    }

    /// Returns a text; the fallback's where this language lacks it, and nothing for an unknown key.
    pub(super) fn text<'a>(
        self,
        key: &str,
        arguments: impl IntoIterator<Item = (&'a str, String)>,
    ) -> String {
        let mut values = FluentArgs::new();
        for (name, value) in arguments {
            values.set(name.to_owned(), FluentValue::String(Cow::Owned(value)));
        }
        let places = [self.0, 0];
        let found = places.iter().find_map(|place| {
            let bundle = BUNDLES.get(*place)?;
            let pattern = bundle.get_message(key)?.value()?;
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, Some(&values), &mut errors);
            Some(text.into_owned())
        });
        found.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::HeaderValue;

    use super::*;

    fn chosen(accepted: &'static str, ui_locales: Option<&str>) -> &'static str {
        let headers = [(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted))];
        Language::of(&headers.into_iter().collect(), ui_locales).name()
    }

    #[test]
    fn the_client_comes_before_the_browser_and_english_is_for_everybody_else() {
        for (accepted, ui_locales, language) in [
            ("", None, "en"),
            ("de-AT,de;q=0.9,en;q=0.8", None, "de"),
            ("fr,de;q=0.5", None, "de"),
            ("fr,ja", None, "en"),
            ("en", Some("fr de-CH"), "de"),
            ("de", Some("en"), "en"),
            ("de", Some("not a language ***"), "de"),
            ("*;q=x,,,", None, "en"),
        ] {
            assert_eq!(
                chosen(accepted, ui_locales),
                language,
                "{accepted:?} {ui_locales:?}"
            );
        }
    }

    /// The keys of a language, each with the variables of its text.
    fn keys(text: &str) -> BTreeSet<(String, BTreeSet<String>)> {
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        let variables = |text: &str| {
            let after = text.split("{ $").skip(1);
            after
                .filter_map(|rest| rest.split(" }").next())
                .map(str::to_owned)
                .collect()
        };
        lines
            .map(|(key, text)| (key.to_owned(), variables(text)))
            .collect()
    }

    #[test]
    fn every_language_has_every_text_with_the_same_variables() {
        let [english, german] = TEXTS.map(keys);
        assert_eq!(english, german);
        assert!(english.len() > 40);
        for name in LANGUAGES {
            assert!(FluentResource::try_new(TEXTS[usize::from(name == "de")].to_owned()).is_ok());
        }
    }

    #[test]
    fn a_text_has_its_variables_and_an_unknown_key_has_none() {
        let name = || [("name", "alice <b>".to_owned())];
        assert_eq!(
            Language(0).text("continue-as", name()),
            "Continue as alice <b>"
        );
        assert_eq!(
            Language(1).text("continue-as", name()),
            "Weiter als alice <b>"
        );
        assert_eq!(Language(1).text("no-such-key", name()), "");
    }
}
