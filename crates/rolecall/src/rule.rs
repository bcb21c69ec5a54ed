//! Access rules as values.

mod spec;

use std::fmt;

pub use spec::{RuleSpec, RuleSpecError};

/// The access rule of a route: the permission or role that a caller needs.
///
/// The type of a handler's first argument carries it as a constant. The router enforces it, and the access matrix, the
/// `OpenAPI` document and the log show it.
///
/// ```
/// use rolecall::Rule;
///
/// const RULE: Rule = Rule::AllOf(&[Rule::Role("editor"), Rule::Permission("items:write")]);
/// assert_eq!(RULE.to_string(), "all of (role:editor, items:write)");
/// assert_eq!(RULE.scope().as_deref(), Some("role:editor items:write"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Open on purpose: credentials are ignored.
    Public,
    /// Open, but a caller with an access token is identified, and an invalid token is refused.
    Optional,
    /// Needs a valid access token.
    Authenticated,
    /// Needs the role with this name.
    Role(&'static str),
    /// Needs the permission with this name, `object:operation`.
    Permission(&'static str),
    /// Needs at least one of these. An empty list admits no caller.
    AnyOf(&'static [Rule]),
    /// Needs all of these. An empty list admits no caller.
    AllOf(&'static [Rule]),
    /// Needs this rule, and a token for the tenant that the path's `{tenant}` names.
    ForTenant(&'static Rule),
    /// Needs this rule, and a token for any tenant.
    InTenant(&'static Rule),
    /// Needs this rule, and a sign-in of the user that is at most so many seconds old.
    Fresh(&'static Rule, u64),
    /// Needs this rule, or that the handler's rule on data, which has this name, admits the caller.
    OrIf(&'static Rule, &'static str),
}

/// A caller, as far as rules need to know it.
pub(crate) trait Holder {
    /// Returns true if the caller has the role globally or in the tenant of the token.
    fn has_role(&self, role: &str) -> bool;
    /// Returns true if the caller has the permission globally or in the tenant of the token.
    fn has_permission(&self, permission: &str) -> bool;
    fn tenant(&self) -> Option<&str>;
    /// Returns true if the caller has the role whatever the tenant.
    fn has_global_role(&self, role: &str) -> bool;
    /// Returns true if the caller has the permission whatever the tenant.
    fn has_global_permission(&self, permission: &str) -> bool;
    /// Returns true if the user signed in at most so many seconds ago.
    fn is_fresh(&self, seconds: u64) -> bool;
}

/// Where a rule looks for a role or permission.
#[derive(Clone, Copy)]
enum Extent {
    Global,
    /// In the tenant of the token, where global roles count as well.
    Tenant,
}

impl Rule {
    /// Returns true if callers without an access token are admitted.
    #[must_use]
    pub const fn admits_anonymous(&self) -> bool {
        matches!(self, Self::Public | Self::Optional)
    }

    /// Returns true if the rule compares the tenant of the path.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "bounded by the loop; const fn has no iterators"
    )]
    pub const fn needs_tenant(&self) -> bool {
        let (Self::AnyOf(rules) | Self::AllOf(rules)) = self else {
            return match self {
                Self::InTenant(rule) | Self::Fresh(rule, _) | Self::OrIf(rule, _) => {
                    rule.needs_tenant()
                }
                _ => matches!(self, Self::ForTenant(_)),
            };
        };
        let mut index = 0;
        while index < rules.len() {
            if rules[index].needs_tenant() {
                return true;
            }
            index += 1;
        }
        false
    }

    /// Returns true if the rule, or a part of it, looks at what the caller holds in a tenant.
    pub(crate) fn names_tenant(&self) -> bool {
        match self {
            Self::ForTenant(_) | Self::InTenant(_) => true,
            Self::Fresh(rule, _) | Self::OrIf(rule, _) => rule.names_tenant(),
            Self::AnyOf(rules) | Self::AllOf(rules) => rules.iter().any(Self::names_tenant),
            _ => false,
        }
    }

    /// Returns true if a caller with a valid access token is admitted on a path that names no tenant.
    pub(crate) fn admits(&self, holder: &(impl Holder + ?Sized)) -> bool {
        self.admits_in(None, holder)
    }

    /// Returns true if a caller with a valid access token is admitted on a path that names `tenant`.
    pub(crate) fn admits_in(&self, tenant: Option<&str>, holder: &(impl Holder + ?Sized)) -> bool {
        self.evaluate(tenant, holder, Extent::Global)
    }

    /// Returns true if a handler that has already compared the tenant of the token would admit the caller.
    pub(crate) fn admits_in_own_tenant(&self, holder: &(impl Holder + ?Sized)) -> bool {
        self.evaluate(None, holder, Extent::Tenant)
    }

    fn evaluate(
        &self,
        tenant: Option<&str>,
        holder: &(impl Holder + ?Sized),
        extent: Extent,
    ) -> bool {
        match (self, extent) {
            // the handler decides on its data
            (Self::Public | Self::Optional | Self::Authenticated | Self::OrIf(..), _) => true,
            // INVARIANT: what is held in a tenant satisfies only rules that look at the tenant
            (Self::Role(role), Extent::Global) => holder.has_global_role(role),
            (Self::Role(role), Extent::Tenant) => holder.has_role(role),
            (Self::Permission(name), Extent::Global) => holder.has_global_permission(name),
            (Self::Permission(name), Extent::Tenant) => holder.has_permission(name),
            (Self::AnyOf(rules), _) => rules
                .iter()
                .any(|rule| rule.evaluate(tenant, holder, extent)),
            // INVARIANT: an empty list is a mistake and must not admit everyone
            (Self::AllOf(rules), _) => {
                let mut each = rules.iter();
                !rules.is_empty() && each.all(|rule| rule.evaluate(tenant, holder, extent))
            }
            (Self::Fresh(rule, seconds), _) => {
                holder.is_fresh(*seconds) && rule.evaluate(tenant, holder, extent)
            }
            // INVARIANT: a path and a token without tenants do not match
            (Self::ForTenant(rule), _) => {
                tenant.is_some()
                    && holder.tenant() == tenant
                    && rule.evaluate(tenant, holder, Extent::Tenant)
            }
            (Self::InTenant(rule), _) => {
                holder.tenant().is_some_and(|tenant| !tenant.is_empty())
                    && rule.evaluate(tenant, holder, Extent::Tenant)
            }
        }
    }

    /// Returns the roles and permissions that the rule needs, as a scope: all of an `AllOf`, the first of an `AnyOf`.
    ///
    /// A role is written `role:admin`, which cannot be confused with a permission, since no permission has the object
    /// `role`. Tenants are not part of the scope.
    #[must_use]
    pub fn scope(&self) -> Option<String> {
        match self {
            Self::Public | Self::Optional | Self::Authenticated | Self::OrIf(..) => None,
            Self::Role(role) => Some(format!("role:{role}")),
            Self::Permission(permission) => Some((*permission).to_owned()),
            Self::ForTenant(rule) | Self::InTenant(rule) | Self::Fresh(rule, _) => rule.scope(),
            Self::AnyOf(rules) => rules.first().and_then(Self::scope),
            Self::AllOf(rules) => {
                let mut tokens: Vec<String> = Vec::new();
                for token in rules.iter().filter_map(Self::scope) {
                    let new = |token: &&str| !tokens.iter().any(|known| known == token);
                    let new: Vec<String> =
                        token.split(' ').filter(new).map(str::to_owned).collect();
                    tokens.extend(new);
                }
                (!tokens.is_empty()).then(|| tokens.join(" "))
            }
        }
    }

    /// Returns the scope that the refused caller `holder` needs, or `None` if only the tenant of the token is wrong.
    pub(crate) fn missing_scope(&self, holder: &(impl Holder + ?Sized)) -> Option<String> {
        match self {
            Self::ForTenant(rule) | Self::InTenant(rule) if rule.admits_in_own_tenant(holder) => {
                None
            }
            Self::Fresh(rule, _) if rule.admits(holder) => None,
            _ => self.scope(),
        }
    }

    /// Returns the most seconds since the sign-in of the user, if the rule or a part of it limits them.
    pub(crate) fn max_age(&self) -> Option<u64> {
        match self {
            Self::Fresh(rule, seconds) => rule.max_age().into_iter().chain([*seconds]).min(),
            Self::ForTenant(rule) | Self::InTenant(rule) => rule.max_age(),
            Self::AnyOf(rules) | Self::AllOf(rules) => rules.iter().filter_map(Self::max_age).min(),
            _ => None,
        }
    }

    /// Returns the nesting depth of `AnyOf` and `AllOf`: 0 for a role, 1 for `AnyOf` of roles.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "bounded by the loop; const fn has no iterators"
    )]
    pub const fn depth(&self) -> usize {
        let rules = match self {
            Self::AnyOf(rules) | Self::AllOf(rules) => rules,
            Self::ForTenant(rule)
            | Self::InTenant(rule)
            | Self::Fresh(rule, _)
            | Self::OrIf(rule, _) => {
                return rule.depth();
            }
            _ => return 0,
        };
        let mut deepest = 0;
        let mut index = 0;
        while index < rules.len() {
            let depth = rules[index].depth();
            if depth > deepest {
                deepest = depth;
            }
            index += 1;
        }
        deepest + 1
    }

    /// Returns all roles and permissions that the rule mentions, in order, each written as in a scope.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::AnyOf(rules) | Self::AllOf(rules) => {
                let mut names: Vec<String> = Vec::new();
                for name in rules.iter().flat_map(Self::names) {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                names
            }
            Self::ForTenant(rule)
            | Self::InTenant(rule)
            | Self::Fresh(rule, _)
            | Self::OrIf(rule, _) => rule.names(),
            other => other.scope().into_iter().collect(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, rules: &[Rule]| {
            for (index, rule) in rules.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{rule}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::Public => f.write_str("public"),
            Self::Optional => f.write_str("optional"),
            Self::Authenticated => f.write_str("authenticated"),
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Permission(permission) => f.write_str(permission),
            // the same globally or in the token's tenant: one rule to a caller
            Self::AnyOf([rule, Self::InTenant(inner)]) if rule == *inner => write!(f, "{rule}"),
            Self::AnyOf(rules) => {
                f.write_str("any of (")?;
                list(f, rules)
            }
            Self::AllOf(rules) => {
                f.write_str("all of (")?;
                list(f, rules)
            }
            Self::ForTenant(rule) => write!(f, "{rule} in the path's tenant"),
            Self::InTenant(rule) => write!(f, "{rule} in the token's tenant"),
            Self::Fresh(rule, seconds) => write!(f, "{rule}, signed in within {seconds} s"),
            Self::OrIf(rule, data) => write!(f, "{rule}, or if {data}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: Rule = Rule::Role("a");
    const B: Rule = Rule::Permission("b:b");
    const C: Rule = Rule::Role("c");

    /// The names that a token carries; with a tenant, `global ` marks what its subject holds without it.
    struct Set(Vec<&'static str>);

    impl Set {
        fn has(&self, name: &str) -> bool {
            self.0.contains(&name) || self.has_global(name)
        }

        fn has_global(&self, name: &str) -> bool {
            match self.tenant() {
                None => self.0.contains(&name),
                Some(_) => self.0.contains(&format!("global {name}").as_str()),
            }
        }
    }

    impl Holder for Set {
        fn has_role(&self, role: &str) -> bool {
            self.has(&format!("role:{role}"))
        }
        fn has_permission(&self, permission: &str) -> bool {
            self.has(permission)
        }
        fn tenant(&self) -> Option<&str> {
            self.0.iter().find_map(|name| name.strip_prefix("tenant:"))
        }
        fn has_global_role(&self, role: &str) -> bool {
            self.has_global(&format!("role:{role}"))
        }
        fn has_global_permission(&self, permission: &str) -> bool {
            self.has_global(permission)
        }
        fn is_fresh(&self, _: u64) -> bool {
            self.0.contains(&"fresh")
        }
    }

    #[test]
    fn what_is_held_in_a_tenant_satisfies_only_rules_that_look_at_the_tenant() {
        const IN: Rule = Rule::InTenant(&A);
        let here = Set(vec!["role:a", "b:b", "tenant:acme"]);
        let everywhere = Set(vec!["global role:a", "global b:b", "tenant:acme"]);
        for rule in [A, B, Rule::AllOf(&[A, B]), Rule::AnyOf(&[A, B, C])] {
            assert!(!rule.admits(&here) && rule.admits(&everywhere), "{rule}");
            assert!(rule.admits_in_own_tenant(&here), "{rule}");
        }
        assert!(IN.admits(&here) && IN.admits(&everywhere));
        assert!(!IN.admits(&Set(vec!["role:a"])), "without a tenant");
        assert!(!IN.admits(&Set(vec!["role:a", "tenant:"])));
        assert!(!IN.admits(&Set(vec!["role:c", "tenant:acme"])));
        // the role is there and only the tenant is missing, so no scope is
        assert_eq!(IN.missing_scope(&Set(vec!["role:a"])), None);
        assert_eq!(IN.missing_scope(&Set(vec![])).as_deref(), Some("role:a"));
        assert_eq!(A.missing_scope(&here).as_deref(), Some("role:a"));
        assert!(!IN.needs_tenant(), "the path names none");
        assert_eq!(IN.to_string(), "role:a in the token's tenant");
        let either = Rule::AnyOf(&[A, IN]);
        for (held, admitted) in [
            (vec!["role:a"], true),
            (vec!["role:a", "tenant:acme"], true),
            (vec!["role:c", "tenant:acme"], false),
        ] {
            assert_eq!(either.admits(&Set(held)), admitted);
        }
        assert_eq!(either.names(), ["role:a"]);
        assert_eq!(either.to_string(), "role:a");
    }

    #[test]
    fn for_tenant_needs_the_inner_rule_and_a_token_for_the_tenant() {
        const RULE: Rule = Rule::ForTenant(&A);
        let admits = |tenant: Option<&str>, held: &[&'static str]| {
            RULE.admits_in(tenant, &Set(held.to_vec()))
        };
        assert!(admits(Some("acme"), &["role:a", "tenant:acme"]));
        assert!(!admits(Some("other"), &["role:a", "tenant:acme"]));
        assert!(!admits(Some("acme"), &["tenant:acme"]));
        assert!(!admits(Some("acme"), &["role:a"]));
        assert!(
            !admits(None, &["role:a"]),
            "a path and a token without tenants do not match"
        );
        assert!(!admits(None, &["role:a", "tenant:acme"]));
        assert!(!admits(Some("Acme"), &["role:a", "tenant:acme"]));
        assert!(RULE.needs_tenant() && Rule::AnyOf(&[B, RULE]).needs_tenant());
        assert!(!Rule::AnyOf(&[A, B]).needs_tenant());
        assert_eq!(RULE.to_string(), "role:a in the path's tenant");
        assert_eq!((RULE.scope().as_deref(), RULE.depth()), (Some("role:a"), 0));
    }

    #[test]
    fn the_scope_has_all_of_an_all_of_and_the_first_of_an_any_of() {
        let scope = |rule: Rule| rule.scope();
        assert_eq!(scope(Rule::AllOf(&[A, B])).unwrap(), "role:a b:b");
        assert_eq!(scope(Rule::AnyOf(&[A, B])).unwrap(), "role:a");
        assert_eq!(
            scope(Rule::AllOf(&[A, Rule::AnyOf(&[B, C])])).unwrap(),
            "role:a b:b"
        );
        assert_eq!(
            scope(Rule::AnyOf(&[Rule::AllOf(&[C, B]), A])).unwrap(),
            "role:c b:b"
        );
        assert_eq!(
            scope(Rule::AllOf(&[A, Rule::AllOf(&[A, B])])).unwrap(),
            "role:a b:b",
            "without duplicates"
        );
        assert_eq!(scope(Rule::Authenticated), None);
    }

    #[test]
    fn an_empty_list_admits_no_caller() {
        let everything = Set(vec!["role:a", "b:b", "role:c"]);
        assert!(!Rule::AnyOf(&[]).admits(&everything));
        assert!(!Rule::AllOf(&[]).admits(&everything));
    }

    #[test]
    fn roles_and_permissions_are_not_confused() {
        assert!(!Rule::Role("b:b").admits(&Set(vec!["b:b"])));
        assert!(!Rule::Permission("a").admits(&Set(vec!["role:a"])));
    }

    #[test]
    fn depth_counts_nested_lists() {
        assert_eq!(A.depth(), 0);
        assert_eq!(Rule::AnyOf(&[A]).depth(), 1);
        assert_eq!(Rule::AnyOf(&[A, Rule::AllOf(&[A, B])]).depth(), 2);
        assert_eq!(Rule::AnyOf(&[Rule::AllOf(&[A, B]), A]).depth(), 2);
        assert_eq!(Rule::ForTenant(&A).depth(), 0);
        assert_eq!(Rule::ForTenant(&Rule::AnyOf(&[A, B])).depth(), 1);
    }

    fn leaf() -> impl Strategy<Value = Rule> {
        prop_oneof![Just(A), Just(B), Just(C), Just(Rule::Permission("d:d"))]
    }

    fn rules() -> impl Strategy<Value = Rule> {
        leaf().prop_recursive(3, 24, 4, |inner| {
            (any::<bool>(), prop::collection::vec(inner, 0..4)).prop_map(|(all, rules)| {
                let rules: &'static [Rule] = rules.leak();
                if all {
                    Rule::AllOf(rules)
                } else {
                    Rule::AnyOf(rules)
                }
            })
        })
    }

    /// Evaluates a rule by counting, without short-circuits.
    fn model(rule: &Rule, held: &[&str]) -> bool {
        match rule {
            Rule::Role(name) => held.contains(&format!("role:{name}").as_str()),
            Rule::Permission(name) => held.contains(name),
            Rule::AnyOf(rules) => rules.iter().filter(|rule| model(rule, held)).count() >= 1,
            Rule::AllOf(rules) => {
                let satisfied = rules.iter().filter(|rule| model(rule, held)).count();
                satisfied >= 1 && satisfied == rules.len()
            }
            _ => unreachable!(),
        }
    }

    fn has_empty(rule: &Rule) -> bool {
        match rule {
            Rule::AnyOf(rules) | Rule::AllOf(rules) => {
                rules.is_empty() || rules.iter().any(has_empty)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn rules_agree_with_the_model(
            rule in rules(),
            held in prop::sample::subsequence(vec!["role:a", "b:b", "role:c", "d:d"], 0..=4),
        ) {
            prop_assert_eq!(rule.admits(&Set(held.clone())), model(&rule, &held));
        }

        #[test]
        fn holding_more_never_loses_access(
            rule in rules(),
            held in prop::sample::subsequence(vec!["role:a", "b:b", "role:c", "d:d"], 0..=4),
            more in prop::sample::subsequence(vec!["role:a", "b:b", "role:c", "d:d"], 0..=4),
        ) {
            let both: Vec<_> = held.iter().chain(&more).copied().collect();
            prop_assert!(!rule.admits(&Set(held)) || rule.admits(&Set(both)));
        }

        #[test]
        fn a_caller_with_the_scope_of_the_rule_is_admitted(rule in rules()) {
            // a rule with an empty list cannot be satisfied
            let everything = vec!["role:a", "b:b", "role:c", "d:d"];
            prop_assume!(!has_empty(&rule));
            let scope = rule.scope().unwrap();
            let held = everything.into_iter().filter(|name| scope.split(' ').any(|token| token == *name)).collect();
            prop_assert!(rule.admits(&Set(held)));
        }
    }
}
