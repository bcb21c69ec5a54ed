//! The scopes of `OpenID` Connect (Core section 5.4), and what of them a user has to offer.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A scope that asks for claims about the user or for a long-lived session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdentityScope {
    /// The request is one of `OpenID` Connect.
    Openid,
    /// The user's names and the like.
    Profile,
    /// The e-mail address.
    Email,
    /// The telephone number, which no user has yet.
    Phone,
    /// The postal address, which no user has yet.
    Address,
    /// The roles, as `roles` and `groups`.
    Roles,
    /// The same.
    Groups,
    /// The session outlives that of the browser.
    OfflineAccess,
}

impl IdentityScope {
    pub(crate) const ALL: [Self; 8] = [
        Self::Openid,
        Self::Profile,
        Self::Email,
        Self::Phone,
        Self::Address,
        Self::Roles,
        Self::Groups,
        Self::OfflineAccess,
    ];

    /// Returns the value of `scope`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Openid => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::Roles => "roles",
            Self::Groups => "groups",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// Returns the scope that `value` names.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == value)
    }
}

/// Splits a scope into what it asks for about the user and the other values, separated by spaces.
pub(crate) fn split(text: &str) -> (BTreeSet<IdentityScope>, String) {
    let (mut identity, mut others) = (BTreeSet::new(), Vec::new());
    for value in text.split(' ').filter(|value| !value.is_empty()) {
        match IdentityScope::parse(value) {
            Some(scope) => {
                identity.insert(scope);
            }
            None => others.push(value),
        }
    }
    (identity, others.join(" "))
}

/// What a session was granted about the identity of its user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) scopes: BTreeSet<IdentityScope>,
    /// Claims of `/userinfo` that the request named one by one.
    pub(crate) claims: BTreeSet<String>,
    /// The request named the audience of its tokens.
    pub(crate) names_resource: bool,
}

impl Identity {
    const CLAIM: &str = "claim:";
    const RESOURCE: &str = "resource";

    /// Writes it in one line.
    pub(crate) fn write(&self) -> String {
        let scopes = self.scopes.iter().map(|scope| scope.as_str().to_owned());
        let claims = self.claims.iter();
        let claims = claims.map(|name| format!("{}{name}", Self::CLAIM));
        let resource = self.names_resource.then(|| Self::RESOURCE.to_owned());
        let words: Vec<String> = scopes.chain(claims).chain(resource).collect();
        words.join(" ")
    }

    /// Reads what [`write`](Self::write) wrote.
    pub(crate) fn read(text: &str) -> Self {
        let mut identity = Self::default();
        for word in text.split(' ') {
            if let Some(scope) = IdentityScope::parse(word) {
                identity.scopes.insert(scope);
            } else if let Some(claim) = word.strip_prefix(Self::CLAIM) {
                identity.claims.insert(claim.to_owned());
            } else if word == Self::RESOURCE {
                identity.names_resource = true;
            }
        }
        identity
    }

    /// Writes the scopes as the token endpoint answers them.
    pub(crate) fn answer(&self) -> String {
        let names: Vec<&str> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        names.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let whole = Identity {
            scopes: IdentityScope::ALL.into(),
            claims: ["email".to_owned(), "name".to_owned()].into(),
            names_resource: true,
        };
        assert_eq!(Identity::read(&whole.write()), whole);
        assert_eq!(Identity::read(""), Identity::default());
        let known = Identity::read("openid items:read later");
        assert_eq!(known.scopes, [IdentityScope::Openid].into());
        for scope in IdentityScope::ALL {
            let json = serde_json::to_value(scope).unwrap();
            assert_eq!(json, scope.as_str());
        }
    }
}
