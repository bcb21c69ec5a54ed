//! The meaning of a matcher: which value of a rule is compared with which value of the request.

use super::matcher::{Operand, Term};
use crate::source::quoted;

/// The meaning of a value of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Subject,
    Domain,
    Object,
    Operation,
    Effect,
}

/// The meaning of the values of a rule, and the role definitions that the matcher uses.
pub(super) struct Meaning {
    pub(super) fields: Vec<Field>,
    /// The operation `*` of a rule stands for every operation.
    pub(super) any_operation: bool,
    pub(super) uses_roles: bool,
    pub(super) uses_resource_roles: bool,
}

/// A member of the rule that is compared with one of the request.
struct Pair<'t> {
    request: &'t str,
    rule: &'t str,
}

impl<'t> Pair<'t> {
    fn new(one: &'t Operand, other: &'t Operand) -> Result<Self, String> {
        match (one, other) {
            (Operand::Request(request), Operand::Rule(rule))
            | (Operand::Rule(rule), Operand::Request(request)) => Ok(Self { request, rule }),
            _ => Err("a comparison must be between the request `r` and the rule `p`".to_owned()),
        }
    }
}

/// The values that a role definition compares, and the domain.
struct Link<'t> {
    pair: Pair<'t>,
    domain: Option<&'t Operand>,
}

impl<'t> Link<'t> {
    /// Finds the only call of a role definition in the matcher, and checks the number of its values.
    fn find(terms: &'t [Term], name: &str, defined: Option<bool>) -> Result<Option<Self>, String> {
        let mut links = terms.iter().filter_map(|term| match term {
            Term::Link(link, operands) if link == name => Some(operands.as_slice()),
            _ => None,
        });
        let (Some(operands), None) = (links.next(), links.next()) else {
            let is_twice = terms
                .iter()
                .any(|term| matches!(term, Term::Link(link, _) if link == name));
            return if is_twice {
                Err(format!("`{name}` is called twice"))
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
            _ => {
                return Err(format!(
                    "`{name}` is called with another number of values than it is defined with"
                ));
            }
        };
        if !matches!((one, other), (Operand::Request(_), Operand::Rule(_))) {
            return Err(format!(
                "the first value of `{name}` must be of the request: `{name}(r.sub, p.sub)`"
            ));
        }
        let pair = Pair::new(one, other)?;
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
    pub(super) fn new(
        terms: &[Term],
        rule: &[String],
        roles: Option<bool>,
        resource_roles: Option<bool>,
    ) -> Result<Self, String> {
        let mut pairs = Vec::new();
        for term in terms {
            if let Term::Equal(one, other) = term {
                pairs.push(Pair::new(one, other)?);
            }
        }
        let role_link = Link::find(terms, "g", roles)?;
        let resource_link = Link::find(terms, "g2", resource_roles)?;
        let (uses_roles, uses_resource_roles) = (role_link.is_some(), resource_link.is_some());
        let domain = domain(&mut pairs, role_link.as_ref(), resource_link.as_ref())?;
        let subject = match role_link {
            Some(link) => Some(link.pair),
            None => take(&mut pairs, |pair| SUBJECTS.contains(&pair.rule)),
        };
        let subject = subject.ok_or("the matcher does not compare the subject (`sub`)")?;
        let object = resource_link.map(|link| link.pair);
        let operation =
            take(&mut pairs, |pair| OPERATIONS.contains(&pair.rule)).or_else(|| pairs.pop());
        let object = object.or_else(|| pairs.pop());
        let (Some(object), Some(operation)) = (object, operation) else {
            let reason = "a permission in rolecall is an object and an operation, and the matcher does not compare both";
            return Err(reason.to_owned());
        };
        if let Some(pair) = pairs.first() {
            return Err(format!(
                "a permission in rolecall is an object and an operation, and the matcher also compares {}",
                quoted(pair.rule)
            ));
        }
        let mut any_operation = false;
        for term in terms {
            let Term::Any(name) = term else { continue };
            if *name != operation.rule {
                return Err(format!(
                    "{} may be `*`, and a role in rolecall has wildcards for operations alone, such as `items:*`",
                    quoted(name)
                ));
            }
            any_operation = true;
        }
        let mut compared = vec![
            (Field::Subject, subject),
            (Field::Object, object),
            (Field::Operation, operation),
        ];
        compared.extend(domain.map(|pair| (Field::Domain, pair)));
        Ok(Self {
            fields: fields(rule, &compared)?,
            any_operation,
            uses_roles,
            uses_resource_roles,
        })
    }
}

/// Takes the comparison of domains, which all role definitions by domain must use.
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
            return Err("roles by domain need rules by domain; add `r.dom == p.dom`".to_owned());
        }
        (Some(_), Some(Link { domain: None, .. })) => {
            return Err(
                "rules by domain need roles by domain; use `g(r.sub, p.sub, r.dom)`".to_owned(),
            );
        }
        _ => {}
    }
    if let Some(operand) = resource_roles.and_then(|link| link.domain)
        && !pair.as_ref().is_some_and(|pair| names(pair, operand))
    {
        return Err(
            "resource roles by domain need rules by domain; add `r.dom == p.dom`".to_owned(),
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

/// Returns the meaning of each value of a rule, and checks that each is compared once.
fn fields(rule: &[String], compared: &[(Field, Pair<'_>)]) -> Result<Vec<Field>, String> {
    for (place, (_, pair)) in compared.iter().enumerate() {
        let before = compared.get(..place).unwrap_or_default();
        let is_twice = |(_, other): &(Field, Pair<'_>)| {
            other.rule == pair.rule || other.request == pair.request
        };
        if before.iter().any(is_twice) {
            return Err(format!("{} is compared twice", quoted(pair.rule)));
        }
    }
    let mut fields = Vec::new();
    for name in rule {
        let found = compared.iter().find(|(_, pair)| pair.rule == name);
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
            return Err(format!("{} appears twice in `p`", quoted(name)));
        }
        fields.push(field);
    }
    Ok(fields)
}
