//! The parameters of an authorization request.

use rolecall::token::MAX_TOKEN_BYTES;

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
    HINT,
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

/// The parameter with an ID token, which may be longer than others.
pub(crate) const HINT: &str = "id_token_hint";

/// The parameter of RFC 8707.
pub(super) const RESOURCE: &str = "resource";

/// The longest value of a parameter.
pub(crate) const MAX_VALUE: usize = 4096;
/// The longest ID token that comes back as a hint.
pub(crate) const MAX_HINT: usize = MAX_TOKEN_BYTES;
/// The longest request beside its hint, in bytes.
pub(crate) const MAX_REQUEST: usize = 16 * 1024;

/// The parameters of a request, each at most once.
pub(super) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    pub(super) fn parse(encoded: &str) -> Result<Self, &'static str> {
        if encoded.len() > MAX_REQUEST + MAX_HINT {
            return Err("the request is too long");
        }
        let mut rest = encoded.len();
        let mut values: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded.as_bytes()) {
            let Some(known) = KNOWN.iter().find(|known| **known == name) else {
                continue;
            };
            // several resources are an error of their own (RFC 8707 section 2)
            if *known != RESOURCE && values.iter().any(|(seen, _)| seen == known) {
                return Err("a parameter was sent twice");
            }
            let longest = if *known == HINT { MAX_HINT } else { MAX_VALUE };
            if *known == HINT {
                rest = rest.saturating_sub(value.len());
            }
            if value.len() > longest || value.contains('\0') {
                return Err("a parameter is too long or has a NUL in it");
            }
            values.push((known, value.into_owned()));
        }
        if rest > MAX_REQUEST {
            return Err("the request is too long");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y283_a_hint_is_as_long_as_an_id_token_and_nothing_else_is() {
        let reads = |name: &str, length: usize, more: usize| {
            let encoded = format!("{name}={}&other={}", "a".repeat(length), "b".repeat(more));
            Parameters::parse(&encoded).is_ok()
        };
        assert!(reads(HINT, MAX_HINT, 0) && !reads(HINT, MAX_HINT + 1, 0));
        assert!(reads("state", MAX_VALUE, 0) && !reads("state", MAX_VALUE + 1, 0));
        // a hint takes nothing from the other parameters, and gives them nothing
        let names = HINT.len() + "=&other=".len();
        assert!(reads(HINT, MAX_HINT, MAX_REQUEST - names));
        assert!(!reads(HINT, MAX_HINT, MAX_REQUEST - names + 1));
        assert!(!reads(HINT, 0, MAX_REQUEST - names + 1));
    }
}
