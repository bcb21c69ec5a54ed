use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
};

use rolecall_core::{Acr, Audience, Policy, Revision, SubjectKind, Timestamp};
use serde_json::{Value, json};

use super::{
    checks::Checks,
    held::{Held, derive_permissions, held_globally, values_of},
};
use crate::{Denial, Requirement, Rule, rule::Holder, token::VerifiedClaims};

/// A verified caller: the content of its access token, all of which is signed.
///
/// Handlers get it from [`Require`](crate::Require), [`Authenticated`](crate::Authenticated) and
/// [`Optional`](crate::Optional). Middleware finds it as `Arc<Principal>` in the extensions of a request, and
/// [`Guard::verify`](crate::Guard::verify) returns it. There is no other way to create one.
///
/// ```
/// use rolecall::{Require, testing::TestIssuer};
///
/// rolecall::roles! { mod role { Editor = "editor" } }
/// rolecall::permissions! { mod may { WriteItems = "items:write" } }
///
/// let issuer = TestIssuer::new();
/// let token = issuer.token("alice").role::<role::Editor>().sign();
/// let caller = issuer.guard().verify(&token)?;
/// assert_eq!(caller.username(), "alice");
/// assert!(caller.has::<role::Editor>());
/// assert!(caller.require::<may::WriteItems>().is_err());
/// # Ok::<(), rolecall::Denial>(())
/// ```
#[derive(Clone, Debug)]
pub struct Principal {
    claims: VerifiedClaims,
    permissions: BTreeSet<Box<str>>,
    /// In a token for a tenant, what the subject holds without it.
    global: Option<Held>,
    /// The checks of the guard that verified the token.
    checks: Arc<Checks>,
    /// The question of the token, if it is above the newest revision that the guard knows of.
    question: Arc<AtomicU64>,
}

/// Principals are equal if their tokens have the same content, even if different guards verified them.
impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.claims == other.claims && self.permissions == other.permissions
    }
}

impl Principal {
    /// Creates a principal; `policy` gives the permissions if the token has no `scope`.
    pub(super) fn new(
        mut claims: VerifiedClaims,
        policy: Option<&Policy>,
        checks: &Arc<Checks>,
    ) -> Self {
        claims.roles.sort_unstable();
        claims.roles.dedup();
        let mut global = claims.tenant.is_some().then(|| held_globally(&claims));
        let permissions = match policy {
            Some(policy) if !claims.has_scope && !claims.narrowed => {
                derive_permissions(policy, &claims, &mut global)
            }
            _ => values_of(&claims.scope),
        };
        if let Some(global) = &mut global {
            global.permissions.retain(|one| permissions.contains(one));
        }
        Self {
            claims,
            permissions,
            global,
            checks: Arc::clone(checks),
            question: Arc::default(),
        }
    }

    pub(super) fn checks(&self) -> &Checks {
        &self.checks
    }

    /// Returns the time of the guard that verified the token.
    pub(super) fn now(&self) -> Timestamp {
        self.checks.clock.now()
    }

    pub(super) fn question(&self) -> &AtomicU64 {
        &self.question
    }

    /// Returns the id of the subject, `sub`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// Returns the kind of the subject, a user or a client.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        self.claims.subject_kind
    }

    /// Returns the name of the user, or an empty text for a client. Use it only for display, since a name can pass to
    /// another user.
    ///
    /// A client has no user name: anybody who may register one could give it the name of a user. Show its
    /// [`client_id`](Self::client_id) instead.
    #[must_use]
    pub fn username(&self) -> &str {
        match self.claims.subject_kind {
            SubjectKind::User => &self.claims.username,
            // an older issuer writes the name of the client
            SubjectKind::Client => "",
        }
    }

    /// Returns the id of the client that requested the token, or an empty text if the token has none.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.claims.client_id
    }

    /// Returns the roles, including inherited ones, ordered by name. With a token for a tenant, they include those that
    /// the caller has only there.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.claims.roles.iter().map(String::as_str)
    }

    /// Returns true if the caller has `role`, be it only in the tenant of the token.
    ///
    /// [`has`](Self::has) and [`Require`](crate::Require) do not count what the caller has only in a tenant.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        let found = self
            .claims
            .roles
            .binary_search_by(|known| known.as_str().cmp(role));
        found.is_ok()
    }

    /// Returns the permissions, ordered by name. With a token for a tenant, they include those that the caller has only
    /// there.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        self.permissions.iter().map(|name| &**name)
    }

    /// Returns true if the caller has `permission`, be it only in the tenant of the token. Wildcards have no meaning
    /// here.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    /// Returns true if the caller has `role` whatever the tenant.
    #[must_use]
    pub fn has_global_role(&self, role: &str) -> bool {
        match &self.global {
            Some(global) => global.roles.contains(role),
            None => self.has_role(role),
        }
    }

    /// Returns true if the caller has `permission` whatever the tenant.
    #[must_use]
    pub fn has_global_permission(&self, permission: &str) -> bool {
        match &self.global {
            Some(global) => global.permissions.contains(permission),
            None => self.has_permission(permission),
        }
    }

    /// Returns the tenant for which the token was issued.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.claims.tenant.as_deref()
    }

    /// Returns the id of the session in which the token was issued, `sid`.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.claims.sid.as_deref()
    }

    /// Returns the id of the token, `jti`, or an empty text if it has none.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.claims.jti
    }

    /// Returns true if the token was requested with less than the subject holds.
    #[must_use]
    pub fn narrowed(&self) -> bool {
        self.claims.narrowed
    }

    /// Returns the revision from which the token was issued.
    #[must_use]
    pub fn rev(&self) -> Revision {
        self.claims.rev
    }

    /// Returns the era in which the token was issued, or an empty text if the token has none.
    #[must_use]
    pub fn era(&self) -> &str {
        &self.claims.era
    }

    /// Returns the time at which the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.claims.iat)
    }

    /// Returns the time at which the token expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.claims.exp)
    }

    /// Returns the time at which the user last authenticated, if the token has it.
    #[must_use]
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.claims.auth_time.map(Timestamp::from_seconds)
    }

    /// Returns the assurance of the session in which the token was issued: the lowest for a token that does not state one
    /// of rolecall's, such as that of a client.
    #[must_use]
    pub fn acr(&self) -> Acr {
        self.claims.acr.unwrap_or_default()
    }

    /// Returns the methods by which the user authenticated, as in RFC 8176: `pwd`, `otp`, `mfa`.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.claims.amr.iter().map(String::as_str)
    }

    /// Returns the audience of the token.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.claims.aud
    }

    /// Returns the verified claims of the token.
    pub(super) fn claims(&self) -> &VerifiedClaims {
        &self.claims
    }

    /// Returns true if the caller satisfies `R`, for rules that depend on data, such as "the owner or an admin".
    ///
    /// Roles and permissions that the caller holds only in the tenant of the token do not count;
    /// [`ForTenant::has`](crate::ForTenant::has) and [`InTenant::has`](crate::InTenant::has) count it.
    ///
    /// ```
    /// use rolecall::Principal;
    ///
    /// rolecall::roles! { mod role { Admin = "admin" } }
    ///
    /// fn may_see(caller: &Principal, owner: &str) -> bool {
    ///     caller.subject() == owner || caller.has::<role::Admin>()
    /// }
    /// ```
    #[must_use]
    pub fn has<R: Requirement>(&self) -> bool {
        R::RULE.admits(self)
    }

    /// Returns an error unless the caller satisfies `R`; use it with `?` in a handler.
    ///
    /// # Errors
    ///
    /// [`Denial::Forbidden`], with the scope that the caller needs.
    pub fn require<R: Requirement>(&self) -> Result<(), Denial> {
        if self.has::<R>() {
            Ok(())
        } else {
            Err(self.refusal(&R::RULE))
        }
    }
}

impl Principal {
    /// Creates the denial for a caller who does not satisfy `rule` on a path that names `tenant`, with a receipt if the
    /// guard issues them.
    pub(crate) fn refusal_in(&self, rule: &Rule, tenant: Option<&str>) -> Denial {
        let needs = rule.needs().map(|needs| match &self.global {
            // such a rule asks for what is held whatever the tenant
            Some(_) if !rule.names_tenant() => json!({ "global": needs }),
            _ => needs,
        });
        let step_up = self.step_up(rule, |holder| rule.admits_in(tenant, holder));
        let receipt = self.receipt_for(needs, step_up);
        match step_up {
            Some(step_up) => step_up.denial(receipt),
            None => Denial::Forbidden {
                scope: rule.missing_scope(self),
                receipt,
            },
        }
    }

    /// As [`refusal_in`](Self::refusal_in), on a path that names no tenant.
    pub(crate) fn refusal(&self, rule: &Rule) -> Denial {
        self.refusal_in(rule, None)
    }

    #[cfg(feature = "axum")]
    /// As [`refusal`](Self::refusal), for a rule that counts what the caller holds in the tenant of the token.
    pub(crate) fn refusal_in_tenant(&self, rule: &Rule) -> Denial {
        let step_up = self.step_up(rule, |holder| rule.admits_in_own_tenant(holder));
        let receipt = self.receipt_for(rule.needs(), step_up);
        match step_up {
            Some(step_up) => step_up.denial(receipt),
            None => Denial::Forbidden {
                scope: rule.scope(),
                receipt,
            },
        }
    }

    /// Returns a receipt for the refusal of a caller who lacks `needs`, if the guard issues them.
    ///
    /// For the authorization server, which has rules beyond those of routes.
    #[doc(hidden)]
    #[must_use]
    pub fn receipt(&self, needs: &Value) -> Option<String> {
        self.checks.receipt(&self.claims, needs)
    }
}

impl Holder for Principal {
    fn has_role(&self, role: &str) -> bool {
        Principal::has_role(self, role)
    }

    fn has_permission(&self, permission: &str) -> bool {
        Principal::has_permission(self, permission)
    }

    fn tenant(&self) -> Option<&str> {
        Principal::tenant(self)
    }

    fn has_global_role(&self, role: &str) -> bool {
        Principal::has_global_role(self, role)
    }

    fn has_global_permission(&self, permission: &str) -> bool {
        Principal::has_global_permission(self, permission)
    }

    fn is_fresh(&self, seconds: u64) -> bool {
        let age = self.auth_time().map(|at| self.now().since(at).as_secs());
        age.is_some_and(|age| age <= seconds)
    }
}
