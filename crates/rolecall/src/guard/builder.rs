use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use rolecall_core::Policy;

#[cfg(feature = "axum")]
use super::exchange::{Exchange, Tickets};
use super::{
    checks::{Checks, OnStale, Source},
    error::GuardError,
    receipts::Receipts,
    verify::{Guard, Inner},
};
use crate::{
    Clock, SystemClock,
    live::LiveState,
    token::{Algorithm, KeyError, KeySet, Verifier, VerifyingKey},
};

/// The default number of verified tokens in the cache.
const CACHE_CAPACITY: usize = 10_000;
/// The default age at which the live state is stale.
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// Builds a [`Guard`]; an issuer, an audience and one source of keys are required.
///
/// ```
/// use rolecall::{Guard, GuardError};
///
/// let error = Guard::builder().issuer("https://login.example").build().unwrap_err();
/// assert_eq!(error, GuardError::NoAudience);
/// ```
#[must_use]
pub struct GuardBuilder {
    source: Result<Option<Source>, GuardError>,
    issuer: String,
    audience: String,
    other_audiences: Vec<String>,
    any_audience: bool,
    is_foreign: bool,
    clock: Arc<dyn Clock>,
    policy: Option<Policy>,
    cache_capacity: usize,
    max_staleness: Duration,
    on_stale: OnStale,
    #[cfg(feature = "remote")]
    remote: crate::remote::Settings,
    #[cfg(feature = "axum")]
    exchange: Option<Arc<dyn Exchange>>,
    #[cfg(feature = "axum")]
    tickets: Option<Arc<dyn Tickets>>,
    receipts: Option<Arc<dyn Receipts>>,
}

impl Default for GuardBuilder {
    fn default() -> Self {
        Self {
            source: Ok(None),
            issuer: String::new(),
            audience: String::new(),
            other_audiences: Vec::new(),
            any_audience: false,
            is_foreign: false,
            clock: Arc::new(SystemClock),
            policy: None,
            cache_capacity: CACHE_CAPACITY,
            max_staleness: MAX_STALENESS,
            on_stale: OnStale::Refuse,
            #[cfg(feature = "remote")]
            remote: crate::remote::Settings::default(),
            #[cfg(feature = "axum")]
            exchange: None,
            #[cfg(feature = "axum")]
            tickets: None,
            receipts: None,
        }
    }
}

impl GuardBuilder {
    /// Accepts tokens that are signed with a secret shared with the issuer; it must be at least as long as the hash.
    pub fn secret(self, algorithm: Algorithm, secret: &[u8]) -> Self {
        let keys = VerifyingKey::from_secret(algorithm, None, secret)
            .and_then(|key| KeySet::new(vec![key]));
        self.source(keys.map(|keys| Source::Fixed(Arc::new(keys))))
    }

    /// Accepts tokens that are signed with a key of a JWK Set (RFC 7517 section 5).
    pub fn jwk_set(self, json: &str) -> Self {
        let keys = KeySet::from_jwks(json);
        self.source(keys.map(|keys| Source::Fixed(Arc::new(keys))))
    }

    /// Accepts tokens that are signed with one of these keys.
    pub fn keys(self, keys: KeySet) -> Self {
        self.source(Ok(Source::Fixed(Arc::new(keys))))
    }

    /// Uses the keys, floors and era of a state that changes while the guard runs.
    pub fn live(self, state: LiveState) -> Self {
        self.source(Ok(Source::Live(state)))
    }

    fn source(mut self, source: Result<Source, KeyError>) -> Self {
        self.source = match (self.source, source) {
            (Err(first), _) => Err(first),
            (Ok(Some(_)), _) => Err(GuardError::TwoKeySources),
            (Ok(None), Ok(source)) => Ok(Some(source)),
            (Ok(None), Err(error)) => Err(error.into()),
        };
        self
    }

    /// Sets the issuer: `iss` must equal it.
    ///
    /// With feature `remote` and without keys, it is also the URL where the guard finds the keys (RFC 8414). It loads
    /// them in the background, so that [`build`](Self::build) never waits, and answers 503 until they are loaded.
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// Sets an issuer that is not rolecall, whose tokens may lack `client_id` and `jti`; otherwise as
    /// [`issuer`](Self::issuer).
    ///
    /// RFC 9068 requires both claims, and some issuers leave them out.
    pub fn foreign_issuer(mut self, issuer: &str) -> Self {
        self.is_foreign = true;
        self.issuer(issuer)
    }

    /// Sets the client id and secret with which the guard reads the issuer's feed of revocations.
    ///
    /// The client needs the role `rolecall.resource-server`. With the feed, the guard applies revocations within a
    /// second; without it, the guard accepts a token until it expires.
    ///
    /// ```no_run
    /// use rolecall::{Guard, GuardError};
    ///
    /// # fn main() -> Result<(), GuardError> {
    /// let guard = Guard::builder()
    ///     .issuer("https://login.example")
    ///     .audience("https://items.example")
    ///     .client("items", "a secret from a safe place")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "remote")]
    pub fn client(mut self, id: &str, secret: &str) -> Self {
        self.remote.client = Some(crate::remote::Credentials::new(id, secret));
        self
    }

    /// Allows an issuer with a plain `http://` URL on another machine.
    ///
    /// Use it only in a trusted network: anyone who can intercept the connection can replace the keys and forge tokens.
    #[cfg(feature = "remote")]
    pub fn insecure_http(mut self) -> Self {
        self.remote.insecure_http = true;
        self
    }

    /// Follows the issuer on this runtime, for a guard that is built or used outside of one.
    ///
    /// Without it, the guard uses the runtime in which it is built, or in which it verifies its first token.
    #[cfg(feature = "remote")]
    pub fn runtime(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.remote.home = crate::remote::Home::Runtime(runtime);
        self
    }

    /// Follows the issuer on a thread of its own, for programs without a tokio runtime.
    ///
    /// The thread starts with the guard and ends when the guard is dropped. After a `fork` it is missing in the child:
    /// build another guard there.
    #[cfg(feature = "remote")]
    pub fn own_thread(mut self) -> Self {
        self.remote.home = crate::remote::Home::Thread;
        self
    }

    /// Follows nobody: a test gives the answers of the issuer.
    #[cfg(all(feature = "remote", feature = "testing"))]
    pub(crate) fn scripted(mut self) -> Self {
        self.remote.home = crate::remote::Home::Script;
        self
    }

    /// Sets the audience: `aud` must equal or contain it.
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// Also accepts tokens for this audience, for a gateway in front of several applications.
    pub fn or_audience(mut self, audience: &str) -> Self {
        self.other_audiences.push(audience.to_owned());
        self
    }

    /// Accepts tokens for every audience of the issuer.
    ///
    /// For the authorization server, which gives tickets for tokens of all of them.
    #[doc(hidden)]
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    fn verifier(&self) -> Verifier {
        let verifier = Verifier::new(&self.issuer, &self.audience);
        let others = self.other_audiences.iter();
        let mut verifier = others.fold(verifier, Verifier::or_audience);
        if self.is_foreign {
            verifier = verifier.allow_missing_ids();
        }
        if self.any_audience {
            verifier.for_any_audience()
        } else {
            verifier
        }
    }

    /// Sets the source of time; the system clock by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the policy from which permissions are derived for tokens without a `scope` claim.
    ///
    /// A token with a `scope`, even an empty one, and a narrowed token have only the permissions that they state.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Sets the number of verified tokens in the cache, 10,000 by default; each needs about its own length in memory.
    pub fn cache_capacity(mut self, tokens: usize) -> Self {
        self.cache_capacity = tokens;
        self
    }

    /// Sets the age at which the live state is stale, 30 seconds by default.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.max_staleness = age;
        self
    }

    /// Sets the behavior while the live state is stale, [`OnStale::Refuse`] by default.
    pub fn on_stale(mut self, on_stale: OnStale) -> Self {
        self.on_stale = on_stale;
        self
    }

    /// Exchanges tokens of another form on the routes of a [`GuardedRouter`](crate::GuardedRouter).
    ///
    /// For the authorization server in the same process.
    #[cfg(feature = "axum")]
    #[doc(hidden)]
    pub fn exchange(mut self, exchange: Arc<dyn Exchange>) -> Self {
        self.exchange = Some(exchange);
        self
    }

    /// Redeems tickets for the routes of [`Guard::with_tickets`]. A guard with a [`client`](Self::client) needs nothing:
    /// it asks the server.
    ///
    /// For the authorization server in the same process.
    #[cfg(feature = "axum")]
    #[doc(hidden)]
    pub fn tickets(mut self, tickets: Arc<dyn Tickets>) -> Self {
        self.tickets = Some(tickets);
        self
    }

    /// Adds a receipt to the response for every refusal of an identified caller.
    ///
    /// For the authorization server in the same process, which can read the receipts.
    #[doc(hidden)]
    pub fn receipts(mut self, receipts: Arc<dyn Receipts>) -> Self {
        self.receipts = Some(receipts);
        self
    }

    /// Builds the guard.
    ///
    /// A guard that loads its keys from the issuer starts to do so now if this is called in a tokio runtime, and
    /// otherwise with the first request.
    ///
    /// # Errors
    ///
    /// A [`GuardError`] if something required is missing, or an issuer, key or key set is not valid.
    pub fn build(self) -> Result<Guard, GuardError> {
        if self.issuer.is_empty() {
            return Err(GuardError::NoIssuer);
        }
        if self.audience.is_empty() || self.other_audiences.iter().any(String::is_empty) {
            return Err(GuardError::NoAudience);
        }
        let verifier = self.verifier();
        let parts = self.parts()?;
        if matches!(&parts.source, Source::Fixed(keys) if keys.is_empty()) {
            return Err(GuardError::NoKeys);
        }
        if self.on_stale == OnStale::Accept {
            tracing::warn!("the guard accepts tokens while its state is stale (on_stale = accept)");
        }
        let inner = Arc::new(Inner {
            verifier,
            checks: Arc::new(Checks {
                source: parts.source,
                clock: self.clock,
                max_staleness: self.max_staleness,
                on_stale: self.on_stale,
                warned_of_stale: false.into(),
                receipts: self.receipts,
                policy: self.policy.map(Arc::new),
            }),
            verified: Cache::new(self.cache_capacity),
            hits: 0.into(),
            misses: 0.into(),
            #[cfg(feature = "axum")]
            exchange: self.exchange.clone(),
            #[cfg(all(feature = "axum", feature = "remote"))]
            tickets: self.tickets.or_else(|| {
                parts
                    .remote
                    .as_ref()
                    .and_then(crate::remote::Remote::tickets)
            }),
            #[cfg(all(feature = "axum", not(feature = "remote")))]
            tickets: self.tickets,
            #[cfg(feature = "remote")]
            remote: parts.remote,
        });
        inner.ensure_running();
        Ok(Guard {
            inner,
            cookie: None,
            #[cfg(feature = "axum")]
            accepts_tickets: false,
        })
    }

    #[cfg(not(feature = "remote"))]
    fn parts(&self) -> Result<Parts, GuardError> {
        let source = self.source.clone()?.ok_or(GuardError::NoKeys)?;
        Ok(Parts { source })
    }

    #[cfg(feature = "remote")]
    fn parts(&self) -> Result<Parts, GuardError> {
        let has_client = self.remote.client.is_some();
        if let Some(source) = self.source.clone()? {
            // a guard with keys of its own would never use the feed
            if has_client {
                return Err(GuardError::TwoKeySources);
            }
            return Ok(Parts {
                source,
                remote: None,
            });
        }
        let state = LiveState::unknown(Arc::clone(&self.clock));
        state.set_usual_age(crate::remote::usual_age(self.max_staleness));
        let remote = crate::remote::Remote::new(
            &self.issuer,
            &self.remote,
            state.clone(),
            Arc::clone(&self.clock),
            self.max_staleness,
        )?;
        let source = if has_client {
            Source::Live(state)
        } else {
            Source::Keys(state)
        };
        Ok(Parts {
            source,
            remote: Some(remote),
        })
    }
}

/// The source of a guard's state, and the task that keeps it current.
struct Parts {
    source: Source,
    #[cfg(feature = "remote")]
    remote: Option<crate::remote::Remote>,
}

impl Guard {
    /// Returns a builder; an [issuer](GuardBuilder::issuer), an [audience](GuardBuilder::audience) and one source of
    /// keys are required.
    pub fn builder() -> GuardBuilder {
        GuardBuilder::default()
    }
}
