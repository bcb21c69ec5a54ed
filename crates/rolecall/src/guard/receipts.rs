//! Receipts, with which an administrator can get an explanation of a refusal later.

use serde_json::Value;

use crate::{Rule, token::VerifiedClaims};

/// Writes receipts for refusals.
///
/// The authorization server in the same process implements it, because it can read them again.
pub trait Receipts: Send + Sync + 'static {
    /// Returns a receipt that states that the caller with `claims` was refused for lack of `needs`.
    ///
    /// Only the implementation can read the receipt. `needs` is a name as in a scope (`role:admin`, `items:read`), or
    /// `{"any": [..]}` or `{"all": [..]}` of such; `{"global": ..}` around it if only global assignments count, and
    /// `{"fresh": ..}` around all of it if the caller lacks nothing but a newer sign-in. Returns `None` if no receipt can be
    /// written, which does not change the refusal.
    fn receipt(&self, claims: &VerifiedClaims, needs: &Value) -> Option<String>;
}

impl Rule {
    /// Returns the roles and permissions that the rule needs in the form that [`Receipts`] take, or `None` if it names
    /// none.
    pub(crate) fn needs(&self) -> Option<Value> {
        let of = |rules: &[Self]| rules.iter().filter_map(Self::needs).collect::<Vec<_>>();
        match self {
            Self::Role(_) | Self::Permission(_) => self.scope().map(Value::String),
            Self::AnyOf([rule, Self::InTenant(inner)]) if rule == *inner => rule.needs(),
            Self::AnyOf(rules) => Some(serde_json::json!({ "any": of(rules) })),
            Self::AllOf(rules) => Some(serde_json::json!({ "all": of(rules) })),
            Self::ForTenant(rule) | Self::InTenant(rule) | Self::Fresh(rule, _) => rule.needs(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_needs_of_a_rule_have_its_structure() {
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
