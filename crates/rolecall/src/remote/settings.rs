use base64::Engine as _;
use zeroize::Zeroizing;

/// The settings of a guard that concern its issuer.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// The client that reads the feed.
    pub(crate) client: Option<Credentials>,
    pub(crate) insecure_http: bool,
    pub(crate) home: Home,
}

/// The place where the task that follows the issuer runs.
#[derive(Clone, Default)]
pub(crate) enum Home {
    /// The runtime in which the guard is built or used.
    #[default]
    Current,
    Runtime(tokio::runtime::Handle),
    /// A thread of the guard's own.
    Thread,
    /// Nowhere: a test gives the answers.
    #[cfg(feature = "testing")]
    Script,
}

/// The client id and secret with which the guard authenticates to the issuer.
#[derive(Clone)]
pub(crate) struct Credentials {
    id: String,
    secret: Zeroizing<String>,
}

impl Credentials {
    pub(crate) fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
        }
    }

    /// Returns the value of the `Authorization` header; both parts are form-encoded (RFC 6749 section 2.3.1).
    pub(super) fn basic(&self) -> String {
        let id = form_encoded(&self.id);
        let pair = Zeroizing::new(format!("{id}:{}", form_encoded(&self.secret)));
        let pair = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
        format!("Basic {pair}")
    }
}

/// Encodes text as in `application/x-www-form-urlencoded`.
pub(super) fn form_encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
