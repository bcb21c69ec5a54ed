//! Verifies access tokens: signature, type and claims.

use std::time::Duration;

use rolecall_core::Timestamp;

use super::claims::VerifiedClaims;
use super::error::{Reason, TokenError};
use super::jws;
use super::key_set::KeySet;

/// The maximum lifetime of a token, from `iat` to `exp`.
pub const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// The default leeway for `iat` and `nbf`.
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);

/// Verifies access tokens as a resource server must (RFC 9068 section 4, RFC 8725).
///
/// - The signature is valid for a key of the set and its algorithm.
/// - `typ` is `at+jwt` or `application/at+jwt`, in any letter case.
/// - `iss`, `sub`, `aud`, `iat`, `exp`, `client_id` and `jti` are present, the last two unless
///   [`allow_missing_ids`](Verifier::allow_missing_ids) says that the issuer leaves them out. Every known claim has the
///   right type. Dates may have a fraction, which is cut off (RFC 7519 section 2); other integers are written without
///   fraction and exponent.
/// - `iss` equals the issuer byte for byte. `aud` is one of the audiences, or an array that contains one.
/// - `iat` and `nbf` are not further in the future than the leeway.
/// - `exp` is at most [`MAX_LIFETIME`] after `iat`.
/// - `exp` is in the future. There is no leeway for it.
///
/// ```
/// use rolecall::token::{KeySet, Reason, TokenError, Verifier};
/// use rolecall_core::Timestamp;
///
/// let verifier = Verifier::new("https://id.example", "https://api.example");
/// let refused = verifier.verify(&KeySet::empty(), "a.b", Timestamp::from_seconds(0));
/// assert_eq!(refused, Err(TokenError::Invalid(Reason::Form)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    issuer: String,
    audiences: Vec<String>,
    accepts_any_audience: bool,
    allows_missing_ids: bool,
    leeway: Duration,
}

impl Verifier {
    /// Creates a verifier for tokens of `issuer` for `audience`, with a leeway of 30 seconds for differing clocks.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            accepts_any_audience: false,
            allows_missing_ids: false,
            leeway: LEEWAY,
        }
    }

    /// Also accepts tokens for `audience`.
    #[must_use]
    pub fn or_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens for every audience of the issuer.
    ///
    /// For the issuer itself, where a token is shown and gives no access by its roles.
    #[doc(hidden)]
    #[must_use]
    pub fn for_any_audience(mut self) -> Self {
        self.accepts_any_audience = true;
        self
    }

    /// Accepts tokens without `client_id` and `jti`, for an issuer that is not rolecall and leaves them out.
    ///
    /// RFC 9068 section 2.2 requires both, and rolecall always writes them. Tokens with `rev` or `era` need them all the
    /// same, since floors for a client or a token could not end such a token.
    #[must_use]
    pub fn allow_missing_ids(mut self) -> Self {
        self.allows_missing_ids = true;
        self
    }

    /// Sets how far `iat` and `nbf` may be in the future.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Returns the issuer whose tokens are accepted.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies the signature and claims of `token` at the time `now`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Ended`] if the token has expired and is otherwise valid, so that refreshing it helps;
    /// [`TokenError::Invalid`] for every other fault.
    pub fn verify(
        &self,
        keys: &KeySet,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedClaims, TokenError> {
        let verified = jws::verify(keys, token)?;
        if !verified.typ.as_deref().is_some_and(is_access_token) {
            return Err(Reason::Type.into());
        }
        let claims = VerifiedClaims::parse(&verified.payload, verified.key)?;
        self.check(&claims, now)?;
        if now >= Timestamp::from_seconds(claims.exp) {
            return Err(TokenError::Ended);
        }
        Ok(claims)
    }

    fn check(&self, claims: &VerifiedClaims, now: Timestamp) -> Result<(), Reason> {
        if claims.iss != self.issuer {
            return Err(Reason::Issuer);
        }
        let is_for_us = || self.audiences.iter().any(|one| claims.aud.contains(one));
        if !self.accepts_any_audience && !is_for_us() {
            return Err(Reason::Audience);
        }
        if !self.allows_missing_ids && !claims.has_ids() {
            return Err(Reason::Claims);
        }
        let latest = now.plus(self.leeway);
        let starts = [Some(claims.iat), claims.nbf];
        if starts
            .into_iter()
            .flatten()
            .any(|at| Timestamp::from_seconds(at) > latest)
        {
            return Err(Reason::NotYetValid);
        }
        let (iat, exp) = (claims.iat, claims.exp);
        if Timestamp::from_seconds(exp).since(Timestamp::from_seconds(iat)) > MAX_LIFETIME {
            return Err(Reason::Lifetime);
        }
        Ok(())
    }
}

/// Returns true for the type of an access token (RFC 9068 section 2.1); media types are case-insensitive (RFC 7515
/// section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    ["at+jwt", "application/at+jwt"]
        .iter()
        .any(|name| typ.eq_ignore_ascii_case(name))
}
