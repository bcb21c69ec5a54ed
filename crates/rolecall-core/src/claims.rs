use serde::{Deserialize, Serialize};

use crate::Revision;

/// Whether a subject is a person with a password or an OAuth client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A person.
    User,
    /// An OAuth client that acts for itself.
    Client,
}

/// The `aud` claim: one audience or several (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// A single audience, written as a string.
    One(String),
    /// Several audiences, written as an array.
    Many(Vec<String>),
}

impl Audience {
    /// Whether `audience` is among them, compared byte for byte.
    #[must_use]
    pub fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// The claims of an access token as rolecall issues it (RFC 9068 section 2.2).
///
/// `roles` and `scope` are written empty too: a flat check in any language is then right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer.
    pub iss: String,
    /// The subject's id: never reused, and never the same for a user and a client.
    pub sub: String,
    /// What kind of subject `sub` is.
    pub subject_kind: SubjectKind,
    /// The audience.
    pub aud: Audience,
    /// The client that asked for the token; `rolecall` where there was none.
    pub client_id: String,
    /// When the token was issued, in seconds since the epoch.
    pub iat: i64,
    /// When the token ends, in seconds since the epoch.
    pub exp: i64,
    /// The token's own id.
    pub jti: String,
    /// The session that the token belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When the user last proved who they are, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The user name, or the name of the client.
    pub username: String,
    /// The active roles and all that they inherit.
    pub roles: Vec<String>,
    /// The permissions that they give, separated by spaces (RFC 8693 section 4.2).
    ///
    /// `None` where the token would have become too long: guards with a policy derive them from `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The tenant that the token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Whether less was asked for than the subject holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrowed: bool,
    /// The revision that the token was made from.
    pub rev: Revision,
    /// The era of the database that the token was made from.
    pub era: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> AccessClaims {
        AccessClaims {
            iss: "https://a.test".into(),
            sub: "u1".into(),
            subject_kind: SubjectKind::User,
            aud: Audience::One("https://a.test".into()),
            client_id: "rolecall".into(),
            iat: 1,
            exp: 2,
            jti: "j".into(),
            sid: Some("s".into()),
            auth_time: Some(1),
            username: "alice".into(),
            roles: vec![],
            scope: Some(String::new()),
            tenant: None,
            narrowed: false,
            rev: 7,
            era: "e".into(),
        }
    }

    #[test]
    fn empty_roles_and_scope_are_written_and_absent_members_are_not() {
        let json = serde_json::to_value(claims()).unwrap();
        assert_eq!(json["roles"], serde_json::json!([]));
        assert_eq!(json["scope"], "");
        assert_eq!(json["subject_kind"], "user");
        assert!(json.get("tenant").is_none() && json.get("narrowed").is_none());
    }

    #[test]
    fn an_audience_is_compared_whole() {
        let many = Audience::Many(vec!["https://a.test".into(), "b".into()]);
        assert!(many.contains("b") && many.contains("https://a.test"));
        assert!(
            !many.contains("https://a.tes")
                && !many.contains("https://a.test/")
                && !many.contains("")
        );
    }
}
