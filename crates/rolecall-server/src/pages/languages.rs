//! The languages of the pages.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use fluent_bundle::{
    FluentArgs, FluentError, FluentResource, FluentValue, concurrent::FluentBundle,
};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use fluent_syntax::ast::Entry;
use unic_langid::{CharacterDirection, LanguageIdentifier};

use super::accepted;

/// The languages that are built in, the one to fall back on first.
pub(super) const BUILT_IN: [(&str, &str); 2] = [
    (
        "en",
        concat!(
            include_str!("../../assets/locales/en.ftl"),
            include_str!("../../assets/locales/admin/en.ftl"),
            include_str!("../../assets/locales/admin/rules.en.ftl"),
            include_str!("../../assets/locales/admin/clients.en.ftl"),
            include_str!("../../assets/locales/admin/operate.en.ftl"),
            include_str!("../../assets/locales/admin/refusals.en.ftl"),
        ),
    ),
    (
        "de",
        concat!(
            include_str!("../../assets/locales/de.ftl"),
            include_str!("../../assets/locales/admin/de.ftl"),
            include_str!("../../assets/locales/admin/rules.de.ftl"),
            include_str!("../../assets/locales/admin/clients.de.ftl"),
            include_str!("../../assets/locales/admin/operate.de.ftl"),
            include_str!("../../assets/locales/admin/refusals.de.ftl"),
        ),
    ),
];

/// A language of the pages: its place among [`Languages`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Language(usize);

impl Language {
    /// Returns the language at this place.
    pub(super) fn at(place: usize) -> Self {
        Self(place)
    }

    /// Returns the place.
    pub(super) fn place(self) -> usize {
        self.0
    }
}

/// All languages with their texts; English is the first.
pub(super) struct Languages {
    available: Vec<LanguageIdentifier>,
    locales: Vec<Locale>,
    /// The keys of all texts.
    keys: Vec<String>,
}

/// The texts of a language.
struct Locale {
    /// The name, for the attribute `lang`.
    name: String,
    texts: FluentBundle<FluentResource>,
    /// The language to fall back on before English: `de` for `de-AT`.
    wider: Option<usize>,
}

impl Languages {
    /// Returns the built-in languages with the operator's texts over them.
    pub(super) fn new(own: Vec<(LanguageIdentifier, FluentResource)>) -> Self {
        let mut languages = Self {
            available: Vec::new(),
            locales: Vec::new(),
            keys: Vec::new(),
        };
        for (name, text) in BUILT_IN {
            // a test rules out that one cannot be read
            let id = name.parse().unwrap_or_default();
            let resource = FluentResource::try_new(text.to_owned());
            let resource = resource.unwrap_or_else(|(partial, _)| partial);
            if languages.keys.is_empty() {
                languages.keys = keys(&resource);
            }
            languages.add(id, resource);
        }
        for (id, resource) in own {
            languages.add(id, resource);
        }
        languages.find_wider();
        languages
    }

    /// Returns the built-in languages alone, which are read once for all nodes of a process.
    pub(super) fn built_in() -> Arc<Self> {
        static BUILT_IN: LazyLock<Arc<Languages>> =
            LazyLock::new(|| Arc::new(Languages::new(Vec::new())));
        Arc::clone(&BUILT_IN)
    }

    /// Adds texts. They replace those of the same names.
    fn add(&mut self, id: LanguageIdentifier, resource: FluentResource) {
        let place = self.available.iter().position(|one| *one == id);
        if let Some(locale) = place.and_then(|place| self.locales.get_mut(place)) {
            locale.texts.add_resource_overriding(resource);
            return;
        }
        let mut texts = FluentBundle::new_concurrent(vec![id.clone()]);
        // the marks would be part of names that people copy
        texts.set_use_isolating(false);
        texts.add_resource_overriding(resource);
        self.locales.push(Locale {
            name: id.to_string(),
            texts,
            wider: None,
        });
        self.available.push(id);
    }

    fn find_wider(&mut self) {
        let available = &self.available;
        for (id, locale) in available.iter().zip(&mut self.locales) {
            let wider = LanguageIdentifier::from_parts(id.language, None, None, &[]);
            locale.wider = available.iter().position(|one| *one == wider);
        }
    }

    /// Chooses the language of a request: what the client asked for, then what the browser kept, then what it prefers.
    pub(super) fn choose(
        &self,
        ui_locales: Option<&str>,
        kept: Option<&str>,
        accepted: &str,
    ) -> Language {
        let mut wanted = parse_list(ui_locales);
        wanted.extend(kept.and_then(|name| name.parse().ok()));
        wanted.extend(accepted::parse(accepted, &self.available));
        wanted.truncate(20);
        self.first_of(&wanted).unwrap_or_default()
    }

    /// Returns the language that the client asked for; `None` if there is none of those.
    pub(super) fn asked(&self, ui_locales: Option<&str>) -> Option<Language> {
        self.first_of(&parse_list(ui_locales))
    }

    fn first_of(&self, wanted: &[LanguageIdentifier]) -> Option<Language> {
        let strategy = NegotiationStrategy::Lookup;
        let chosen = negotiate_languages(wanted, &self.available, None, strategy);
        let chosen = chosen.first()?;
        let place = self.available.iter().position(|one| one == *chosen);
        place.map(Language)
    }

    /// Returns the keys of all texts.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// Returns the languages with texts that are shown in English, each with the keys of these texts.
    pub(super) fn missing(&self) -> Vec<(String, Vec<String>)> {
        let lacking = self.locales.iter().skip(1).map(|locale| {
            let wider = locale.wider.and_then(|place| self.locales.get(place));
            let has = |key: &str| {
                let mut found = [Some(locale), wider].into_iter().flatten();
                found.any(|one| one.texts.has_message(key))
            };
            let keys = self.keys.iter().filter(|key| !has(key)).cloned();
            (locale.name.clone(), keys.collect::<Vec<_>>())
        });
        lacking.filter(|(_, keys)| !keys.is_empty()).collect()
    }

    /// Returns all languages.
    pub(super) fn all(&self) -> impl Iterator<Item = Language> {
        (0..self.locales.len()).map(Language)
    }

    /// Returns the name of a language, for the attribute `lang`.
    pub(super) fn name(&self, language: Language) -> &str {
        let locale = self.locales.get(language.0);
        locale.map_or("en", |locale| locale.name.as_str())
    }

    /// Returns the direction in which a language is written, for the attribute `dir`.
    pub(super) fn direction(&self, language: Language) -> &'static str {
        let id = self.available.get(language.0);
        match id.map(LanguageIdentifier::character_direction) {
            Some(CharacterDirection::RTL) => "rtl",
            _ => "ltr",
        }
    }

    /// Returns a text with what is wrong with it; the fallback's where this language lacks it, `None` for an unknown key.
    pub(super) fn text<'a>(
        &self,
        language: Language,
        key: &str,
        arguments: impl IntoIterator<Item = (&'a str, Argument)>,
    ) -> Option<(String, Vec<FluentError>)> {
        let mut values = FluentArgs::new();
        for (name, value) in arguments {
            values.set(name.to_owned(), FluentValue::from(value));
        }
        let wider = self.locales.get(language.0).and_then(|locale| locale.wider);
        let places = [Some(language.0), wider, Some(0)];
        places.into_iter().flatten().find_map(|place| {
            let texts = &self.locales.get(place)?.texts;
            let pattern = texts.get_message(key)?.value()?;
            let mut errors = Vec::new();
            let text = texts.format_pattern(pattern, Some(&values), &mut errors);
            Some((text.into_owned(), errors))
        })
    }

    /// As [`text`](Self::text), as far as it can be written.
    pub(super) fn words<'a>(
        &self,
        language: Language,
        key: &str,
        arguments: impl IntoIterator<Item = (&'a str, Argument)>,
    ) -> Option<String> {
        self.text(language, key, arguments).map(|(text, _)| text)
    }
}

fn keys(resource: &FluentResource) -> Vec<String> {
    let keys = resource.entries().filter_map(|entry| match entry {
        Entry::Message(message) => Some(message.id.name.to_owned()),
        _ => None,
    });
    keys.collect()
}

/// A value in a text.
pub(super) enum Argument {
    /// Decides between singular and plural.
    Number(i64),
    Text(String),
}

impl From<Argument> for FluentValue<'_> {
    fn from(argument: Argument) -> Self {
        match argument {
            Argument::Number(number) => number.into(),
            Argument::Text(text) => Self::String(Cow::Owned(text)),
        }
    }
}

/// Reads the languages of `ui_locales`, the preferred one first.
fn parse_list(ui_locales: Option<&str>) -> Vec<LanguageIdentifier> {
    let names = ui_locales.unwrap_or_default().split(' ').take(10);
    names.filter_map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn with(own: &[(&str, &str)]) -> Languages {
        let own = own.iter().map(|(name, text)| {
            let resource = FluentResource::try_new((*text).to_owned()).unwrap();
            (name.parse().unwrap(), resource)
        });
        Languages::new(own.collect())
    }

    #[test]
    fn the_client_comes_before_the_browser_and_english_is_for_everybody_else() {
        let languages = with(&[]);
        for (accepted, kept, ui_locales, language) in [
            ("", None, None, "en"),
            ("de-AT,de;q=0.9,en;q=0.8", None, None, "de"),
            ("fr,de;q=0.5", None, None, "de"),
            ("fr,ja", None, None, "en"),
            ("en", None, Some("fr de-CH"), "de"),
            ("de", None, Some("en"), "en"),
            ("de", None, Some("not a language ***"), "de"),
            ("*;q=x,,,", None, None, "en"),
            ("en", Some("de"), None, "de"),
            ("en", Some("de"), Some("en"), "en"),
            ("de", Some("fr"), None, "de"),
            ("de", Some("\"><script>"), None, "de"),
            ("de", Some(""), Some(""), "de"),
        ] {
            let chosen = languages.choose(ui_locales, kept, accepted);
            let name = languages.name(chosen);
            assert_eq!(name, language, "{accepted:?} {kept:?} {ui_locales:?}");
        }
        let asked = |ui_locales| languages.asked(ui_locales).map(Language::place);
        assert_eq!(asked(Some("fr de")), Some(1));
        assert_eq!([asked(Some("fr")), asked(None)], [None, None]);
    }

    /// The keys of a language, each with the variables of its text.
    fn lines_of(text: &str) -> BTreeSet<(String, BTreeSet<String>)> {
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
        let [english, german] = BUILT_IN.map(|(_, text)| lines_of(text));
        assert_eq!(english, german);
        assert!(english.len() > 40);
        for (_, text) in BUILT_IN {
            assert!(FluentResource::try_new(text.to_owned()).is_ok());
        }
    }

    fn text(languages: &Languages, place: usize, key: &str) -> Option<String> {
        let name = || [("name", Argument::Text("alice <b>".to_owned()))];
        let found = languages.text(Language(place), key, name());
        found.map(|(text, _)| text)
    }

    #[test]
    fn a_text_has_its_variables_and_an_unknown_key_has_none() {
        let languages = with(&[]);
        let continued = ["Continue as alice <b>", "Weiter als alice <b>"];
        for (place, wanted) in continued.into_iter().enumerate() {
            assert_eq!(
                text(&languages, place, "continue-as").as_deref(),
                Some(wanted)
            );
        }
        assert_eq!(text(&languages, 1, "no-such-key"), None);
    }

    #[test]
    fn an_own_text_replaces_one_and_leaves_the_others() {
        let languages = with(&[("de", "sign-in = Einloggen"), ("fr", "sign-in = Connexion")]);
        let fr = languages.choose(None, None, "fr-CA");
        assert_eq!((languages.name(fr), fr.place()), ("fr", 2));
        for (place, key, wanted) in [
            (0, "sign-in", "Sign in"),
            (1, "sign-in", "Einloggen"),
            (1, "password", "Passwort"),
            (2, "sign-in", "Connexion"),
            (2, "password", "Password"),
        ] {
            assert_eq!(
                text(&languages, place, key).as_deref(),
                Some(wanted),
                "{place} {key}"
            );
        }
    }

    #[test]
    fn a_region_falls_back_on_its_language_before_english() {
        let languages = with(&[("de-AT", "sign-in = Anmelden, bitte")]);
        let austria = languages.choose(None, None, "de-AT");
        assert_eq!(languages.name(austria), "de-AT");
        let shown = |key| text(&languages, austria.place(), key);
        assert_eq!(shown("sign-in").as_deref(), Some("Anmelden, bitte"));
        assert_eq!(shown("password").as_deref(), Some("Passwort"));
        assert_eq!(languages.name(languages.choose(None, None, "de")), "de");
    }

    #[test]
    fn a_number_decides_between_singular_and_plural() {
        let own = "too-many = { $seconds ->\n    [one] One second.\n   *[other] { $seconds } seconds.\n }";
        let languages = with(&[("en", own)]);
        for (number, wanted) in [
            (1, "One second."),
            (3, "3 seconds."),
            (1000, "1000 seconds."),
        ] {
            let values = [("seconds", Argument::Number(number))];
            let (text, errors) = languages.text(Language(0), "too-many", values).unwrap();
            assert_eq!((text.as_str(), errors.len()), (wanted, 0));
        }
    }

    #[test]
    fn the_direction_of_a_language_is_known() {
        let languages = with(&[("ar", ""), ("he", "")]);
        let directions = languages.all().map(|one| languages.direction(one));
        assert_eq!(directions.collect::<Vec<_>>(), ["ltr", "ltr", "rtl", "rtl"]);
    }
}
