use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, Method};
use quick_cache::sync::Cache;
use rolecall_core::{Policy, Timestamp};

use super::{checks::Checks, credential, principal::Principal};
use crate::{
    Denial, SessionCookie,
    live::{Snapshot, Standing},
    token::{LEEWAY, MAX_TOKEN_BYTES, Reason, TokenError, Verifier},
};

/// Verifies access tokens and applies access rules. Cloning is cheap; clones share keys, state and cache.
///
/// ```
/// use http::{HeaderMap, Method};
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
pub struct Guard {
    pub(super) inner: Arc<Inner>,
    /// The cookie in which the routes of this guard accept a token too.
    pub(super) cookie: Option<Arc<SessionCookie>>,
    /// The routes of this guard accept tickets too.
    #[cfg(feature = "axum")]
    pub(super) accepts_tickets: bool,
}

pub(super) struct Inner {
    pub(super) verifier: Verifier,
    pub(super) checks: Arc<Checks>,
    /// Verified tokens, by the digest of their whole text.
    pub(super) verified: Cache<[u8; 32], Arc<Entry>>,
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    /// The task that follows the issuer; it ends when the guard is dropped.
    #[cfg(feature = "remote")]
    pub(super) remote: Option<crate::remote::Remote>,
    #[cfg(feature = "axum")]
    pub(super) exchange: Option<Arc<dyn super::exchange::Exchange>>,
    #[cfg(feature = "axum")]
    pub(super) tickets: Option<Arc<dyn super::exchange::Tickets>>,
}

/// The use of the cache of verified tokens, since the guard was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheUse {
    /// The number of tokens in the cache.
    pub entries: usize,
    /// The number of look-ups that found the token.
    pub hits: u64,
    /// The number of look-ups after which the token had to be verified.
    pub misses: u64,
}

/// A verified token in the cache.
pub(super) struct Entry {
    principal: Arc<Principal>,
    /// The time from which the token is valid, so that it is verified again if the clock is set back.
    valid_from: Timestamp,
    /// The policy from which the permissions were derived, if the token has no `scope`.
    derived_from: Option<Arc<Policy>>,
}

impl Entry {
    /// Returns true if the permissions do not depend on a policy, or were derived from `policy`.
    fn has_permissions_of(&self, policy: Option<&Arc<Policy>>) -> bool {
        match (&self.derived_from, policy) {
            (Some(derived_from), Some(policy)) => Arc::ptr_eq(derived_from, policy),
            (Some(_), None) => false,
            (None, _) => true,
        }
    }
}

impl Guard {
    /// Returns the policy that the guard knows: that of its live state, or a fixed one.
    #[cfg(any(feature = "axum", feature = "testing"))]
    pub(crate) fn policy(&self) -> Option<Arc<Policy>> {
        self.inner.checks.policy()
    }

    /// Identifies the caller of a request by its `Authorization` header (RFC 6750 section 2.1).
    ///
    /// A token in the query, the body or a cookie is ignored;
    /// [`authenticate_request`](Self::authenticate_request) reads the cookie of [`with_cookie`](Self::with_cookie).
    ///
    /// # Errors
    ///
    /// [`Denial::NotAuthenticated`] without a token, [`Denial::TwoCredentials`] if there are two headers, and the
    /// errors of [`verify`](Self::verify).
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Denial> {
        self.verify(credential::bearer(headers)?)
    }

    /// Identifies the caller of a request as the routes of this guard do: by its `Authorization` header, and without a
    /// Bearer token there by the cookie of [`with_cookie`](Self::with_cookie).
    ///
    /// # Errors
    ///
    /// Those of [`authenticate`](Self::authenticate), and [`Denial::CrossSite`] for a request with the cookie and without
    /// the proof that its method needs.
    pub fn authenticate_request(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Arc<Principal>, Denial> {
        self.verify(self.credential(method, headers)?)
    }

    /// Returns the access token of the `Authorization` header (RFC 6750 section 2.1), unverified, for handlers that pass it
    /// on.
    ///
    /// # Errors
    ///
    /// [`Denial::NotAuthenticated`] without a token, [`Denial::InvalidToken`] if it has not the form of one, and
    /// [`Denial::TwoCredentials`] if there are two headers.
    pub fn bearer_token(headers: &HeaderMap) -> Result<&str, Denial> {
        credential::bearer(headers)
    }

    /// Verifies an access token.
    ///
    /// A token may have a higher revision than the guard knows of, because another node issued it a moment ago. It is
    /// accepted, and the guard asks for the newest revision; if that is still lower, it refuses the token from then on.
    /// Routers and layers wait for the answer before the handler runs, and for news after the process stood still. This
    /// function cannot wait: outside of them, use [`verify_current`](Self::verify_current).
    ///
    /// # Errors
    ///
    /// [`Denial::InvalidToken`] for a text that was never a token for this guard, [`Denial::EndedToken`] for a token
    /// that has expired, was revoked or is of another era, and [`Denial::Unavailable`] if no keys are loaded or the
    /// state is stale.
    pub fn verify(&self, token: &str) -> Result<Arc<Principal>, Denial> {
        // checked first, so that nothing long is hashed or cached
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Denial::InvalidToken);
        }
        let checks = &self.inner.checks;
        checks
            .check_fresh()
            .inspect_err(|_| self.inner.ensure_running())?;
        let now = checks.clock.now();
        let snapshot = checks.source.load();
        let principal = self.inner.find_or_verify(token, &snapshot, now)?;
        // INVARIANT: everything that can change after a token was verified is checked on every request
        let claims = principal.claims();
        if now >= principal.expires_at()
            || snapshot.has_ended(claims)
            || checks.standing(claims, principal.question()) == Standing::Beyond
        {
            return Err(Denial::EndedToken);
        }
        Ok(principal)
    }

    /// Verifies an access token as routers and layers do, for code outside of them: a message broker, gRPC, a job.
    ///
    /// It waits, at most a second, where [`verify`](Self::verify) cannot know: until the guard has asked for the newest
    /// revision, if the token is above the one it knows, and until it has heard news, if its state is older than it
    /// becomes while all is well. A process that was stopped (`SIGSTOP`), or a machine that was suspended, does not know
    /// what was revoked meanwhile, and `verify` would accept the token for a moment.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let issuer = rolecall::testing::TestIssuer::new();
    /// let guard = issuer.guard();
    /// let principal = guard.verify_current(&issuer.token("alice").sign()).await.unwrap();
    /// assert_eq!(principal.username(), "alice");
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn verify_current(&self, token: &str) -> Result<Arc<Principal>, Denial> {
        let principal = self.verify(token)?;
        match self.answer(&principal) {
            None => Ok(principal),
            Some(answer) => {
                answer.await;
                self.verify(token)
            }
        }
    }

    /// Waits, at most a second, until the guard knows if the token of a principal is above the newest revision; `None`
    /// if it knows. Verify the token again afterwards.
    pub(crate) fn answer(
        &self,
        principal: &Principal,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let checks = &self.inner.checks;
        checks.answer(principal.claims(), principal.question())
    }

    /// Returns the number of verified tokens in the cache.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.inner.verified.len()
    }

    /// Returns how the cache of verified tokens is used.
    #[must_use]
    pub fn cache_use(&self) -> CacheUse {
        CacheUse {
            entries: self.inner.verified.len(),
            hits: self.inner.hits.load(Ordering::Relaxed),
            misses: self.inner.misses.load(Ordering::Relaxed),
        }
    }

    /// Returns true if both are clones of the same guard and accept the same credentials.
    #[cfg(feature = "axum")]
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
            && self.cookie == other.cookie
            && self.accepts_tickets == other.accepts_tickets
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("verifier", &self.inner.verifier)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Starts the task that follows the issuer, unless it is running.
    ///
    /// A guard that was built outside of a runtime, or whose runtime has ended, starts it with a request.
    pub(super) fn ensure_running(&self) {
        #[cfg(feature = "remote")]
        if let Some(remote) = &self.remote {
            remote.ensure_running();
        }
    }

    /// Returns the denial for a token with an unknown key: try again if the keys are being loaded, otherwise invalid.
    fn deny_unknown_key(&self) -> Denial {
        #[cfg(feature = "remote")]
        if let Some(remote) = &self.remote {
            remote.ensure_running();
            if remote.request_keys() {
                return Denial::Unavailable;
            }
        }
        deny_invalid(Reason::UnknownKey)
    }

    /// Returns the principal from the cache, or verifies the token and caches its principal.
    fn find_or_verify(
        &self,
        token: &str,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Denial> {
        let key = sha256(token);
        let policy = snapshot.policy().or(self.checks.policy.as_ref());
        if let Some(entry) = self.verified.get(&key) {
            if snapshot.keys().contains(entry.principal.claims().key)
                && now >= entry.valid_from
                && entry.has_permissions_of(policy)
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
        if snapshot.keys().is_empty() {
            self.ensure_running();
            return Err(Denial::Unavailable);
        }
        let claims = match self.verifier.verify(snapshot.keys(), token, now) {
            Ok(claims) => claims,
            Err(TokenError::Ended) => return Err(Denial::EndedToken),
            Err(TokenError::Invalid(Reason::UnknownKey)) => return Err(self.deny_unknown_key()),
            Err(TokenError::Invalid(reason)) => return Err(deny_invalid(reason)),
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

fn deny_invalid(reason: Reason) -> Denial {
    tracing::debug!(%reason, "an access token is not valid");
    Denial::InvalidToken
}

/// Returns the digest of the whole token, including its signature, so that different tokens never share an entry.
fn sha256(token: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use crate::testing::TestIssuer;

    #[test]
    fn y022_a_token_that_was_verified_in_a_lost_era_claims_nothing_in_the_next() {
        let issuer = TestIssuer::new();
        let live = issuer.live();
        live.note_revision(4);
        let guard = issuer.guard();
        let principal = guard.verify(&issuer.token("alice").rev(4).sign()).unwrap();
        // the database lost revisions while the request was under way
        live.replace("next", &[]);
        live.answer(live.question(), 2);
        assert!(guard.answer(&principal).is_none());
        // with a claim, the new era would look as if it had lost revisions in turn
        assert_eq!(live.claimed_revision(), None);
    }
}
