//! What a model means, if it means roles.

use std::sync::Arc;

use super::{
    super::{At, Note, Refusal, quoted},
    conf::Entry,
    matcher::{self, Operand, Term},
};

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

/// What a matcher says of the values of a rule.
struct Meaning {
    fields: Vec<Field>,
    uses_roles: bool,
    uses_resource_roles: bool,
}

/// A member of the rule that is compared with one of the request.
struct Pair<'t> {
    request: &'t str,
    rule: &'t str,
}

impl<'t> Pair<'t> {
    fn of(one: &'t Operand, other: &'t Operand) -> Result<Self, String> {
        match (one, other) {
            (Operand::Request(request), Operand::Rule(rule))
            | (Operand::Rule(rule), Operand::Request(request)) => Ok(Self { request, rule }),
            _ => Err("a comparison is between the request and the rule".to_owned()),
        }
    }
}

/// What a link compares, and in which domain.
struct Link<'t> {
    pair: Pair<'t>,
    domain: Option<&'t Operand>,
}

impl<'t> Link<'t> {
    /// The one link of this name in the matcher, with as many values as it is defined with.
    fn of(terms: &'t [Term], name: &str, defined: Option<bool>) -> Result<Option<Self>, String> {
        let mut links = terms.iter().filter_map(|term| match term {
            Term::Link(link, operands) if link == name => Some(operands.as_slice()),
            _ => None,
        });
        let (Some(operands), None) = (links.next(), links.next()) else {
            let is_twice = terms
                .iter()
                .any(|term| matches!(term, Term::Link(link, _) if link == name));
            return if is_twice {
                Err(format!("`{name}` is asked twice"))
            } else {
                Ok(None)
            };
        };
        let Some(by_domain) = defined else {
            return Err(format!("`{name}` is not defined in `[role_definition]`"));
        };
        let (one, other, domain) = match (operands, by_domain) {
            ([one, other], false) => (one, other, None),
            ([one, other, domain], true) => (one, other, Some(domain)),
            _ => return Err(format!("`{name}` is defined with another number of values")),
        };
        if !matches!((one, other), (Operand::Request(_), Operand::Rule(_))) {
            return Err(format!(
                "`{name}` asks for the request's first: `{name}(r.sub, p.sub)`"
            ));
        }
        let pair = Pair::of(one, other)?;
        Ok(Some(Self { pair, domain }))
    }
}

const SUBJECTS: [&str; 3] = ["sub", "subject", "user"];
const DOMAINS: [&str; 4] = ["dom", "domain", "tenant", "org"];
const OPERATIONS: [&str; 5] = ["act", "action", "method", "op", "operation"];

fn take<'t>(pairs: &mut Vec<Pair<'t>>, fits: impl Fn(&Pair<'t>) -> bool) -> Option<Pair<'t>> {
    let found = pairs.iter().position(fits)?;
    Some(pairs.remove(found))
}

impl Meaning {
    fn of(
        terms: &[Term],
        rule: &[String],
        roles: Option<bool>,
        resource_roles: Option<bool>,
    ) -> Result<Self, String> {
        let mut pairs = Vec::new();
        for term in terms {
            if let Term::Equal(one, other) = term {
                pairs.push(Pair::of(one, other)?);
            }
        }
        let role_link = Link::of(terms, "g", roles)?;
        let resource_link = Link::of(terms, "g2", resource_roles)?;
        let (uses_roles, uses_resource_roles) = (role_link.is_some(), resource_link.is_some());
        let domain = domain(&mut pairs, role_link.as_ref(), resource_link.as_ref())?;
        let subject = match role_link {
            Some(link) => Some(link.pair),
            None => take(&mut pairs, |pair| SUBJECTS.contains(&pair.rule)),
        };
        let subject = subject.ok_or("the matcher does not compare who asks (`sub`)")?;
        let object = resource_link.map(|link| link.pair);
        let operation =
            take(&mut pairs, |pair| OPERATIONS.contains(&pair.rule)).or_else(|| pairs.pop());
        let object = object.or_else(|| pairs.pop());
        let (Some(object), Some(operation)) = (object, operation) else {
            let reason = "a permission is an object and an operation here: the matcher does not compare both";
            return Err(reason.to_owned());
        };
        if let Some(pair) = pairs.first() {
            return Err(format!(
                "a permission is an object and an operation here: {} is compared too",
                quoted(pair.rule)
            ));
        }
        let mut meant = vec![
            (Field::Subject, subject),
            (Field::Object, object),
            (Field::Operation, operation),
        ];
        meant.extend(domain.map(|pair| (Field::Domain, pair)));
        Ok(Self {
            fields: fields(rule, &meant)?,
            uses_roles,
            uses_resource_roles,
        })
    }
}

/// The comparison of domains, which all links that are by domain must name.
fn domain<'t>(
    pairs: &mut Vec<Pair<'t>>,
    roles: Option<&Link<'t>>,
    resource_roles: Option<&Link<'t>>,
) -> Result<Option<Pair<'t>>, String> {
    let named = roles.and_then(|link| link.domain);
    let pair = match named {
        Some(operand) => take(pairs, |pair| names(pair, operand)),
        None => take(pairs, |pair| DOMAINS.contains(&pair.rule)),
    };
    match (&pair, roles) {
        (
            None,
            Some(Link {
                domain: Some(_), ..
            }),
        ) => {
            return Err(
                "roles by domain go with rules by domain here, `r.dom == p.dom`".to_owned(),
            );
        }
        (Some(_), Some(Link { domain: None, .. })) => {
            return Err(
                "rules by domain go with roles by domain here, `g(r.sub, p.sub, r.dom)`".to_owned(),
            );
        }
        _ => {}
    }
    if let Some(operand) = resource_roles.and_then(|link| link.domain)
        && !pair.as_ref().is_some_and(|pair| names(pair, operand))
    {
        return Err(
            "resource roles by domain go with rules by domain here, `r.dom == p.dom`".to_owned(),
        );
    }
    Ok(pair)
}

fn names(pair: &Pair<'_>, operand: &Operand) -> bool {
    match operand {
        Operand::Request(name) => pair.request == name,
        Operand::Rule(name) => pair.rule == name,
    }
}

/// What each value of a rule is, where each member of request and rule is compared once.
fn fields(rule: &[String], meant: &[(Field, Pair<'_>)]) -> Result<Vec<Field>, String> {
    for (place, (_, pair)) in meant.iter().enumerate() {
        let before = meant.get(..place).unwrap_or_default();
        let is_twice = |(_, other): &(Field, Pair<'_>)| {
            other.rule == pair.rule || other.request == pair.request
        };
        if before.iter().any(is_twice) {
            return Err(format!("{} is compared twice", quoted(pair.rule)));
        }
    }
    let mut fields = Vec::new();
    for name in rule {
        let found = meant.iter().find(|(_, pair)| pair.rule == name);
        let field = match found {
            Some((field, _)) => *field,
            None if name == "eft" => Field::Effect,
            None => {
                return Err(format!(
                    "the matcher does not compare {} of `p`",
                    quoted(name)
                ));
            }
        };
        if fields.contains(&field) {
            return Err(format!("{} stands twice in `p`", quoted(name)));
        }
        fields.push(field);
    }
    Ok(fields)
}
