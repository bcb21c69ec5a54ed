//! Signs and strictly verifies access tokens.
//!
//! A [`SigningKey`] signs access tokens as in RFC 9068, and a [`Verifier`] verifies them with a [`KeySet`]. Neither
//! does I/O or reads a clock. Keys are parsed once, when they are loaded. Verification has two layers:
//!
//! - [`jws`] checks form, algorithm and signature (RFC 7515).
//! - [`Verifier`] checks `typ` and the claims (RFC 7519, RFC 9068, RFC 8725).
//!
//! The cryptography is that of aws-lc-rs.
//!
//! ```
//! use rolecall::token::{Algorithm, KeySet, SigningKey, TokenError, Verifier};
//! use rolecall_core::{AccessClaims, Audience, SubjectKind, Timestamp};
//! # let claims = AccessClaims {
//! #     iss: "https://id.example".into(),
//! #     sub: "u1".into(),
//! #     subject_kind: SubjectKind::User,
//! #     aud: Audience::One("https://api.example".into()),
//! #     client_id: "rolecall".into(),
//! #     iat: 1_000,
//! #     exp: 2_800,
//! #     jti: "t1".into(),
//! #     sid: None,
//! #     auth_time: None,
//! #     acr: None,
//! #     amr: vec![],
//! #     step_up: vec![],
//! #     username: "alice".into(),
//! #     roles: vec!["admin".into()],
//! #     scope: Some(String::new()),
//! #     tenant: None,
//! #     global: None,
//! #     narrowed: false,
//! #     rev: 0,
//! #     era: String::new(),
//! #     other: serde_json::Map::new(),
//! # };
//!
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let token = key.sign(&claims)?; // `claims` is an `AccessClaims` with iat 1000 and exp 2800
//!
//! let keys = KeySet::new(vec![key.verifying_key()])?;
//! let verifier = Verifier::new("https://id.example", "https://api.example");
//! let verified = verifier.verify(&keys, &token, Timestamp::from_seconds(1_500))?;
//! assert_eq!(verified.username, "alice");
//!
//! let late = verifier.verify(&keys, &token, Timestamp::from_seconds(2_800));
//! assert_eq!(late, Err(TokenError::Ended));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
mod claims;
pub mod dangerous;
mod der;
mod encoding;
mod error;
mod json;
mod jwk;
pub mod jws;
mod key_set;
mod public_part;
mod rsa;
mod signing;
mod verifier;
mod verifying;

pub use algorithm::{Algorithm, ParseAlgorithmError};
pub use claims::VerifiedClaims;
pub use error::{JwsError, KeyError, Reason, SignError, TokenError};
pub use jws::MAX_TOKEN_BYTES;
pub use key_set::{KeySet, MAX_JWKS_BYTES, MAX_KEYS};
pub use signing::SigningKey;
pub(crate) use verifier::LEEWAY;
pub use verifier::{MAX_LIFETIME, Verifier};
pub use verifying::{KeyFingerprint, VerifyingKey};
