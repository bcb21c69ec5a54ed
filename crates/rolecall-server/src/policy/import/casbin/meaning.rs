//! What a matcher says: which value of a rule is compared with what.

use super::{
    matcher::{Operand, Term},
    model::Field,
};
use crate::policy::import::quoted;

/// What a matcher says of the values of a rule.
pub(super) struct Meaning {
    pub(super) fields: Vec<Field>,
    pub(super) uses_roles: bool,
    pub(super) uses_resource_roles: bool,
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
    pub(super) fn of(
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
