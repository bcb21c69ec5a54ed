//! The errors of this module. None of them holds text of a token or a key, so that all can be logged.

use std::fmt;

use thiserror::Error;

use super::algorithm::Algorithm;

/// The reason why a token is not a JWS signed by one of the keys (RFC 7515).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum JwsError {
    /// The token is longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    #[error("the token is too long")]
    TooLong,
    /// The token does not consist of three parts joined by dots (RFC 7515 section 7.1).
    #[error("the token does not have three parts")]
    Form,
    /// A part is not canonical base64url (RFC 7515 section 2).
    #[error("a part of the token is not base64url")]
    Encoding,
    /// The header is not a JSON object, or has a duplicate member or one of the wrong type.
    #[error("the header of the token is malformed")]
    Header,
    /// The header requires an extension, and none is supported (RFC 7515 section 4.1.11).
    #[error("the header of the token requires an extension")]
    Critical,
    /// The algorithm is not supported, or is not the algorithm of the key.
    #[error("the algorithm of the token is not the algorithm of the key")]
    Algorithm,
    /// No key of the set has the `kid` of the token.
    #[error("no key has the key id of the token")]
    UnknownKey,
    /// The signature is not valid.
    #[error("the signature of the token is not valid")]
    Signature,
}

/// The reason why a token was refused, as one word for logs and metrics.
///
/// ```
/// use rolecall::token::Reason;
///
/// assert_eq!(Reason::Audience.to_string(), "audience");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The token is longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    TooLong,
    /// The token does not consist of three parts.
    Form,
    /// A part is not canonical base64url.
    Encoding,
    /// The header is malformed.
    Header,
    /// The header requires an extension.
    Critical,
    /// The algorithm is not the algorithm of the key.
    Algorithm,
    /// No key has the `kid` of the token; the key set may be out of date.
    UnknownKey,
    /// The signature is not valid.
    Signature,
    /// The `typ` header is not that of an access token (RFC 9068 section 4).
    Type,
    /// The payload is not a JSON object or has a duplicate member, or a claim is missing or has the wrong type.
    Claims,
    /// The token is from another issuer.
    Issuer,
    /// The token is for another audience.
    Audience,
    /// `iat` or `nbf` is in the future.
    NotYetValid,
    /// The lifetime is longer than [`MAX_LIFETIME`](super::MAX_LIFETIME).
    Lifetime,
}

impl Reason {
    /// Returns the reason as a word in `snake_case`.
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

/// The error for a token that does not identify a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TokenError {
    /// The token is not valid, whether or not it has expired.
    #[error("the access token is not valid: {0}")]
    Invalid(Reason),
    /// The token has expired and is otherwise valid, so that refreshing it helps.
    #[error("the access token has expired")]
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

/// The reason why a key or a key set was refused when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not a valid JWK or JWK Set: not JSON, too large, or with a duplicate member or one of the wrong
    /// type.
    #[error("malformed JWK or JWK Set: {0}")]
    Malformed(&'static str),
    /// An HMAC secret is shorter than the hash (RFC 7518 section 3.2).
    #[error("the secret has {actual} bytes, {algorithm} needs at least {least}")]
    ShortSecret {
        /// The algorithm of the secret.
        algorithm: Algorithm,
        /// The required length, in bytes: that of the hash.
        least: usize,
        /// The length of the secret, in bytes.
        actual: usize,
    },
    /// A key that can be broken: RSA under 2048 bits, an RSA modulus with a small factor, or a point of low order.
    #[error("the key is too weak: {0}")]
    Weak(&'static str),
    /// The key is not a valid key for the algorithm.
    #[error("the key is not a valid {0} key")]
    Mismatched(Algorithm),
    /// The JWK has no `alg`, and its type allows several algorithms.
    #[error("the algorithm of the key is ambiguous; add `alg` to it")]
    AmbiguousAlgorithm,
    /// The JWK is not for verifying signatures, according to its `use` or `key_ops`.
    #[error("the key is not for verifying signatures")]
    WrongUse,
    /// The JWK is a private key.
    #[error("the key set contains a private key")]
    PrivateKey,
    /// A key id is empty or longer than 256 bytes.
    #[error("a key id must have 1 to 256 bytes")]
    KeyId,
    /// Two keys have the same id.
    #[error("two keys have the same key id")]
    DuplicateKeyId,
    /// A key in a set of several has no id, so that a token cannot name it.
    #[error("each key in a set of several keys needs a key id")]
    MissingKeyId,
    /// The set contains both shared secrets and public keys.
    #[error("the key set mixes symmetric with asymmetric keys")]
    MixedSet,
    /// The set has more than [`MAX_KEYS`](super::MAX_KEYS) keys.
    #[error("the key set has too many keys")]
    TooManyKeys,
    /// The random number generator or the key generator failed.
    #[error("the key could not be generated")]
    Generation,
}

/// The reason why a token could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The token would be longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    #[error("the token would be too long")]
    TooLong,
    /// The claims cannot be serialized as JSON.
    #[error("the claims cannot be serialized as JSON")]
    Claims,
    /// The signature could not be computed.
    #[error("the token could not be signed")]
    Signature,
}
