//! What a model means, if it means roles.

use std::sync::Arc;

use super::{
    conf::Entry,
    matcher::{self, Operand, Term},
    meaning::Meaning,
};
use crate::policy::import::{At, Note, Refusal, quoted};

/// What a value of a rule stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Subject,
    Domain,
    Object,
    Operation,
    Effect,
}

/// A model that means what roles mean here.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// The values of a rule, in their order.
    pub(super) fields: Vec<Field>,
    /// Whether roles and resource roles are known, and if so, whether by domain.
    pub(super) roles: Option<Links>,
    pub(super) resource_roles: Option<Links>,
    /// What does not change a decision and has no counterpart.
    pub(super) unmapped: Vec<Note>,
}

/// A role definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Links {
    /// Its third value is a domain.
    pub(super) by_domain: bool,
    /// The matcher asks for it.
    pub(super) is_used: bool,
}

/// Reads a model's members, and collects why it is none of ours.
struct Reader<'e> {
    file: Arc<str>,
    entries: &'e [Entry],
    faults: Vec<Note>,
    unmapped: Vec<Note>,
}

impl Model {
    /// # Errors
    ///
    /// Each member that means something else.
    pub(super) fn of(file: &Arc<str>, entries: &[Entry]) -> Result<Self, Refusal> {
        let mut reader = Reader {
            file: Arc::clone(file),
            entries,
            faults: Vec::new(),
            unmapped: Vec::new(),
        };
        reader.demand_known();
        let request = reader.names("request_definition", "r");
        let rule = reader.names("policy_definition", "p");
        let roles = reader.links("g");
        let resource_roles = reader.links("g2");
        reader.demand_effect();
        let matched = reader.matcher(&request, &rule);
        if !reader.faults.is_empty() {
            return Err(reader.faults);
        }
        let line = reader.line_of("matchers", "m");
        let meaning = matched.and_then(|terms| Meaning::of(&terms, &rule, roles, resource_roles));
        match meaning {
            Ok(meaning) => Ok(Self {
                fields: meaning.fields,
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
            Err(reason) => Err(vec![Note::new(At::line(file, line), reason)]),
        }
    }
}

impl Reader<'_> {
    fn fault(&mut self, line: usize, reason: impl Into<String>) {
        let at = At::line(&self.file, line);
        self.faults.push(Note::new(at, reason));
    }

    fn find(&self, section: &str, key: &str) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.section == section && entry.key == key)
    }

    fn line_of(&self, section: &str, key: &str) -> usize {
        self.find(section, key).map_or(1, |entry| entry.line)
    }

    /// Every member is one that is looked at, and stands there once.
    fn demand_known(&mut self) {
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
                let reason = format!("{name}: constraints are written in a policy document here");
                self.unmapped
                    .push(Note::new(At::line(&self.file, entry.line), reason));
            } else if !is_known {
                self.fault(
                    entry.line,
                    format!("{name}: a model with one kind of rules, roles `g` and resource roles `g2` is taken"),
                );
            } else if before
                .iter()
                .any(|other| other.section == section && other.key == key)
            {
                self.fault(entry.line, format!("{name} stands there twice"));
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

    /// Whether the links of `key` are by domain; `None` if it is not defined.
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
                    format!("`{key} = _, _` and `{key} = _, _, _` are taken, not {value}"),
                );
                None
            }
        }
    }

    fn demand_effect(&mut self) {
        let Some(entry) = self.find("policy_effect", "e") else {
            return self.fault(1, "there is no `e` in `[policy_effect]`");
        };
        let effect: String = entry.value.split_whitespace().collect();
        if effect == "some(where(p.eft==allow))" {
            return;
        }
        let reason = if effect.contains("deny") && !effect.to_ascii_lowercase().contains("priority")
        {
            "rules that deny: nothing is denied here but what nothing allows"
        } else {
            "the order or priority of rules does not count here"
        };
        let line = entry.line;
        self.fault(
            line,
            format!("only `some(where (p.eft == allow))` is taken; {reason}"),
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
