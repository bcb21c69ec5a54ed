//! The claims of an access token.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Acr, Revision};

/// The kind of a subject: a user or an OAuth client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A person who logs in.
    User,
    /// An OAuth client that acts on its own behalf.
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
    /// Returns true if `audience` is one of the audiences, compared byte for byte.
    #[must_use]
    pub fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

/// The `global` claim of a token for a tenant: what its subject holds without the tenant.
///
/// Beside it, the flat `roles` and `scope` also include what the subject holds in the tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalClaims {
    /// The active roles of global assignments, including inherited ones.
    pub roles: Vec<String>,
    /// The permissions of these roles, separated by spaces; `None` if the token was too long to carry them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

/// The claims of an access token that rolecall issues (RFC 9068 section 2.2).
///
/// `roles` and `scope` are written even when they are empty, so that a simple check in any language works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer: the URL of the authorization server.
    pub iss: String,
    /// The id of the subject. It is never reused, and no user shares one with a client.
    pub sub: String,
    /// The kind of the subject.
    pub subject_kind: SubjectKind,
    /// The audience: the API for which the token is meant.
    pub aud: Audience,
    /// The id of the client that requested the token; `rolecall` if the user logged in without a client.
    pub client_id: String,
    /// The time of issue, in seconds since the epoch.
    pub iat: i64,
    /// The expiry time, in seconds since the epoch.
    pub exp: i64,
    /// The unique id of the token.
    pub jti: String,
    /// The id of the session in which the token was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The time at which the user last authenticated, in seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The assurance of the session. A token without it, such as that of a client, has the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// The methods by which the user authenticated (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Roles that the token does not carry, but that a session with a higher assurance has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_up: Vec<String>,
    /// The user name. Empty, and not written, in the token of a client: a client could have the name of a user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// The active roles, including inherited ones.
    pub roles: Vec<String>,
    /// The permissions of these roles, separated by spaces (RFC 8693 section 4.2).
    ///
    /// `None` if the list would have made the token too long. A guard with a policy derives it from `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The tenant for which the token was issued, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// In a token for a tenant, what the subject holds without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<GlobalClaims>,
    /// True if the token was requested with less than the subject holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrowed: bool,
    /// The revision of the database from which the token was issued.
    pub rev: Revision,
    /// The era of the database from which the token was issued.
    pub era: String,
    /// Claims of the application, such as a department. None may have the name of a claim above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
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
            acr: Some(Acr::Aal1),
            amr: vec![],
            step_up: vec![],
            username: "alice".into(),
            roles: vec![],
            scope: Some(String::new()),
            tenant: None,
            global: None,
            narrowed: false,
            rev: 7,
            era: "e".into(),
            other: Map::new(),
        }
    }

    #[test]
    fn empty_roles_and_scope_are_serialized_but_absent_claims_are_not() {
        let json = serde_json::to_value(claims()).unwrap();
        assert_eq!(json["roles"], serde_json::json!([]));
        assert_eq!(json["scope"], "");
        assert_eq!(json["subject_kind"], "user");
        assert_eq!(json["acr"], "aal1");
        for absent in ["tenant", "global", "narrowed", "amr", "step_up"] {
            assert!(json.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn a_client_has_no_username_and_a_tenant_token_names_what_is_held_globally() {
        let client = AccessClaims {
            subject_kind: SubjectKind::Client,
            username: String::new(),
            tenant: Some("acme".into()),
            global: Some(GlobalClaims {
                scope: Some(String::new()),
                ..GlobalClaims::default()
            }),
            ..claims()
        };
        let json = serde_json::to_value(&client).unwrap();
        assert!(json.get("username").is_none(), "{json}");
        assert_eq!(
            json["global"],
            serde_json::json!({ "roles": [], "scope": "" })
        );
        assert_eq!(
            serde_json::from_value::<AccessClaims>(json).unwrap(),
            client
        );
    }

    #[test]
    fn audiences_match_only_exactly() {
        let many = Audience::Many(vec!["https://a.test".into(), "b".into()]);
        assert!(many.contains("b") && many.contains("https://a.test"));
        assert!(
            !many.contains("https://a.tes")
                && !many.contains("https://a.test/")
                && !many.contains("")
        );
    }
}
