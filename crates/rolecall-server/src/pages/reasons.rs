//! Refusals by rules that administrators meet, in the language of the page.

use rolecall_core::{ConstraintKind, RoleName};

use super::languages::{Argument, Language, Languages};
use crate::{
    error::{ApiError, FieldError},
    reasons::Reason,
    refusals::{Separation, ViolatingSubject},
};

/// A refusal whose text is made from names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Rule(Reason),
    InUse {
        kind: &'static str,
        name: String,
        by: Reason,
    },
    Separation(Separation),
}

impl Refusal {
    /// Returns the refusal of an error; `None` for one that is none, or that only programs meet.
    pub(super) fn of(error: &ApiError) -> Option<Self> {
        match error {
            ApiError::Invalid(FieldError { reason, .. }) | ApiError::Rule { reason, .. } => {
                reason.as_deref().cloned().map(Self::Rule)
            }
            ApiError::PolicyTooLarge(reason) => Some(Self::Rule((**reason).clone())),
            ApiError::InUse { kind, name, by } => Some(Self::InUse {
                kind,
                name: name.clone(),
                by: (**by).clone(),
            }),
            ApiError::Separation(found) => Some(Self::Separation((**found).clone())),
            _ => None,
        }
    }

    /// Returns the text; `None` if a language has none.
    pub(super) fn text(&self, languages: &Languages, language: Language) -> Option<String> {
        let texts = Texts(languages, language);
        match self {
            Self::Rule(reason) => texts.of_reason(reason),
            Self::InUse { kind, name, by } => {
                let by = texts.of_reason(by)?;
                texts.find(
                    "admin-in-use",
                    &[("kind", *kind), ("name", name), ("by", &by)],
                )
            }
            Self::Separation(found) => texts.of_separation(found),
        }
    }
}

/// The texts of a language.
struct Texts<'a>(&'a Languages, Language);

impl Texts<'_> {
    fn find(&self, key: &str, names: &[(&str, &str)]) -> Option<String> {
        let text = |text: &str| Argument::Text(text.to_owned());
        let names = names.iter().map(|(name, value)| (*name, text(value)));
        self.0.words(self.1, key, names)
    }

    fn of_reason(&self, reason: &Reason) -> Option<String> {
        self.find(reason.key(), &reason.names())
    }

    fn of_separation(&self, found: &Separation) -> Option<String> {
        let breach = &found.breach;
        let key = match breach.kind {
            ConstraintKind::Static => "admin-separation-would",
            ConstraintKind::Dynamic => "admin-separation-has",
        };
        let text = self.find(
            key,
            &[
                ("constraint", breach.constraint.as_str()),
                ("most", &breach.at_most.to_string()),
                ("names", &self.subjects(found)?),
                ("roles", &joined(&breach.roles, ", ")),
            ],
        )?;
        if breach.path.is_empty() {
            return Some(text);
        }
        let path = joined(&breach.path, " -> ");
        Some(format!("{text} ({path})"))
    }

    /// Returns the names of the users and clients that break a constraint.
    fn subjects(&self, found: &Separation) -> Option<String> {
        let name = |one: &ViolatingSubject| match &one.tenant {
            None => Some(format!("`{}`", one.name)),
            Some(tenant) => self.find(
                "admin-separation-in-tenant",
                &[("name", &one.name), ("tenant", tenant.as_str())],
            ),
        };
        let names: Option<Vec<String>> = found.subjects.iter().map(name).collect();
        let names = names?.join(", ");
        if names.is_empty() {
            return self.find("admin-separation-somebody", &[]);
        }
        if found.more {
            return self.find("admin-separation-others", &[("names", &names)]);
        }
        Some(names)
    }
}

fn joined(roles: &[RoleName], between: &str) -> String {
    let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
    names.join(between)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use rolecall_core::Breach;

    use super::*;

    /// The sources whose refusals administrators meet on the pages, with the refusals in each that they do not meet there:
    /// those of programs, of files that are imported, and of what the owner of an account does.
    const SERVICES: [(&str, &[(&str, usize)]); 8] = [
        (
            "accounts",
            &[
                ("import_rules.rs", 1),
                ("reset.rs", 2),
                ("reset_confirmation.rs", 2),
            ],
        ),
        ("authority", &[("rights.rs", 1)]),
        ("clients", &[]),
        ("invitations", &[("delivery.rs", 1), ("service.rs", 1)]),
        ("keys", &[]),
        ("policy", &[("at_start.rs", 1), ("import.rs", 1)]),
        ("resources", &[]),
        ("roles", &[]),
    ];

    fn separations() -> Vec<Separation> {
        let kinds = [ConstraintKind::Static, ConstraintKind::Dynamic];
        let alice = |tenant: Option<&str>| ViolatingSubject {
            id: "u".to_owned(),
            name: "alice".to_owned(),
            tenant: tenant.map(|name| name.parse().unwrap()),
        };
        let roles =
            || -> Vec<RoleName> { vec!["buyer".parse().unwrap(), "payer".parse().unwrap()] };
        let subjects = [
            (Vec::new(), false),
            (vec![alice(None)], false),
            (vec![alice(None), alice(Some("north"))], true),
        ];
        let cases = subjects
            .iter()
            .flat_map(|one| kinds.map(|kind| (one, kind)));
        let made = cases.map(|((subjects, more), kind)| Separation {
            breach: Breach {
                constraint: "purchase".parse().unwrap(),
                kind,
                at_most: 1,
                roles: roles(),
                path: if *more { roles() } else { Vec::new() },
                tenant: None,
            },
            subjects: subjects.clone(),
            more: *more,
        });
        made.collect()
    }

    /// Every kind of refusal that administrators meet.
    fn errors() -> Vec<ApiError> {
        let mut errors = Vec::new();
        for reason in Reason::samples() {
            errors.push(ApiError::in_use("role", &"editor", reason.clone()));
            errors.push(ApiError::PolicyTooLarge(Box::new(reason.clone())));
            let fault = FieldError::because("name", "value_error", reason.clone());
            errors.push(ApiError::Invalid(fault));
            errors.push(ApiError::because(reason, Vec::new()));
        }
        let separations = separations().into_iter().map(Box::new);
        errors.extend(separations.map(ApiError::Separation));
        errors
    }

    #[test]
    fn every_refusal_has_a_text_with_its_names_in_each_language() {
        let languages = Languages::new(Vec::new());
        for error in errors() {
            let refusal = Refusal::of(&error).unwrap();
            let text = |place| refusal.text(&languages, Language::at(place)).unwrap();
            let (english, german) = (text(0), text(1));
            // programs and administrators read the same
            assert_eq!(english, error.to_string());
            assert_ne!(english, german);
            assert!(!german.contains(['{', '}', '$']), "{german}");
            let words = |text: &str, mark: &str| -> Vec<String> {
                let words = text.split([' ', '`', ',', ':', '(', ')', '.', ';']);
                let named = words.filter(|word| word.starts_with(mark));
                named.map(str::to_owned).collect()
            };
            for name in words(&english, "a-") {
                assert!(german.contains(&name), "{name}: {german}");
            }
        }
    }

    #[test]
    fn a_refusal_for_programs_alone_has_no_text() {
        let error = ApiError::rule("same_name", "as programs read it", Vec::new());
        assert_eq!(Refusal::of(&error), None);
        assert_eq!(Refusal::of(&ApiError::Busy), None);
    }

    #[test]
    fn what_the_services_of_the_pages_refuse_has_a_reason() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (folder, known) in SERVICES {
            let mut found = Vec::new();
            for entry in fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|one| one != "rs") {
                    continue;
                }
                let source = fs::read_to_string(&path).unwrap();
                let count = source.matches("ApiError::rule(").count();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                found.extend((count > 0).then_some((name, count)));
            }
            found.sort();
            let known: Vec<_> = known
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect();
            // a refusal that administrators meet is made with `ApiError::because`
            assert_eq!(found, known, "{folder}");
        }
    }
}
