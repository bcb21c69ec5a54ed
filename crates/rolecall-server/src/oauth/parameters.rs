//! The parameters of an authorization request.

/// The parameters that are known; others are ignored, twice too.
pub(crate) const KNOWN: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "response_mode",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "acr_values",
    "claims",
    "ui_locales",
    "resource",
    "audience",
    "tenant",
    "request",
    "request_uri",
    "registration",
];

/// The parameter of RFC 8707.
pub(super) const RESOURCE: &str = "resource";

/// The longest value of a parameter.
pub(crate) const MAX_VALUE: usize = 4096;
/// The longest request, in bytes.
pub(crate) const MAX_REQUEST: usize = 16 * 1024;

/// The parameters of a request, each at most once.
pub(super) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    pub(super) fn parse(encoded: &str) -> Result<Self, &'static str> {
        if encoded.len() > MAX_REQUEST {
            return Err("the request is too long");
        }
        let mut values: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded.as_bytes()) {
            let Some(known) = KNOWN.iter().find(|known| **known == name) else {
                continue;
            };
            // several resources are an error of their own (RFC 8707 section 2)
            if *known != RESOURCE && values.iter().any(|(seen, _)| seen == known) {
                return Err("a parameter was sent twice");
            }
            if value.len() > MAX_VALUE || value.contains('\0') {
                return Err("a parameter is too long or has a NUL in it");
            }
            values.push((known, value.into_owned()));
        }
        values.retain(|(_, value)| !value.is_empty());
        Ok(Self(values))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter();
        let found = values.find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the number of resources, which alone may be sent more than once.
    pub(super) fn resources(&self) -> usize {
        let resources = self.0.iter().filter(|(name, _)| *name == RESOURCE);
        resources.count()
    }
}
