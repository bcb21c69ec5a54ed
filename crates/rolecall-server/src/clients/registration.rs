//! The rules for what an administrator registers as a client.

use std::collections::BTreeSet;

use rolecall_core::is_unprintable;

use super::store::{Client, GrantType};
use crate::{
    error::{ApiError, FieldError},
    ids,
    tokens::requested::RequestedScope,
};

const MAX_NAME: usize = 100;
const MAX_LIST: usize = 20;
const MAX_ITEM: usize = 500;

/// A client to register, not yet checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientRegistration {
    pub(crate) name: String,
    pub(crate) grants: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) scope: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) public: bool,
}

impl ClientRegistration {
    /// Returns the registration of an existing client.
    pub(crate) fn of(client: &Client) -> Self {
        Self {
            name: client.name.clone(),
            grants: client.grants.iter().map(ToString::to_string).collect(),
            audiences: client.audiences.clone(),
            scope: client.scope.clone(),
            redirect_uris: client.redirect_uris.clone(),
            public: client.public,
        }
    }

    /// Checks everything, and writes it into `client`.
    pub(crate) fn apply(&self, client: &mut Client) -> Result<(), ApiError> {
        // a name from before a rule does not block other changes; a new client has none yet
        if self.name != client.name || client.name.is_empty() {
            client.name = name(&self.name)?;
        }
        client.grants = grants(&self.grants, self.public)?;
        client.audiences = list("audiences", &self.audiences, is_audience)?;
        client.redirect_uris = list("redirect_uris", &self.redirect_uris, is_redirect_uri)?;
        client.scope = self.scope.as_deref().map(scope).transpose()?;
        client.public = self.public;
        Ok(())
    }
}

pub(super) fn refused(member: &str, msg: impl Into<String>) -> ApiError {
    ApiError::Invalid(FieldError::body(member, "value_error", msg))
}

/// Checks a name, which is shown to people.
fn name(text: &str) -> Result<String, ApiError> {
    let fits = !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= MAX_NAME
        && !text.contains(is_unprintable);
    if !fits {
        return Err(refused(
            "name",
            format!(
                "name is 1 to {MAX_NAME} characters, none of them a control or format character, with no space around them"
            ),
        ));
    }
    // commands accept names and ids: the name of one client must not be the id of another
    if ids::is_id(text) {
        let msg =
            "name must not have the form of an id, such as that of a client: choose another name";
        return Err(refused("name", msg));
    }
    Ok(text.to_owned())
}

fn grants(names: &[String], public: bool) -> Result<BTreeSet<GrantType>, ApiError> {
    let mut grants = BTreeSet::new();
    for name in names {
        let grant: GrantType = name
            .parse()
            .map_err(|problem| refused("grants", format!("grants: {problem}")))?;
        if grant == GrantType::ClientCredentials && public {
            let msg = "grants: a public client has no secret and cannot act for itself";
            return Err(refused("grants", msg));
        }
        grants.insert(grant);
    }
    Ok(grants)
}

fn scope(text: &str) -> Result<String, ApiError> {
    match RequestedScope::parse(text) {
        Ok(asked) => Ok(asked.text),
        Err(_) => Err(refused(
            "scope",
            "scope is a list of role:NAME and object:operation with single spaces between",
        )),
    }
}

fn list(
    member: &str,
    items: &[String],
    fits: impl Fn(&str) -> bool,
) -> Result<Vec<String>, ApiError> {
    if items.len() > MAX_LIST {
        return Err(refused(
            member,
            format!("{member} has at most {MAX_LIST} items"),
        ));
    }
    for (index, item) in items.iter().enumerate() {
        if item.len() > MAX_ITEM || !fits(item) || items.iter().take(index).any(|one| one == item) {
            let what = match member {
                "audiences" => {
                    "is twice there, or not an audience: printable ASCII without spaces, quotes and backslashes"
                }
                _ => {
                    "is twice there, or not a redirect URI: https, http on a loopback address, or a scheme of the application's own such as com.example.app; absolute, without fragment and wildcard"
                }
            };
            return Err(refused(member, format!("{member}: item {index} {what}")));
        }
    }
    Ok(items.to_vec())
}

fn is_audience(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'))
}

/// RFC 9700 section 2.6 and RFC 8252 section 7.
fn is_redirect_uri(text: &str) -> bool {
    if !text.is_ascii() || text.contains(['#', '*', '\\']) || text.contains(char::is_whitespace) {
        return false;
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let authority = rest.strip_prefix("//").and_then(|rest| {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        rest.get(..end)
    });
    match (scheme, authority) {
        ("https", Some(host)) => !host.is_empty() && !host.contains('@'),
        ("http", Some(host)) => {
            let loopback = ["127.0.0.1", "[::1]"];
            loopback.iter().any(|name| {
                host.strip_prefix(name)
                    .is_some_and(|port| port.is_empty() || is_port(port))
            })
        }
        (scheme, _) => {
            scheme.contains('.')
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte))
                && rest.len() > 1
        }
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|digits| digits.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_another_one_or_is_the_form_of_an_id_is_refused() {
        for bad in [
            "a\u{202e}b",
            "a\u{2028}b",
            "a\u{200b}b",
            "018bcfe5-6800-7000-8000-000000000000",
            "018BCFE5-6800-7000-8000-000000000000",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        for good in ["018bcfe5", "my app", "ü-山"] {
            assert!(name(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn o058_a_redirect_uri_that_leads_elsewhere_is_refused() {
        for wrong in [
            "http://app.example/cb",
            "http://localhost.evil.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:port/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "/cb",
            "cb",
            "",
            "https://",
            "https://*.app.example/cb",
            "https://app.example/cb#fragment",
            "https://user@app.example/cb",
            "https://app.example/a b",
            "https://app.example\\@evil.example",
        ] {
            assert!(!is_redirect_uri(wrong), "{wrong}");
        }
        for right in [
            "https://app.example/cb?a=b",
            "http://127.0.0.1:4711/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:80/cb",
            "com.example.app:/oauth",
        ] {
            assert!(is_redirect_uri(right), "{right}");
        }
    }

    #[test]
    fn an_audience_has_no_character_that_a_header_or_a_log_would_trip_over() {
        for wrong in ["", "a b", "a\"b", "a\\b", "a\nb", "ä"] {
            assert!(!is_audience(wrong), "{wrong:?}");
        }
        assert!(is_audience("https://api.example/v1") && is_audience("billing"));
    }

    #[test]
    fn a_public_client_does_not_act_for_itself() {
        let asked = ["client_credentials".to_owned()];
        assert!(grants(&asked, true).is_err());
        assert!(grants(&asked, false).is_ok());
        assert!(grants(&["implicit".to_owned()], false).is_err());
    }

    #[test]
    fn a_list_or_an_item_of_it_is_refused_from_the_first_too_many() {
        let audiences = |items: &[String]| list("audiences", items, is_audience).is_ok();
        assert!(audiences(&["a".repeat(MAX_ITEM)]));
        assert!(!audiences(&["a".repeat(MAX_ITEM + 1)]));
        let many: Vec<String> = (0..=MAX_LIST).map(|item| item.to_string()).collect();
        assert!(!audiences(&many));
        assert!(audiences(many.split_last().unwrap().1));
    }
}
