use std::fmt;

use thiserror::Error;

/// Why a token is not a signed JWS of one of the keys.
///
/// Never holds text of the token, so it can be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    #[error("the token is too long")]
    TooLong,
    /// Not three parts joined by two dots (RFC 7515 section 7.1).
    #[error("the token does not have three parts")]
    Form,
    /// A part is not base64url in its one spelling (RFC 7515 section 2).
    #[error("a part of the token is not base64url")]
    Encoding,
    /// The header is not a JSON object with distinct members of the right types.
    #[error("the header of the token is malformed")]
    Header,
    /// The header asks for an extension, and none is understood (RFC 7515 section 4.1.11).
    #[error("the header of the token asks for an extension")]
    Critical,
    /// The algorithm is not offered, or is not the key's.
    #[error("the algorithm of the token is not that of the key")]
    Algorithm,
    /// No key of the set has the token's `kid`.
    #[error("no key has the key id of the token")]
    UnknownKey,
    /// The signature does not verify.
    #[error("the signature of the token does not verify")]
    Signature,
}

/// Why a token was refused: one word for logs and metrics, never text of the token.
///
/// ```
/// use rolecall::token::Reason;
///
/// assert_eq!(Reason::Audience.to_string(), "audience");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Too long to be looked at.
    TooLong,
    /// Not three parts.
    Form,
    /// Not base64url.
    Encoding,
    /// The header is malformed.
    Header,
    /// The header asks for an extension.
    Critical,
    /// The algorithm is not the key's.
    Algorithm,
    /// No key has the token's `kid`; the set may be older than the token.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// The `typ` header is not that of an access token (RFC 9068 section 4).
    Type,
    /// The payload is not a JSON object with distinct members, or a claim lacks or has a wrong type.
    Claims,
    /// Another issuer's.
    Issuer,
    /// For another audience.
    Audience,
    /// `iat` or `nbf` lies in the future.
    NotYetValid,
    /// Issued for longer than a token may last.
    Lifetime,
}

impl Reason {
    /// The word, in `snake_case`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Form => "form",
            Self::Encoding => "encoding",
            Self::Header => "header",
            Self::Critical => "critical",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Type => "typ",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::NotYetValid => "not_yet_valid",
            Self::Lifetime => "lifetime",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<JwsError> for Reason {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong => Self::TooLong,
            JwsError::Form => Self::Form,
            JwsError::Encoding => Self::Encoding,
            JwsError::Header => Self::Header,
            JwsError::Critical => Self::Critical,
            JwsError::Algorithm => Self::Algorithm,
            JwsError::UnknownKey => Self::UnknownKey,
            JwsError::Signature => Self::Signature,
        }
    }
}

/// Why a token does not stand for anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TokenError {
    /// Something other than its end is wrong with it.
    #[error("the access token is not valid: {0}")]
    Invalid(Reason),
    /// Its `exp` has passed and everything else is right: a refresh helps.
    #[error("the access token has ended")]
    Ended,
}

impl From<JwsError> for TokenError {
    fn from(error: JwsError) -> Self {
        Self::Invalid(error.into())
    }
}

impl From<Reason> for TokenError {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}

/// Why a key or a set of keys was refused when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is no JWK Set: not JSON, a member twice, wrong types, too large.
    #[error("not a JWK Set: {0}")]
    Malformed(&'static str),
    /// An HMAC secret that is shorter than its hash (RFC 7518 section 3.2).
    #[error("the secret has {actual} bytes, {algorithm} needs at least {least}")]
    ShortSecret {
        /// The algorithm that the secret is for.
        algorithm: super::Algorithm,
        /// The length of the hash, in bytes.
        least: usize,
        /// The length of the secret, in bytes.
        actual: usize,
    },
    /// A key that can be broken: RSA under 2048 bits, a modulus with a small factor, a point of low order.
    #[error("the key is too weak: {0}")]
    Weak(&'static str),
    /// The key does not belong to the algorithm, or is no valid key at all.
    #[error("the key is no valid {0} key")]
    Mismatched(super::Algorithm),
    /// The JWK names no algorithm and its type allows several.
    #[error("the key does not say for which algorithm it is: give it an `alg`")]
    AmbiguousAlgorithm,
    /// The JWK is for something other than signatures (`use`, `key_ops`).
    #[error("the key is not for verifying signatures")]
    WrongUse,
    /// The JWK holds the private half.
    #[error("the key set holds a private key")]
    PrivateKey,
    /// A key id that is empty or longer than 256 bytes.
    #[error("a key id has 1 to 256 bytes")]
    KeyId,
    /// Two keys have the same id.
    #[error("two keys have the same key id")]
    DuplicateKeyId,
    /// A set of several keys where one has no id, so that a token could not name it.
    #[error("each key of a set of several needs a key id")]
    MissingKeyId,
    /// Secrets beside public keys.
    #[error("the key set mixes symmetric with asymmetric keys")]
    MixedSet,
    /// More keys than [`MAX_KEYS`](super::MAX_KEYS).
    #[error("the key set has too many keys")]
    TooManyKeys,
    /// The random number generator or the key generator failed.
    #[error("no key could be made")]
    Generation,
}

/// Why a token could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The token would be longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    #[error("the token would be too long")]
    TooLong,
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written as JSON")]
    Claims,
    /// The signature could not be computed.
    #[error("the token could not be signed")]
    Signature,
}
