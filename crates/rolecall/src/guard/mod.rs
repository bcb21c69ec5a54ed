//! The guard: from the headers of a request to a verified principal.

mod builder;
mod checks;
mod credential;
mod exchange;
mod live;
mod receipts;
mod status;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use quick_cache::sync::Cache;
use rolecall_core::{Policy, Timestamp};

pub use builder::{GuardBuilder, GuardError};
#[doc(hidden)]
pub use exchange::{Exchange, Exchanged};
pub use live::LiveState;
pub use receipts::Receipts;
pub use status::GuardStatus;

pub(crate) use checks::Checks;

use crate::{
    Denial, Principal, RequireLayer, Requirement, Rule,
    token::{MAX_TOKEN_BYTES, Reason, TokenError, Verifier},
};
use live::Snapshot;

/// How far ahead the issuer's clock may be for `iat` and `nbf`.
const LEEWAY: Duration = Duration::from_secs(30);

/// What a guard does whose state has become too old to be sure that nothing was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStale {
    /// Answers 503 until the state is fresh again.
    #[default]
    Refuse,
    /// Goes on with the old state: **what was taken away since may still be used**. Logged as a warning.
    Accept,
}

/// Verifies access tokens and decides who is let in. Cloning is cheap; clones share keys, state and cache.
///
/// ```
/// use http::HeaderMap;
/// use rolecall::{Denial, Guard, token::Algorithm};
///
/// let guard = Guard::builder()
///     .secret(Algorithm::Hs256, b"at least 32 bytes from a safe place")
///     .issuer("https://login.example")
///     .audience("https://items.example")
///     .build()?;
/// assert_eq!(guard.authenticate(&HeaderMap::new()).unwrap_err(), Denial::NotAuthenticated);
/// assert_eq!(guard.verify("not a token").unwrap_err(), Denial::InvalidToken);
/// # Ok::<(), rolecall::GuardError>(())
/// ```
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    checks: Arc<Checks>,
    policy: Option<Arc<Policy>>,
    verified: Cache<[u8; 32], Arc<Entry>>,
    hits: AtomicU64,
    misses: AtomicU64,
    /// What keeps the state current from afar, for as long as there is a guard.
    #[cfg(feature = "remote")]
    remote: Option<crate::remote::Remote>,
    exchange: Option<Arc<dyn Exchange>>,
}

/// How much the memory of verified tokens is used; counts are since the guard was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheUse {
    /// Tokens that are remembered.
    pub entries: usize,
    /// Tokens that were remembered when they came again.
    pub hits: u64,
    /// Tokens that had to be verified.
    pub misses: u64,
}

/// A token that was verified, under the digest of its whole text.
struct Entry {
    principal: Arc<Principal>,
    /// Before this it was not valid yet: a clock that is set back must find that out again.
    valid_from: Timestamp,
    /// The policy that gave the permissions, where the token itself carries none.
    derived_from: Option<Arc<Policy>>,
}

impl Entry {
    /// Whether the permissions are still those that `policy` gives.
    fn is_of(&self, policy: Option<&Arc<Policy>>) -> bool {
        match (&self.derived_from, policy) {
            (Some(derived_from), Some(policy)) => Arc::ptr_eq(derived_from, policy),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }
}

/// Why the router turned a request away, and who it was if that is known.
pub(crate) struct Refusal {
    pub(crate) denial: Denial,
    pub(crate) principal: Option<Arc<Principal>>,
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self {
            denial,
            principal: None,
        }
    }
}

impl Guard {
    /// Begins a guard; [`issuer`](GuardBuilder::issuer), [`audience`](GuardBuilder::audience) and one source of keys are required.
    pub fn builder() -> GuardBuilder {
        GuardBuilder::default()
    }

    /// Identifies the caller of a request by its `Authorization` header (RFC 6750 section 2.1).
    ///
    /// A token in the query or in the body is not looked at.
    ///
    /// # Errors
    ///
    /// The [`Denial`] to answer with: no token, two credentials, or as for [`verify`](Self::verify).
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Denial> {
        self.verify(credential::bearer(headers)?)
    }

    /// Verifies an access token.
    ///
    /// # Errors
    ///
    /// [`Denial::InvalidToken`] for what never was a token for this guard, [`Denial::EndedToken`] for
    /// what has expired, was revoked or is of another era, and [`Denial::Unavailable`] if the state is
    /// too old to tell.
    pub fn verify(&self, token: &str) -> Result<Arc<Principal>, Denial> {
        // before anything is hashed or stored
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Denial::InvalidToken);
        }
        let checks = &self.0.checks;
        checks
            .check_fresh()
            .inspect_err(|_| self.0.ensure_running())?;
        let now = checks.clock.now();
        let state = checks.source.load();
        let principal = self.0.find_or_verify(token, &state, now)?;
        // INVARIANT: whatever can change after a token was verified is looked at on every request
        if now >= principal.expires_at() || state.has_ended(&principal) {
            return Err(Denial::EndedToken);
        }
        Ok(principal)
    }

    /// How many verified tokens are remembered at the moment.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.0.verified.len()
    }

    /// How much the memory of verified tokens is used.
    #[must_use]
    pub fn cache_use(&self) -> CacheUse {
        CacheUse {
            entries: self.0.verified.len(),
            hits: self.0.hits.load(Ordering::Relaxed),
            misses: self.0.misses.load(Ordering::Relaxed),
        }
    }

    /// How the guard is doing: for a health page or a metric.
    ///
    /// ```
    /// let guard = rolecall::testing::TestIssuer::new().guard();
    /// assert_eq!(guard.status().keys, 1);
    /// ```
    #[must_use]
    pub fn status(&self) -> GuardStatus {
        GuardStatus::of(&self.0)
    }

    /// A layer that guards one route of a plain [`axum::Router`], for those who come step by step.
    ///
    /// ```
    /// use axum::routing::get;
    /// use rolecall::{Guard, Require};
    /// # fn guard() -> Guard { rolecall::testing::TestIssuer::new().guard() }
    ///
    /// rolecall::roles! { mod role { Admin = "admin" } }
    ///
    /// async fn read_items(caller: Require<role::Admin>) -> String {
    ///     caller.username().to_owned()
    /// }
    ///
    /// let guard = guard();
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/old/", get(|| async { "nobody guards this one" }))
    ///     .route("/items/", get(read_items).layer(guard.layer::<role::Admin>()));
    /// ```
    #[must_use]
    pub fn layer<R: Requirement>(&self) -> RequireLayer<R> {
        const {
            assert!(
                !R::RULE.admits_anonymous(),
                "a layer that guards nothing: leave it away"
            );
            assert!(
                !R::RULE.asks_for_tenant(),
                "a layer does not look at the path's tenant: mount `ForTenant<_>` on a `GuardedRouter`"
            );
        }
        RequireLayer::new(self.clone())
    }

    /// What the router does with a request: `None` where nobody needs to be known. `tenant` is the one that the
    /// path names.
    pub(crate) fn admit(
        &self,
        rule: &Rule,
        tenant: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        if matches!(rule, Rule::Public) {
            return Ok(None);
        }
        let principal = match self.authenticate(headers) {
            Err(Denial::NotAuthenticated) if rule.admits_anonymous() => return Ok(None),
            other => other?,
        };
        exchange::admitted(rule, tenant, principal)
    }

    /// Whether both are clones of one guard.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("verifier", &self.0.verifier)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// A guard that was made outside of a runtime, or whose runtime has ended, begins at a request.
    fn ensure_running(&self) {
        #[cfg(feature = "remote")]
        if let Some(remote) = &self.remote {
            remote.ensure_running();
        }
    }

    /// What is answered to a token whose key is not among those known.
    fn unknown_key(&self) -> Denial {
        #[cfg(feature = "remote")]
        if let Some(remote) = &self.remote {
            remote.ensure_running();
            if remote.ask_for_keys() {
                return Denial::Unavailable;
            }
        }
        invalid(Reason::UnknownKey)
    }

    fn find_or_verify(
        &self,
        token: &str,
        state: &Snapshot,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Denial> {
        let key = sha256(token);
        let policy = state.policy().or(self.policy.as_ref());
        if let Some(entry) = self.verified.get(&key) {
            if state.keys().contains(entry.principal.key())
                && now >= entry.valid_from
                && entry.is_of(policy)
            {
                if now >= entry.principal.expires_at() {
                    self.verified.remove(&key);
                }
                self.hits.fetch_add(1, Ordering::Relaxed);
                return Ok(Arc::clone(&entry.principal));
            }
            self.verified.remove(&key);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        if state.keys().is_empty() {
            self.ensure_running();
            return Err(Denial::Unavailable);
        }
        let claims = match self.verifier.verify(state.keys(), token, now) {
            Ok(claims) => claims,
            Err(TokenError::Ended) => return Err(Denial::EndedToken),
            Err(TokenError::Invalid(Reason::UnknownKey)) => return Err(self.unknown_key()),
            Err(TokenError::Invalid(reason)) => return Err(invalid(reason)),
        };
        let valid_from =
            Timestamp::from_seconds(claims.iat.max(claims.nbf.unwrap_or(claims.iat))).minus(LEEWAY);
        let derived_from = policy.filter(|_| !claims.has_scope).cloned();
        let principal = Principal::new(claims, derived_from.as_deref(), &self.checks);
        let principal = Arc::new(principal);
        let entry = Entry {
            principal: Arc::clone(&principal),
            valid_from,
            derived_from,
        };
        self.verified.insert(key, Arc::new(entry));
        Ok(principal)
    }
}

fn invalid(reason: Reason) -> Denial {
    tracing::debug!(%reason, "an access token is not valid");
    Denial::InvalidToken
}

/// Of the whole token, signature included: two tokens that differ anywhere share nothing.
fn sha256(token: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}
