use thiserror::Error;

/// The reason why the answer of an authenticator does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The answer or a part of it is longer than any honest one.
    #[error("`{0}` is too long")]
    TooLong(&'static str),
    /// A part cannot be read.
    #[error("`{0}` cannot be read")]
    Malformed(&'static str),
    /// The answer is for the other ceremony.
    #[error("the answer is for another ceremony: create a passkey to add one, get one to sign in")]
    WrongCeremony,
    /// The answer belongs to another request.
    #[error("the passkey answered another request: begin again")]
    WrongChallenge,
    /// The page was not one of this server.
    #[error("the passkey was used on another site: open the page at the server's `public_url`")]
    WrongOrigin,
    /// The page was inside a page of another site.
    #[error("passkeys are not accepted inside a page of another site")]
    CrossOrigin,
    /// The passkey is for another relying party.
    #[error("the passkey belongs to another site")]
    WrongRelyingParty,
    /// Nobody touched the authenticator.
    #[error("nobody confirmed the use of the passkey")]
    UserAbsent,
    /// The authenticator did not check a PIN or a fingerprint, and it had to.
    #[error("the passkey did not check who uses it: set a PIN or a fingerprint on it")]
    UserNotVerified,
    /// The flags contradict each other or the rest of the data.
    #[error("the flags of the authenticator contradict each other")]
    Flags,
    /// The id has a length that no authenticator gives.
    #[error("the id of the passkey must have 16 to 1023 bytes")]
    CredentialId,
    /// The key is for an algorithm that was not asked for.
    #[error("the algorithm of the passkey must be ES256, EdDSA or RS256")]
    Algorithm,
    /// The key is invalid or weak.
    #[error("the public key of the passkey is invalid or too short")]
    PublicKey,
    /// Another passkey answered than the one that was asked.
    #[error("another passkey answered than one of this account")]
    WrongCredential,
    /// The passkey names another user.
    #[error("the passkey belongs to another user")]
    WrongUser,
    /// The signature is wrong.
    #[error("the signature of the passkey is wrong")]
    Signature,
    /// The counter went back: there may be a copy of the key.
    #[error(
        "the counter of the passkey went back, so it may have been copied: remove it and add another one"
    )]
    Counter,
    /// An authenticator that could not be backed up now says that it can, or the reverse.
    #[error("the passkey changed its kind: remove it and add it again")]
    BackupEligibility,
}
