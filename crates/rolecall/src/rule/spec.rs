//! Access rules that are built while the program runs.

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use rolecall_core::{is_name, is_permission};
use serde::{Deserialize, Serialize};

use super::Rule;

/// The most distinct parts of rules in a process.
const MAX_PARTS: usize = 100_000;
/// The deepest nesting of lists, as in the types of handlers.
const MAX_DEPTH: usize = 2;

/// An access rule that is built while the program runs, for bindings and configuration files.
///
/// As JSON, a rule without content is a string, and every other one an object with one member.
///
/// ```
/// use rolecall::RuleSpec;
///
/// let spec: RuleSpec = serde_json::from_str(r#"{"any": [{"role": "editor"}, {"permission": "items:write"}]}"#)?;
/// assert_eq!(spec.rule()?.to_string(), "any of (role:editor, items:write)");
/// let open: RuleSpec = serde_json::from_str(r#""public""#)?;
/// assert_eq!(open, RuleSpec::Public);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuleSpec {
    /// [`Rule::Public`].
    Public,
    /// [`Rule::Optional`].
    Optional,
    /// [`Rule::Authenticated`].
    Authenticated,
    /// [`Rule::Role`].
    Role(String),
    /// [`Rule::Permission`].
    Permission(String),
    /// [`Rule::AnyOf`].
    Any(Vec<RuleSpec>),
    /// [`Rule::AllOf`].
    All(Vec<RuleSpec>),
    /// [`Rule::ForTenant`].
    ForTenant(Box<RuleSpec>),
    /// [`Rule::InTenant`].
    InTenant(Box<RuleSpec>),
    /// [`Rule::Fresh`].
    Fresh {
        /// The rule.
        rule: Box<RuleSpec>,
        /// The most seconds since the sign-in.
        seconds: u64,
    },
}

/// The reason why a [`RuleSpec`] is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleSpecError {
    /// The name of a role is not valid.
    #[error("`{0}` is not the name of a role: write 1 to 64 of a-z, 0-9, `.`, `_` and `-`")]
    Role(String),
    /// The name of a permission is not valid.
    #[error("`{0}` is not a permission: write `object:operation`, such as `items:read`")]
    Permission(String),
    /// A list has no rules, so that it would admit no caller.
    #[error("`any` and `all` need at least one rule")]
    Empty,
    /// Lists are nested too deeply.
    #[error("`any` and `all` nest at most 2 deep")]
    Depth,
    /// A part of a rule admits callers without a token.
    #[error("`{0}` cannot be a part of another rule, since it admits callers without a token")]
    Open(&'static str),
    /// A limit of the sign-in's age stands inside of a list.
    #[error("`{0}` cannot stand in `any` or `all`: write it around the list")]
    Wrapper(&'static str),
    /// Too many distinct rules were built.
    #[error("too many distinct rules: build each rule once, when the program starts")]
    TooMany,
}

impl RuleSpec {
    /// Returns the rule.
    ///
    /// Rules belong to the program: each distinct one stays in memory until the process ends. Building the same rule
    /// again needs no more memory.
    ///
    /// # Errors
    ///
    /// A [`RuleSpecError`] that says what is wrong.
    pub fn rule(&self) -> Result<Rule, RuleSpecError> {
        self.validate(false)?;
        let rule = self.intern()?;
        if rule.depth() > MAX_DEPTH {
            return Err(RuleSpecError::Depth);
        }
        Ok(rule)
    }

    fn validate(&self, in_list: bool) -> Result<(), RuleSpecError> {
        match self {
            Self::Public | Self::Optional | Self::Authenticated => Ok(()),
            Self::Role(name) if is_name(name) => Ok(()),
            Self::Role(name) => Err(RuleSpecError::Role(name.clone())),
            Self::Permission(name) if is_permission(name) => Ok(()),
            Self::Permission(name) => Err(RuleSpecError::Permission(name.clone())),
            Self::Any(rules) | Self::All(rules) => {
                if rules.is_empty() {
                    return Err(RuleSpecError::Empty);
                }
                rules.iter().try_for_each(|rule| rule.validate_part(true))
            }
            Self::ForTenant(_) if in_list => Err(RuleSpecError::Wrapper("for_tenant")),
            Self::InTenant(_) if in_list => Err(RuleSpecError::Wrapper("in_tenant")),
            Self::Fresh { .. } if in_list => Err(RuleSpecError::Wrapper("fresh")),
            Self::ForTenant(rule) | Self::InTenant(rule) | Self::Fresh { rule, .. } => {
                rule.validate_part(false)
            }
        }
    }

    /// Validates a part of another rule.
    fn validate_part(&self, in_list: bool) -> Result<(), RuleSpecError> {
        match self {
            Self::Public => Err(RuleSpecError::Open("public")),
            Self::Optional => Err(RuleSpecError::Open("optional")),
            part => part.validate(in_list),
        }
    }

    fn intern(&self) -> Result<Rule, RuleSpecError> {
        let list = |rules: &[Self]| -> Result<&'static [Rule], RuleSpecError> {
            let rules: Result<Vec<Rule>, _> = rules.iter().map(Self::intern).collect();
            interned_list(rules?)
        };
        let boxed = |rule: &Self| -> Result<&'static Rule, RuleSpecError> {
            let list = interned_list(vec![rule.intern()?])?;
            list.first().ok_or(RuleSpecError::Empty)
        };
        Ok(match self {
            Self::Public => Rule::Public,
            Self::Optional => Rule::Optional,
            Self::Authenticated => Rule::Authenticated,
            Self::Role(name) => Rule::Role(interned_name(name)?),
            Self::Permission(name) => Rule::Permission(interned_name(name)?),
            Self::Any(rules) => Rule::AnyOf(list(rules)?),
            Self::All(rules) => Rule::AllOf(list(rules)?),
            Self::ForTenant(rule) => Rule::ForTenant(boxed(rule)?),
            Self::InTenant(rule) => Rule::InTenant(boxed(rule)?),
            Self::Fresh { rule, seconds } => Rule::Fresh(boxed(rule)?, *seconds),
        })
    }
}

static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
static LISTS: Mutex<Option<HashSet<&'static [Rule]>>> = Mutex::new(None);

fn interned_name(name: &str) -> Result<&'static str, RuleSpecError> {
    intern(&NAMES, name, || Box::leak(name.into()))
}

fn interned_list(rules: Vec<Rule>) -> Result<&'static [Rule], RuleSpecError> {
    let key = rules.clone();
    intern(&LISTS, key.as_slice(), || Vec::leak(rules))
}

/// Returns the value that is equal to `value` and lives as long as the process.
fn intern<T: ?Sized + Eq + Hash>(
    known: &Mutex<Option<HashSet<&'static T>>>,
    value: &T,
    leak: impl FnOnce() -> &'static T,
) -> Result<&'static T, RuleSpecError> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(found) = known.get(value) {
        return Ok(found);
    }
    if known.len() >= MAX_PARTS {
        return Err(RuleSpecError::TooMany);
    }
    let leaked = leak();
    known.insert(leaked);
    Ok(leaked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(json: serde_json::Value) -> Result<Rule, RuleSpecError> {
        serde_json::from_value::<RuleSpec>(json).unwrap().rule()
    }

    #[test]
    fn rules_from_json_equal_those_of_the_types() {
        const EDITOR: Rule = Rule::Role("editor");
        const WRITE: Rule = Rule::Permission("items:write");
        for (json, expected) in [
            (json!("public"), Rule::Public),
            (json!("optional"), Rule::Optional),
            (json!("authenticated"), Rule::Authenticated),
            (json!({ "role": "editor" }), EDITOR),
            (json!({ "permission": "items:write" }), WRITE),
            (
                json!({ "any": [{ "role": "editor" }, { "permission": "items:write" }] }),
                Rule::AnyOf(&[EDITOR, WRITE]),
            ),
            (
                json!({ "all": [{ "any": [{ "role": "editor" }] }, { "permission": "items:write" }] }),
                Rule::AllOf(&[Rule::AnyOf(&[EDITOR]), WRITE]),
            ),
            (
                json!({ "for_tenant": { "role": "editor" } }),
                Rule::ForTenant(&EDITOR),
            ),
            (
                json!({ "fresh": { "rule": { "in_tenant": "authenticated" }, "seconds": 60 } }),
                Rule::Fresh(&Rule::InTenant(&Rule::Authenticated), 60),
            ),
        ] {
            assert_eq!(rule(json.clone()), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_would_admit_everyone_or_no_one_is_no_rule() {
        let nested = json!({ "any": [{ "all": [{ "any": [{ "role": "a" }] }] }] });
        for (json, error) in [
            (json!({ "any": [] }), RuleSpecError::Empty),
            (json!({ "all": [] }), RuleSpecError::Empty),
            (nested, RuleSpecError::Depth),
            (json!({ "role": "" }), RuleSpecError::Role(String::new())),
            (
                json!({ "role": "two words" }),
                RuleSpecError::Role("two words".to_owned()),
            ),
            (
                json!({ "permission": "items" }),
                RuleSpecError::Permission("items".to_owned()),
            ),
            (json!({ "any": ["public"] }), RuleSpecError::Open("public")),
            (
                json!({ "for_tenant": "optional" }),
                RuleSpecError::Open("optional"),
            ),
            (
                json!({ "all": [{ "fresh": { "rule": "authenticated", "seconds": 1 } }] }),
                RuleSpecError::Wrapper("fresh"),
            ),
            (
                json!({ "any": [{ "in_tenant": { "role": "a" } }] }),
                RuleSpecError::Wrapper("in_tenant"),
            ),
        ] {
            assert_eq!(rule(json.clone()), Err(error), "{json}");
        }
    }

    #[test]
    fn an_equal_rule_is_the_same_memory() {
        let json = json!({ "any": [{ "role": "an-equal-rule" }] });
        let (Ok(Rule::AnyOf(one)), Ok(Rule::AnyOf(other))) = (rule(json.clone()), rule(json))
        else {
            panic!("no rules");
        };
        assert!(std::ptr::eq(one, other));
    }
}
