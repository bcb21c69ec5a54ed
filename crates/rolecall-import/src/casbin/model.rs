//! A model whose roles mean the same as those of rolecall.

use std::sync::Arc;

use super::{
    conf::Entry,
    matcher::{self, Operand, Term},
    meaning::{Field, Meaning},
};
use crate::{
    note::{ImportError, Note},
    source::{Location, quoted},
};

/// A model whose roles mean the same as those of rolecall.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// The meaning of the values of a rule, in their order.
    pub(super) fields: Vec<Field>,
    /// The operation `*` of a rule stands for every operation.
    pub(super) any_operation: bool,
    /// The definition of `g`.
    pub(super) roles: Option<Links>,
    /// The definition of `g2`.
    pub(super) resource_roles: Option<Links>,
    /// Members that change no decision and have no counterpart.
    pub(super) unmapped: Vec<Note>,
}

/// A role definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Links {
    /// It has a domain as its third value.
    pub(super) by_domain: bool,
    /// The matcher uses it.
    pub(super) is_used: bool,
}

/// Reads the members of a model, and collects the reasons to reject it.
struct Reader<'e> {
    file: Arc<str>,
    entries: &'e [Entry],
    faults: Vec<Note>,
    unmapped: Vec<Note>,
}

impl Model {
    /// Reads a model.
    ///
    /// # Errors
    ///
    /// Each member with a meaning that is not supported.
    pub(super) fn new(file: &Arc<str>, entries: &[Entry]) -> Result<Self, ImportError> {
        let mut reader = Reader {
            file: Arc::clone(file),
            entries,
            faults: Vec::new(),
            unmapped: Vec::new(),
        };
        reader.check_members();
        let request = reader.names("request_definition", "r");
        let rule = reader.names("policy_definition", "p");
        let roles = reader.links("g");
        let resource_roles = reader.links("g2");
        reader.check_effect();
        let matched = reader.matcher(&request, &rule);
        if !reader.faults.is_empty() {
            return Err(reader.faults.into());
        }
        let line = reader.line_of("matchers", "m");
        let meaning = matched.and_then(|terms| Meaning::new(&terms, &rule, roles, resource_roles));
        match meaning {
            Ok(meaning) => Ok(Self {
                fields: meaning.fields,
                any_operation: meaning.any_operation,
                roles: roles.map(|by_domain| Links {
                    by_domain,
                    is_used: meaning.uses_roles,
                }),
                resource_roles: resource_roles.map(|by_domain| Links {
                    by_domain,
                    is_used: meaning.uses_resource_roles,
                }),
                unmapped: reader.unmapped,
            }),
            Err(reason) => Err(ImportError::new(Location::line(file, line), reason)),
        }
    }
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, reason: impl Into<String>) {
        let at = Location::line(&self.file, line);
        self.faults.push(Note::new(at, reason));
    }

    fn find(&self, section: &str, key: &str) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.section == section && entry.key == key)
    }

    fn line_of(&self, section: &str, key: &str) -> usize {
        self.find(section, key).map_or(1, |entry| entry.line)
    }

    /// Checks that every member is supported and appears once.
    fn check_members(&mut self) {
        for (place, entry) in self.entries.iter().enumerate() {
            let (section, key) = (entry.section.as_str(), entry.key.as_str());
            let is_known = matches!(
                (section, key),
                ("request_definition", "r")
                    | ("policy_definition", "p")
                    | ("role_definition", "g" | "g2")
                    | ("policy_effect", "e")
                    | ("matchers", "m")
            );
            let name = format!("{} in {}", quoted(key), quoted(section));
            let before = self.entries.get(..place).unwrap_or_default();
            if section == "constraint_definition" {
                let reason = format!("{name}: write constraints in the policy document instead");
                self.unmapped
                    .push(Note::new(Location::line(&self.file, entry.line), reason));
            } else if !is_known {
                self.fault(
                    entry.line,
                    format!("{name} is not supported: a model may have one kind of rules, roles `g` and resource roles `g2`"),
                );
            } else if before
                .iter()
                .any(|other| other.section == section && other.key == key)
            {
                self.fault(entry.line, format!("{name} appears twice"));
            }
        }
    }

    fn names(&mut self, section: &'static str, key: &'static str) -> Vec<String> {
        let Some(entry) = self.find(section, key) else {
            self.fault(1, format!("there is no `{key}` in `[{section}]`"));
            return Vec::new();
        };
        let names = entry.value.split(',').map(|name| name.trim().to_owned());
        names.collect()
    }

    /// Returns whether a role definition has domains; `None` if it is missing.
    fn links(&mut self, key: &'static str) -> Option<bool> {
        let entry = self.find("role_definition", key)?;
        let form: String = entry.value.split_whitespace().collect();
        match form.as_str() {
            "_,_" => Some(false),
            "_,_,_" => Some(true),
            _ => {
                let (line, value) = (entry.line, quoted(&entry.value));
                self.fault(
                    line,
                    format!("`{key} = _, _` and `{key} = _, _, _` are supported, not {value}"),
                );
                None
            }
        }
    }

    fn check_effect(&mut self) {
        let Some(entry) = self.find("policy_effect", "e") else {
            return self.fault(1, "there is no `e` in `[policy_effect]`");
        };
        let effect: String = entry.value.split_whitespace().collect();
        if effect == "some(where(p.eft==allow))" {
            return;
        }
        let reason = if effect.contains("deny") && !effect.to_ascii_lowercase().contains("priority")
        {
            "there are no rules that deny, since everything that no rule allows is denied"
        } else {
            "rules have no order or priority"
        };
        let line = entry.line;
        self.fault(
            line,
            format!("only `some(where (p.eft == allow))` is supported: {reason}"),
        );
    }

    fn matcher(&mut self, request: &[String], rule: &[String]) -> Result<Vec<Term>, String> {
        let Some(entry) = self.find("matchers", "m") else {
            self.fault(1, "there is no `m` in `[matchers]`");
            return Ok(Vec::new());
        };
        let terms = matcher::terms(&entry.value)?;
        let operands = terms.iter().flat_map(|term| match term {
            Term::Equal(left, right) => vec![left, right],
            Term::Link(_, operands) => operands.iter().collect(),
            // the comparison beside it names the same member
            Term::Any(_) => Vec::new(),
        });
        for operand in operands {
            let (name, names, of) = match operand {
                Operand::Request(name) => (name, request, "r"),
                Operand::Rule(name) => (name, rule, "p"),
            };
            if !names.contains(name) {
                return Err(format!("`{of}` has no member {}", quoted(name)));
            }
        }
        Ok(terms)
    }
}
