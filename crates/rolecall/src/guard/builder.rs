use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use rolecall_core::Policy;

use super::{Checks, Exchange, Guard, Inner, LiveState, OnStale, Receipts, checks::Source};
use crate::{
    Clock, SystemClock,
    token::{Algorithm, KeyError, KeySet, Verifier, VerifyingKey},
};

const CACHE_CAPACITY: usize = 10_000;
const MAX_STALENESS: Duration = Duration::from_secs(30);

/// Why a guard could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// No issuer was named.
    #[error("a guard needs the issuer whose tokens it accepts")]
    NoIssuer,
    /// No audience was named.
    #[error("a guard needs its audience: a token for another one must be refused")]
    NoAudience,
    /// No keys were given, or an empty set of them.
    #[error("a guard needs a shared secret, a JWK Set or a live state")]
    NoKeys,
    /// Keys were given twice, and which of them holds would be a guess.
    #[error("a guard takes its keys from one place: a secret, a JWK Set or a live state")]
    TwoKeySources,
    /// The issuer is not an address that keys can be loaded from.
    #[error("the issuer cannot be asked for its keys: {0}")]
    Issuer(&'static str),
    /// The certificates that this machine trusts cannot be read.
    #[error("no HTTPS: {0}")]
    Certificates(String),
    /// A key is weak, or the set of them contradicts itself.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Builds a [`Guard`].
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
    clock: Arc<dyn Clock>,
    policy: Option<Policy>,
    cache_capacity: usize,
    max_staleness: Duration,
    on_stale: OnStale,
    #[cfg(feature = "remote")]
    remote: crate::remote::Settings,
    exchange: Option<Arc<dyn Exchange>>,
    receipts: Option<Arc<dyn Receipts>>,
}

impl Default for GuardBuilder {
    fn default() -> Self {
        Self {
            source: Ok(None),
            issuer: String::new(),
            audience: String::new(),
            other_audiences: Vec::new(),
            clock: Arc::new(SystemClock),
            policy: None,
            cache_capacity: CACHE_CAPACITY,
            max_staleness: MAX_STALENESS,
            on_stale: OnStale::Refuse,
            #[cfg(feature = "remote")]
            remote: crate::remote::Settings::default(),
            exchange: None,
            receipts: None,
        }
    }
}

impl GuardBuilder {
    /// Tokens are signed with a secret shared with the issuer; it may not be shorter than the hash.
    pub fn secret(self, algorithm: Algorithm, secret: &[u8]) -> Self {
        let keys = VerifyingKey::from_secret(algorithm, None, secret)
            .and_then(|key| KeySet::new(vec![key]));
        self.source(keys.map(|keys| Source::Fixed(Arc::new(keys))))
    }

    /// Tokens are signed with one of the keys of a JWK Set (RFC 7517 section 5).
    pub fn jwk_set(self, json: &str) -> Self {
        let keys = KeySet::from_jwks(json);
        self.source(keys.map(|keys| Source::Fixed(Arc::new(keys))))
    }

    /// Tokens are signed with one of these keys.
    pub fn keys(self, keys: KeySet) -> Self {
        self.source(Ok(Source::Fixed(Arc::new(keys))))
    }

    /// Keys, floors and era come from a state that changes while the guard runs.
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

    /// The issuer: `iss` must be exactly this.
    ///
    /// With the feature `remote`, and where no keys are given, it is also the address under which the guard
    /// finds them (RFC 8414): lazily, so that [`build`](Self::build) never waits. Until they are loaded,
    /// tokens are answered 503.
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// The client that reads the issuer's feed, with its secret: it needs the role `rolecall.resource-server`.
    ///
    /// With it the guard hears of what was taken away within a second. Without it the guard trusts a token
    /// until it expires.
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

    /// Asks an issuer whose address begins with `http://` even if it is not this machine: only where nobody
    /// can come between, since whoever does can let in whom they like.
    #[cfg(feature = "remote")]
    pub fn insecure_http(mut self) -> Self {
        self.remote.insecure_http = true;
        self
    }

    /// The audience: `aud` must be or hold exactly this.
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// Another audience whose tokens are taken as well, for a gate before several applications.
    pub fn or_audience(mut self, audience: &str) -> Self {
        self.other_audiences.push(audience.to_owned());
        self
    }

    fn verifier(&self) -> Verifier {
        let one = Verifier::new(&self.issuer, &self.audience);
        let others = self.other_audiences.iter();
        others.fold(one, Verifier::or_audience)
    }

    /// Where the time comes from; the machine's clock by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Gives tokens without a `scope` claim the permissions of their roles by this policy.
    ///
    /// A token that has a `scope`, an empty one too, and a narrowed one, holds what it says and no more.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// How many verified tokens are remembered, 10,000 by default; each takes about its own length.
    pub fn cache_capacity(mut self, tokens: usize) -> Self {
        self.cache_capacity = tokens;
        self
    }

    /// How old the live state may become, 30 s by default.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.max_staleness = age;
        self
    }

    /// What to do once the live state is older than that; [`OnStale::Refuse`] by default.
    pub fn on_stale(mut self, on_stale: OnStale) -> Self {
        self.on_stale = on_stale;
        self
    }

    /// On the routes of a [`GuardedRouter`](crate::GuardedRouter), asks this for a token that stands in for
    /// one that is none of the issuer's. For the authorization server in the same process.
    #[doc(hidden)]
    pub fn exchange(mut self, exchange: Arc<dyn Exchange>) -> Self {
        self.exchange = Some(exchange);
        self
    }

    /// Writes a receipt into the answer of every refusal of a known caller. For the authorization server in the
    /// same process, which can explain it.
    #[doc(hidden)]
    pub fn receipts(mut self, receipts: Arc<dyn Receipts>) -> Self {
        self.receipts = Some(receipts);
        self
    }

    /// The guard.
    ///
    /// One that loads its keys from its issuer begins so here, if called inside a tokio runtime, and
    /// otherwise with the first request.
    ///
    /// # Errors
    ///
    /// The [`GuardError`]: what is missing, or which key was refused.
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
            tracing::warn!("the guard goes on with a state that is too old (on_stale = accept)");
        }
        let guard = Guard(Arc::new(Inner {
            verifier,
            checks: Arc::new(Checks {
                source: parts.source,
                clock: self.clock,
                max_staleness: self.max_staleness,
                on_stale: self.on_stale,
                warned_of_stale: false.into(),
                receipts: self.receipts,
            }),
            policy: self.policy.map(Arc::new),
            verified: Cache::new(self.cache_capacity),
            hits: 0.into(),
            misses: 0.into(),
            exchange: self.exchange.clone(),
            #[cfg(feature = "remote")]
            remote: parts.remote,
        }));
        guard.0.ensure_running();
        Ok(guard)
    }

    #[cfg(not(feature = "remote"))]
    fn parts(&self) -> Result<Parts, GuardError> {
        let source = self.source.clone()?.ok_or(GuardError::NoKeys)?;
        Ok(Parts { source })
    }

    #[cfg(feature = "remote")]
    fn parts(&self) -> Result<Parts, GuardError> {
        let follows = self.remote.client.is_some();
        if let Some(source) = self.source.clone()? {
            // the client would wait for a feed that never changes anything
            let one = (!follows).then_some(Parts {
                source,
                remote: None,
            });
            return one.ok_or(GuardError::TwoKeySources);
        }
        let state = LiveState::unknown(Arc::clone(&self.clock));
        let remote = crate::remote::Remote::new(
            &self.issuer,
            &self.remote,
            state.clone(),
            Arc::clone(&self.clock),
            self.max_staleness,
        )?;
        let source = if follows {
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

/// Where a guard's state comes from, and who keeps it current.
struct Parts {
    source: Source,
    #[cfg(feature = "remote")]
    remote: Option<crate::remote::Remote>,
}
