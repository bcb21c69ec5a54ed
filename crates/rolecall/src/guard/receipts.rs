//! Receipts: what an administrator needs to have a refusal explained later.

use serde_json::Value;

use crate::{Principal, Rule};

/// Writes receipts for refusals: the authorization server in the same process, which can read them again.
pub trait Receipts: Send + Sync + 'static {
    /// A note that `principal` was refused what `needs` says, in a form that tells whoever holds it nothing.
    ///
    /// `needs` is a name as in a scope (`role:admin`, `items:read`), or `{"any": [..]}` or `{"all": [..]}` of
    /// such. `None` where no receipt can be written: a refusal must not fail for it.
    fn receipt(&self, principal: &Principal, needs: &Value) -> Option<String>;
}

impl Rule {
    /// What the rule asks for, as [`Receipts`] are told it; `None` where it names neither role nor permission.
    pub(crate) fn needs(&self) -> Option<Value> {
        let of = |rules: &[Self]| rules.iter().filter_map(Self::needs).collect::<Vec<_>>();
        match self {
            Self::Role(_) | Self::Permission(_) => self.scope().map(Value::String),
            Self::AnyOf(rules) => Some(serde_json::json!({ "any": of(rules) })),
            Self::AllOf(rules) => Some(serde_json::json!({ "all": of(rules) })),
            Self::ForTenant(rule) => rule.needs(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_rule_that_names_something_is_refused_without_saying_what() {
        const ADMIN: Rule = Rule::Role("admin");
        const READ: Rule = Rule::Permission("items:read");
        let (any, all) = (
            Rule::AnyOf(&[ADMIN, READ]),
            Rule::AllOf(&[READ, Rule::Public]),
        );
        assert_eq!(ADMIN.needs(), Some(json!("role:admin")));
        assert_eq!(
            any.needs(),
            Some(json!({ "any": ["role:admin", "items:read"] }))
        );
        assert_eq!(all.needs(), Some(json!({ "all": ["items:read"] })));
        assert_eq!(Rule::ForTenant(&READ).needs(), Some(json!("items:read")));
        assert_eq!(Rule::Authenticated.needs(), None);
    }
}
