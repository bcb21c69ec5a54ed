//! The operator's texts, checked before anybody sees them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use fluent_bundle::FluentResource;
use fluent_syntax::{
    ast::{CallArguments, Entry, Expression, InlineExpression, Message, Pattern, PatternElement},
    parser::ParserError,
};
use unic_langid::LanguageIdentifier;

use super::{
    fault::{Fault, line_at, suggestion},
    folder,
    languages::{Argument, BUILT_IN, Language, Languages},
};

/// The setting.
pub(super) const KEY: &str = "pages.locales";

/// Reads the texts of a folder over the built-in ones.
pub(super) fn read(folder: &Path) -> Result<Languages, Vec<Fault>> {
    let known = Known::new();
    let (mut own, mut sources, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for (file, source) in folder::read(KEY, folder)? {
        let language = match language_of(&file) {
            Ok(language) => language,
            Err(why) => {
                faults.push(Fault::of(KEY, why).at(&file, None));
                continue;
            }
        };
        if let Some(line) = too_deep(&source) {
            let why =
                format!("placeables are nested more than {MAX_DEPTH} deep; is a `}}` missing?");
            faults.push(Fault::of(KEY, why).at(&file, Some(line)));
            continue;
        }
        match FluentResource::try_new(source.clone()) {
            Ok(resource) => {
                faults.extend(check(&known, &file, &resource));
                own.push((language.clone(), resource));
                sources.push((language, file, source));
            }
            Err((_, errors)) => faults.extend(unreadable(&file, &source, &errors)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let languages = Languages::new(own);
    for (language, file, source) in &sources {
        faults.extend(try_texts(&known, &languages, language, (file, source)));
    }
    if faults.is_empty() {
        Ok(languages)
    } else {
        Err(faults)
    }
}

/// The most placeables and calls inside each other. The parser calls itself for each.
const MAX_DEPTH: usize = 100;

/// Returns the line at which a text is nested too deeply to be parsed.
fn too_deep(source: &str) -> Option<usize> {
    let (mut braces, mut calls) = (0_usize, 0_usize);
    let bytes = source.as_bytes();
    let at = |place: Option<usize>| place.and_then(|place| bytes.get(place)).copied();
    for (place, byte) in bytes.iter().enumerate() {
        // `{"{"}` stands for a brace, and nothing is nested in a string
        let is_quoted = at(place.checked_sub(1)) == Some(b'"') && at(Some(place + 1)) == Some(b'"');
        match byte {
            b'{' if !is_quoted => braces += 1,
            b'}' if !is_quoted => braces = braces.saturating_sub(1),
            b'(' => calls += 1,
            b')' => calls = calls.saturating_sub(1),
            _ => {}
        }
        if braces > MAX_DEPTH || calls > MAX_DEPTH {
            return Some(line_at(source, place));
        }
    }
    None
}

/// Returns the language that a file is named after.
fn language_of(file: &str) -> Result<LanguageIdentifier, String> {
    let named = "name a file of texts after its language, such as `fr.ftl` or `pt-BR.ftl`";
    let name = file.strip_suffix(".ftl").ok_or(named)?;
    let language: LanguageIdentifier = name
        .parse()
        .map_err(|_| format!("`{name}` is no language; {named}"))?;
    // two spellings of one language would replace each other
    if language == name {
        Ok(language)
    } else {
        Err(format!("name the file `{language}.ftl`"))
    }
}

fn unreadable(file: &str, source: &str, errors: &[ParserError]) -> Vec<Fault> {
    let faults = errors.iter().map(|error| {
        let text = format!(
            "this is not Fluent ({error}): write `name = text`, and begin each further line of a text with spaces"
        );
        Fault::of(KEY, text).at(file, Some(line_at(source, error.pos.start)))
    });
    faults.collect()
}

/// The texts of the pages, each with the variables that it gets.
struct Known(BTreeMap<String, BTreeSet<String>>);

impl Known {
    fn new() -> Self {
        let [(_, english), _] = BUILT_IN;
        let english = FluentResource::try_new(english.to_owned());
        let english = english.unwrap_or_else(|(partial, _)| partial);
        let texts = english.entries().filter_map(|entry| match entry {
            Entry::Message(message) => {
                let variables = Used::of(message).variables.into_iter();
                Some((
                    message.id.name.to_owned(),
                    variables.map(str::to_owned).collect(),
                ))
            }
            _ => None,
        });
        Self(texts.collect())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Returns what is wrong with the texts of a file.
fn check(known: &Known, file: &str, resource: &FluentResource) -> Vec<Fault> {
    let entries = || resource.entries();
    let terms: BTreeSet<&str> = entries()
        .filter_map(|entry| match entry {
            Entry::Term(term) => Some(term.id.name),
            _ => None,
        })
        .collect();
    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    for entry in entries() {
        let Entry::Message(message) = entry else {
            continue;
        };
        let name = message.id.name;
        let mut wrong = faults_of(known, &terms, message);
        if !seen.insert(name) {
            wrong.push(format!(
                "the text `{name}` stands there twice; keep one of them"
            ));
        }
        let line = line_of(resource.source(), name);
        faults.extend(
            wrong
                .into_iter()
                .map(|why| Fault::of(KEY, why).at(file, line)),
        );
    }
    faults
}

fn faults_of(known: &Known, terms: &BTreeSet<&str>, message: &Message<&str>) -> Vec<String> {
    let name = message.id.name;
    let Some(variables) = known.0.get(name) else {
        let hint = suggestion(name, known.names());
        return vec![format!("there is no text `{name}`{hint}")];
    };
    let mut faults = Vec::new();
    if message.value.is_none() || !message.attributes.is_empty() {
        faults.push(format!(
            "`{name}` needs a text and no attributes, as in `{name} = text`"
        ));
    }
    let used = Used::of(message);
    for variable in used
        .variables
        .iter()
        .filter(|one| !variables.contains(**one))
    {
        let has: Vec<String> = variables.iter().map(|one| format!("`${one}`")).collect();
        let has = if has.is_empty() {
            "none".to_owned()
        } else {
            has.join(", ")
        };
        faults.push(format!(
            "`{name}` has no variable `${variable}`; its variables: {has}"
        ));
    }
    for other in used
        .messages
        .iter()
        .filter(|one| !known.0.contains_key(**one))
    {
        let hint = suggestion(other, known.names());
        faults.push(format!(
            "`{name}` uses the text `{other}`, which does not exist{hint}"
        ));
    }
    for term in used.terms.iter().filter(|one| !terms.contains(**one)) {
        faults.push(format!(
            "`{name}` uses `-{term}`, which this file does not define"
        ));
    }
    for function in used.functions {
        faults.push(format!(
            "`{name}` calls `{function}`; there are no functions"
        ));
    }
    faults
}

/// What a text refers to.
#[derive(Default)]
struct Used<'a> {
    variables: BTreeSet<&'a str>,
    messages: BTreeSet<&'a str>,
    terms: BTreeSet<&'a str>,
    functions: BTreeSet<&'a str>,
}

impl<'a> Used<'a> {
    fn of(message: &Message<&'a str>) -> Self {
        let mut used = Self::default();
        if let Some(pattern) = &message.value {
            used.pattern(pattern);
        }
        used
    }

    fn pattern(&mut self, pattern: &Pattern<&'a str>) {
        for element in &pattern.elements {
            if let PatternElement::Placeable { expression } = element {
                self.expression(expression);
            }
        }
    }

    fn expression(&mut self, expression: &Expression<&'a str>) {
        match expression {
            Expression::Inline(inline) => self.inline(inline),
            Expression::Select { selector, variants } => {
                self.inline(selector);
                for variant in variants {
                    self.pattern(&variant.value);
                }
            }
        }
    }

    fn inline(&mut self, inline: &InlineExpression<&'a str>) {
        match inline {
            InlineExpression::VariableReference { id } => {
                self.variables.insert(id.name);
            }
            InlineExpression::MessageReference { id, .. } => {
                self.messages.insert(id.name);
            }
            InlineExpression::TermReference { id, arguments, .. } => {
                self.terms.insert(id.name);
                self.arguments(arguments.as_ref());
            }
            InlineExpression::FunctionReference { id, arguments } => {
                self.functions.insert(id.name);
                self.arguments(Some(arguments));
            }
            InlineExpression::Placeable { expression } => self.expression(expression),
            InlineExpression::StringLiteral { .. } | InlineExpression::NumberLiteral { .. } => {}
        }
    }

    fn arguments(&mut self, arguments: Option<&CallArguments<&'a str>>) {
        let Some(arguments) = arguments else {
            return;
        };
        for value in &arguments.positional {
            self.inline(value);
        }
        for argument in &arguments.named {
            self.inline(&argument.value);
        }
    }
}

/// Writes each text of a file once, with every variable that it may use.
fn try_texts(
    known: &Known,
    languages: &Languages,
    language: &LanguageIdentifier,
    (file, source): (&str, &str),
) -> Vec<Fault> {
    let name = language.to_string();
    let place = languages.all().find(|one| languages.name(*one) == name);
    let place = place.unwrap_or_default();
    let faults = known.0.iter().filter_map(|(key, variables)| {
        let line = line_of(source, key)?;
        let why = try_text(languages, place, key, variables)?;
        Some(Fault::of(KEY, why).at(file, Some(line)))
    });
    faults.collect()
}

fn try_text(
    languages: &Languages,
    language: Language,
    key: &str,
    variables: &BTreeSet<String>,
) -> Option<String> {
    let values = variables.iter().map(|name| {
        let text = Argument::Text("x".to_owned());
        let is_number = ["seconds", "most"].contains(&name.as_str());
        (
            name.as_str(),
            if is_number { Argument::Number(2) } else { text },
        )
    });
    let (text, errors) = languages.text(language, key, values)?;
    match errors.first() {
        Some(error) => Some(format!("`{key}` cannot be written: {error}")),
        None if text.trim().is_empty() => Some(format!(
            "`{key}` is empty; remove it, so that the built-in text stands there"
        )),
        None => None,
    }
}

/// Returns the line on which a text begins.
fn line_of(source: &str, name: &str) -> Option<usize> {
    let begins = |line: &str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    source.lines().position(begins).map(|place| place + 1)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read_files(files: &[(&str, &str)]) -> Result<Languages, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let shown = |faults: Vec<Fault>| faults.iter().map(Fault::to_string).collect();
        read(folder.path()).map_err(shown)
    }

    #[test]
    fn the_built_in_files_can_be_given_as_ones_own() {
        let languages =
            read_files(&[("en.ftl", BUILT_IN[0].1), ("fr.ftl", BUILT_IN[1].1)]).unwrap();
        assert_eq!(languages.all().count(), 3);
        assert!(read_files(&[]).is_ok());
    }

    #[test]
    fn a_term_and_another_text_can_be_used() {
        let text = "-brand = Example\nsign-in = To { -brand }: { continue }\n# a comment\n\ncontinue = On { \"{\" }";
        let languages = read_files(&[("fr.ftl", text)]).unwrap();
        let (text, errors) = languages.text(Language::at(2), "sign-in", []).unwrap();
        assert_eq!((text.as_str(), errors.len()), ("To Example: On {", 0));
    }

    #[test]
    fn y374_a_text_that_is_nested_without_end_is_a_fault() {
        let nested = |open: &str, depth: usize| format!("# x\nsign-in = {}", open.repeat(depth));
        for open in ["{", "{\n ", "{ F(", "{ $x -> [a] ", "{ \"{\" {", "F({"] {
            let faults = read_files(&[("fr.ftl", &nested(open, 20_000))])
                .err()
                .unwrap();
            assert_eq!(faults.len(), 1, "{open}: {faults:?}");
            assert!(
                faults[0].contains("more than 100 deep"),
                "{open}: {faults:?}"
            );
        }
        // braces that are text nest nothing
        let quoted = format!("sign-in = {}", "{ \"{\" }(".repeat(60));
        assert!(read_files(&[("fr.ftl", &quoted)]).is_ok());
        let deep = format!("sign-in = {}\"x\"{}", "{ ".repeat(90), " }".repeat(90));
        assert!(read_files(&[("fr.ftl", &deep)]).is_ok());
    }

    /// A file, its text, and a part of what is said about it.
    const FAULTS: &[(&str, &str, &str)] = &[
        (
            "fr.ftl",
            "sign-in = x\npassword x",
            "fr.ftl, line 2: this is not Fluent",
        ),
        (
            "fr.ftl",
            "sign-in = { $",
            "fr.ftl, line 1: this is not Fluent",
        ),
        (
            "fr.ftl",
            "password = x\nsign-inn = x",
            "fr.ftl, line 2: there is no text `sign-inn`; did you mean `sign-in`?",
        ),
        (
            "de.ftl",
            "\n\nsign-in-to = { $klient }",
            "de.ftl, line 3: `sign-in-to` has no variable `$klient`; its variables: `$client`",
        ),
        (
            "de.ftl",
            "sign-in = { $client }",
            "line 1: `sign-in` has no variable `$client`; its variables: none",
        ),
        (
            "de.ftl",
            "too-many = { $seconds ->\n [one] { $minutes }\n *[other] x\n }",
            "line 1: `too-many` has no variable `$minutes`; its variables: `$seconds`",
        ),
        (
            "de.ftl",
            "sign-in = { passwort }",
            "uses the text `passwort`, which does not exist; did you mean `password`?",
        ),
        (
            "de.ftl",
            "sign-in = { -brand }",
            "uses `-brand`, which this file does not define",
        ),
        (
            "de.ftl",
            "sign-in = { NUMBER(1) }",
            "calls `NUMBER`; there are no functions",
        ),
        (
            "de.ftl",
            "sign-in =\n    .title = x",
            "`sign-in` needs a text and no attributes",
        ),
        (
            "de.ftl",
            "sign-in = a\nsign-in = b",
            "`sign-in` stands there twice",
        ),
        ("de.ftl", "sign-in = { \"\" }", "line 1: `sign-in` is empty"),
        (
            "de.ftl",
            "sign-in = { sign-in }",
            "line 1: `sign-in` cannot be written",
        ),
        (
            "de.ftl",
            "sign-in = { sign-in-to }",
            "line 1: `sign-in` cannot be written",
        ),
        (
            "texts.txt",
            "",
            "texts.txt: name a file of texts after its language",
        ),
        ("!.ftl", "", "!.ftl: `!` is no language; name a file"),
        ("pt-br.ftl", "", "pt-br.ftl: name the file `pt-BR.ftl`"),
    ];

    #[test]
    fn a_fault_names_file_line_text_and_way_out() {
        for &(file, text, wanted) in FAULTS {
            let faults = read_files(&[(file, text)]).err().unwrap_or_default();
            let fault = faults.first().map_or("nothing", String::as_str);
            assert!(
                fault.starts_with("`pages.locales`: ") && fault.contains(wanted),
                "{text}: {fault}"
            );
        }
    }

    #[test]
    fn all_faults_of_all_files_are_found_at_once() {
        let files = [("de.ftl", "one = x\ntwo = x"), ("fr.ftl", "three = x")];
        assert_eq!(read_files(&files).err().unwrap().len(), 3);
    }

    #[test]
    fn the_variables_of_texts_are_those_of_the_built_in_english() {
        let known = Known::new();
        // the lines of a choice belong to the text before them
        let is_text = |line: &&str| line.starts_with(|first: char| first.is_ascii_lowercase());
        assert_eq!(known.0.len(), BUILT_IN[0].1.lines().filter(is_text).count());
        assert!(
            known.0["consent-lead"]
                .iter()
                .eq(["client", "host", "name"])
        );
        assert!(known.0["sign-in"].is_empty());
    }
}
