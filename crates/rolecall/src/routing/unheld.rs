//! Roles and permissions that routes require and that nobody can hold.

use std::{collections::BTreeSet, sync::Arc};

use rolecall_core::{Effective, Policy};

use super::GuardedRouter;
use crate::Guard;

impl<S: Clone + Send + Sync + 'static> GuardedRouter<S> {
    /// Returns the roles and permissions that routes require and that nobody can hold, in order, each written as in a
    /// scope: the role does not exist or does not work by its name, or no role gives the permission.
    ///
    /// Only a guard that knows the policy can tell, such as that of an embedded server; the routes of another one count
    /// as held.
    ///
    /// ```
    /// use rolecall::{Guard, GuardedRouter, PolicyBuilder, Require, routing::get, token::Algorithm};
    ///
    /// rolecall::roles! { mod role { Admin = "admin", Editor = "editor" } }
    /// async fn read_items(_: Require<role::Admin>) {}
    /// async fn write_items(_: Require<role::Editor>) {}
    ///
    /// let mut policy = PolicyBuilder::default();
    /// policy.role("admin".parse()?);
    /// let guard = Guard::builder()
    ///     .secret(Algorithm::Hs256, b"at least 32 bytes from a safe place")
    ///     .issuer("https://login.example")
    ///     .audience("https://items.example")
    ///     .policy(policy.build()?)
    ///     .build()?;
    /// let app: GuardedRouter = GuardedRouter::new(guard)
    ///     .route("/items/", get(read_items).post(write_items));
    /// assert_eq!(app.unheld_names(), ["role:editor"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unheld_names(&self) -> Vec<String> {
        let mut holders = Holders::default();
        let mut unheld = BTreeSet::new();
        for (guard, rule) in self.guarded_rules() {
            unheld.extend(holders.unheld(guard, rule.names().into_iter()));
        }
        unheld.into_iter().collect()
    }
}

/// What all roles of a policy give together. The routes of an application usually share one policy, so the last one is
/// kept.
#[derive(Default)]
struct Holders {
    last: Option<(Arc<Policy>, Effective)>,
}

impl Holders {
    /// Returns those of `names`, each written as in a scope, that nobody can hold by the policy of `guard`; none if the
    /// guard knows no policy.
    fn unheld(&mut self, guard: &Guard, names: impl Iterator<Item = String>) -> Vec<String> {
        let Some(policy) = guard.policy() else {
            return Vec::new();
        };
        let last = self.last.take();
        let given = match last.filter(|(last, _)| Arc::ptr_eq(last, &policy)) {
            Some((_, given)) => given,
            None => policy.effective(policy.roles().map(|(role, _)| role)),
        };
        let is_unheld = |name: &String| match name.strip_prefix("role:") {
            Some(role) => policy.role(role).is_none_or(|rules| !rules.by_name),
            None => !given.allows(name),
        };
        let unheld = names.filter(is_unheld).collect();
        self.last = Some((policy, given));
        unheld
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::PolicyBuilder;

    use super::*;
    use crate::{GuardBuilder, token::Algorithm};

    fn builder() -> GuardBuilder {
        let secret = b"at least 32 bytes, for this test";
        let builder = Guard::builder().secret(Algorithm::Hs256, secret);
        builder.issuer("https://login.example").audience("items")
    }

    fn guard(policy: &Policy) -> Guard {
        builder().policy(policy.clone()).build().unwrap()
    }

    fn unheld(guard: &Guard, names: &[&str]) -> Vec<String> {
        let names = names.iter().map(|name| (*name).to_owned());
        Holders::default().unheld(guard, names)
    }

    #[test]
    fn names_that_nobody_can_hold_by_table() {
        let mut rules = PolicyBuilder::default();
        rules
            .role("reader".parse().unwrap())
            .by_name("quiet".parse().unwrap(), false)
            .permission("items:write".parse().unwrap())
            .permission("items:read".parse().unwrap())
            .permission("files:read".parse().unwrap())
            .grant("reader".parse().unwrap(), "items:read".parse().unwrap())
            .grant("quiet".parse().unwrap(), "files:*".parse().unwrap());
        let guard = guard(&rules.build().unwrap());
        for (name, is_unheld) in [
            ("role:reader", false),
            ("role:editor", true),
            // its holders have no token with its name
            ("role:quiet", true),
            ("items:read", false),
            ("items:write", true),
            ("items:delete", true),
            ("files:read", false),
        ] {
            assert_eq!(unheld(&guard, &[name]).len() == 1, is_unheld, "{name}");
        }
    }

    #[test]
    fn a_guard_without_a_policy_reports_nothing() {
        let guard = builder().build().unwrap();
        assert!(unheld(&guard, &["role:editor"]).is_empty());
    }

    #[test]
    fn each_policy_is_asked_for_its_own_routes() {
        let with = |role: &str| {
            let mut rules = PolicyBuilder::default();
            rules.role(role.parse().unwrap());
            guard(&rules.build().unwrap())
        };
        let (one, other) = (with("one"), with("other"));
        let mut holders = Holders::default();
        let mut ask = |guard| holders.unheld(guard, std::iter::once("role:one".to_owned()));
        assert!(ask(&one).is_empty());
        assert_eq!(ask(&other), ["role:one"]);
        assert!(ask(&one).is_empty());
    }
}
