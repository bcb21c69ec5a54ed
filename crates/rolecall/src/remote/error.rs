/// The reason why following an issuer cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetupError {
    /// The URL of the issuer cannot be used.
    Issuer(&'static str),
    /// The trusted certificates of the system cannot be read.
    Certificates(String),
}
