use std::time::Duration;

use rolecall_core::Timestamp;

use super::claims::VerifiedClaims;
use super::error::{Reason, TokenError};
use super::jws;
use super::key_set::KeySet;

/// The longest that a token may last from `iat` to `exp`.
pub const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// What a resource server asks of every access token (RFC 9068 section 4, RFC 8725).
///
/// - The signature is that of a key of the set, by that key's algorithm.
/// - `typ` is `at+jwt` or `application/at+jwt`, in any case of letters.
/// - `iss`, `sub`, `aud`, `iat` and `exp` are there; every known claim has its type, whole numbers
///   are written as such.
/// - `iss` is the issuer, byte for byte; `aud` is one of the audiences or an array that holds one.
/// - `iat` and `nbf` lie no more than the leeway in the future, and `exp` no more than
///   [`MAX_LIFETIME`] after `iat`.
/// - `exp` has not come: there is no leeway at the end.
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
    leeway: Duration,
}

impl Verifier {
    /// Takes tokens of `issuer` for `audience`, with a leeway of 30 s for clocks that differ.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            leeway: Duration::from_secs(30),
        }
    }

    /// Takes tokens for `audience` as well.
    #[must_use]
    pub fn or_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Lets `iat` and `nbf` lie this far in the future.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The issuer whose tokens it takes.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies signature and claims of `token`, as of `now`.
    ///
    /// # Errors
    ///
    /// [`TokenError::Ended`] if its end has come and nothing else is wrong with it, so that a refresh
    /// helps; [`TokenError::Invalid`] for everything else.
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
        if !self.audiences.iter().any(|one| claims.aud.contains(one)) {
            return Err(Reason::Audience);
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

/// RFC 9068 section 2.1; media types are compared without regard to case (RFC 7515 section 4.1.9).
fn is_access_token(typ: &str) -> bool {
    ["at+jwt", "application/at+jwt"]
        .iter()
        .any(|name| typ.eq_ignore_ascii_case(name))
}
