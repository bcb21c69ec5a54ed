//! The verified caller.

use std::{collections::BTreeSet, sync::Arc};

use rolecall_core::{Audience, Permission, Policy, Revision, RoleName, SubjectKind, Timestamp};
use serde_json::{Map, Value};

use crate::{
    Denial, Requirement, Rule,
    guard::Checks,
    rule::Holder,
    token::{KeyFingerprint, VerifiedClaims},
};

/// A verified caller: what its access token says, and nothing that was not signed.
///
/// It comes out of [`Require`](crate::Require), [`Authenticated`](crate::Authenticated) and
/// [`Optional`](crate::Optional), from [`Guard::verify`](crate::Guard::verify), and middleware finds it as
/// `Arc<Principal>` in the extensions of a request. Nothing else makes one.
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
    /// Of the guard that made it.
    checks: Arc<Checks>,
}

/// Two are equal if their tokens say the same, whichever guard verified them.
impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.claims == other.claims && self.permissions == other.permissions
    }
}

impl Principal {
    pub(crate) fn new(
        mut claims: VerifiedClaims,
        policy: Option<&Policy>,
        checks: &Arc<Checks>,
    ) -> Self {
        claims.roles.sort_unstable();
        claims.roles.dedup();
        let permissions = match policy {
            Some(policy) if !claims.has_scope && !claims.narrowed => derived(policy, &claims),
            _ => claims
                .scope
                .split(' ')
                .filter(|name| !name.is_empty())
                .map(Box::from)
                .collect(),
        };
        Self {
            claims,
            permissions,
            checks: Arc::clone(checks),
        }
    }

    /// The subject's id: `sub`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// Whether the subject is a user or a client.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        self.claims.subject_kind
    }

    /// The user name, or the name of a client; for display, since names can change hands.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.claims.username
    }

    /// The client that asked for the token; empty if the token does not say.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.claims.client_id
    }

    /// The roles, in the order of their names, inherited ones included.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.claims.roles.iter().map(String::as_str)
    }

    pub(crate) fn role_names(&self) -> &[String] {
        &self.claims.roles
    }

    /// Whether the caller has this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        let found = self
            .claims
            .roles
            .binary_search_by(|known| known.as_str().cmp(role));
        found.is_ok()
    }

    /// The permissions, in the order of their names.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        self.permissions.iter().map(|name| &**name)
    }

    /// Whether the caller has this permission; compared whole, wildcards mean nothing here.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    /// The tenant that the token is for.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.claims.tenant.as_deref()
    }

    /// The session that the token belongs to: `sid`.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.claims.sid.as_deref()
    }

    /// The token's own id, `jti`; empty if it has none.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.claims.jti
    }

    /// Whether less was asked for at the log-in than the subject holds.
    #[must_use]
    pub fn narrowed(&self) -> bool {
        self.claims.narrowed
    }

    /// The revision that the token was made from.
    #[must_use]
    pub fn rev(&self) -> Revision {
        self.claims.rev
    }

    /// The era that the token was made in; empty if it does not say.
    #[must_use]
    pub fn era(&self) -> &str {
        &self.claims.era
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.claims.iat)
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.claims.exp)
    }

    /// When the user last proved who they are, if the token says.
    #[must_use]
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.claims.auth_time.map(Timestamp::from_seconds)
    }

    /// Whom the token is for.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.claims.aud
    }

    /// The claims that rolecall gives no meaning to, as the issuer wrote them.
    #[must_use]
    pub fn other_claims(&self) -> &Map<String, Value> {
        &self.claims.other
    }

    /// The key that signed the token.
    pub(crate) fn key(&self) -> KeyFingerprint {
        self.claims.key
    }

    /// Whether the caller satisfies `R`; for rules on data, such as "the owner or an admin".
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

    /// Resolves when the token has ended: expired, revoked, below a floor, of another era, its key gone,
    /// or the guard's state too old to tell. For streams that outlive the check at their beginning.
    ///
    /// It may be dropped and asked again at any time. Losses wake it at once; that a clock was set or a
    /// state became too old, it sees within a second. Needs a tokio runtime with time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rolecall::{Principal, testing::TestIssuer};
    ///
    /// async fn watch_prices(caller: &Principal) {
    ///     loop {
    ///         tokio::select! {
    ///             () = caller.lost() => return,
    ///             () = tokio::time::sleep(Duration::from_secs(1)) => { /* send the next price */ }
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn lost(&self) {
        self.checks.lost(self).await;
    }

    /// The same, to be followed by `?` in a handler.
    ///
    /// # Errors
    ///
    /// [`Denial::Forbidden`], which names what is lacking.
    pub fn require<R: Requirement>(&self) -> Result<(), Denial> {
        if self.has::<R>() {
            Ok(())
        } else {
            Err(self.refusal(&R::RULE))
        }
    }
}

impl Principal {
    /// The denial of what `rule` asks for, with a receipt where the guard writes some.
    pub(crate) fn refusal(&self, rule: &Rule) -> Denial {
        Denial::Forbidden {
            scope: rule.lacking(self),
            receipt: rule.needs().and_then(|needs| self.receipt(&needs)),
        }
    }

    /// A receipt for the refusal of what `needs` says, where the guard writes some. For the authorization
    /// server, whose own rules refuse too.
    #[doc(hidden)]
    #[must_use]
    pub fn receipt(&self, needs: &Value) -> Option<String> {
        self.checks.receipt(self, needs)
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
}

/// What a policy gives to roles; names that are none hold nothing.
fn derived(policy: &Policy, claims: &VerifiedClaims) -> BTreeSet<Box<str>> {
    let roles = claims.roles.iter().filter_map(|role| role.parse().ok());
    let roles: Vec<RoleName> = roles.collect();
    let permissions = policy.permissions_of(&roles);
    // INVARIANT: what is rolecall's own comes from global assignments, and the token does not say which of
    // its roles are global
    let counts = |permission: &&Permission| claims.tenant.is_none() || !permission.is_reserved();
    let permissions = permissions.iter().filter(counts);
    permissions
        .map(|permission| permission.as_str().into())
        .collect()
}
