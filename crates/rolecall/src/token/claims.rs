use rolecall_core::{Audience, Revision, SubjectKind};
use serde_json::{Map, Value};

use super::error::Reason;
use super::json;
use super::verifying::KeyFingerprint;

/// The latest `NumericDate` that is taken: 9999-12-31T23:59:59Z, in seconds.
const MAX_TIME: i64 = 253_402_300_799;

/// The claims of an access token that has been verified.
///
/// Claims that other issuers leave out have the values that mean "nothing": no roles, no scope.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VerifiedClaims {
    /// The issuer.
    pub iss: String,
    /// The subject's id, not empty.
    pub sub: String,
    /// What kind of subject it is; a user where the token does not say.
    pub subject_kind: SubjectKind,
    /// The audiences.
    pub aud: Audience,
    /// The client that asked for the token, or an empty text.
    pub client_id: String,
    /// When the token was issued, in seconds since the epoch.
    pub iat: i64,
    /// From when it is valid, in seconds since the epoch.
    pub nbf: Option<i64>,
    /// When it ends, in seconds since the epoch: from that second on it is no longer valid.
    pub exp: i64,
    /// The token's own id, or an empty text.
    pub jti: String,
    /// The session that it belongs to.
    pub sid: Option<String>,
    /// When the user last proved who they are, in seconds since the epoch.
    pub auth_time: Option<i64>,
    /// The user name; `sub` where the token does not say.
    pub username: String,
    /// The roles, as written.
    pub roles: Vec<String>,
    /// The permissions, separated by spaces.
    pub scope: String,
    /// Whether the token has a `scope` at all: an empty one says that it holds no permission.
    pub has_scope: bool,
    /// The tenant that the token is for.
    pub tenant: Option<String>,
    /// Whether less was asked for than the subject holds.
    pub narrowed: bool,
    /// The revision that it was made from; 0 where the token does not say.
    pub rev: Revision,
    /// The era of the database that it was made from, or an empty text.
    pub era: String,
    /// Every other claim, as written.
    pub other: Map<String, Value>,
    /// The key that signed it.
    pub key: KeyFingerprint,
}

impl VerifiedClaims {
    /// Reads the payload: a known claim of a wrong type refuses the token, `null` included.
    pub(super) fn parse(payload: &[u8], key: KeyFingerprint) -> Result<Self, Reason> {
        json::check(payload).map_err(|_| Reason::Claims)?;
        let members = serde_json::from_slice(payload).map_err(|_| Reason::Claims)?;
        let mut claims = Members(members);
        let sub = claims.text("sub")?.filter(|sub| !sub.is_empty());
        let sub = sub.ok_or(Reason::Claims)?;
        Ok(Self {
            iss: claims.text("iss")?.ok_or(Reason::Claims)?,
            has_scope: claims.0.contains_key("scope"),
            subject_kind: claims.subject_kind()?,
            aud: claims.audience()?,
            client_id: claims.text("client_id")?.unwrap_or_default(),
            iat: claims.time("iat")?.ok_or(Reason::Claims)?,
            nbf: claims.time("nbf")?,
            exp: claims.time("exp")?.ok_or(Reason::Claims)?,
            jti: claims.text("jti")?.unwrap_or_default(),
            sid: claims.text("sid")?,
            auth_time: claims.time("auth_time")?,
            username: claims.text("username")?.unwrap_or_else(|| sub.clone()),
            sub,
            roles: claims.texts("roles")?.unwrap_or_default(),
            scope: claims.text("scope")?.unwrap_or_default(),
            tenant: claims.text("tenant")?,
            narrowed: claims.flag("narrowed")?,
            rev: claims.integer("rev")?.unwrap_or_default(),
            era: claims.text("era")?.unwrap_or_default(),
            other: claims.0,
            key,
        })
    }
}

struct Members(Map<String, Value>);

impl Members {
    fn text(&mut self, name: &str) -> Result<Option<String>, Reason> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Reason::Claims),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Reason> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Array(items)) => texts(items).map(Some),
            Some(_) => Err(Reason::Claims),
        }
    }

    fn flag(&mut self, name: &str) -> Result<bool, Reason> {
        match self.0.remove(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(Reason::Claims),
        }
    }

    /// An integer from 0: fractions, exponents and what does not fit in 63 bits are refused.
    fn integer(&mut self, name: &str) -> Result<Option<i64>, Reason> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                let number = number.as_i64().filter(|number| *number >= 0);
                number.map(Some).ok_or(Reason::Claims)
            }
            Some(_) => Err(Reason::Claims),
        }
    }

    fn time(&mut self, name: &str) -> Result<Option<i64>, Reason> {
        let seconds = self.integer(name)?;
        if seconds.is_some_and(|seconds| seconds > MAX_TIME) {
            return Err(Reason::Claims);
        }
        Ok(seconds)
    }

    /// RFC 7519 section 4.1.3: a string or an array of strings; an empty array names nobody.
    fn audience(&mut self) -> Result<Audience, Reason> {
        match self.0.remove("aud") {
            Some(Value::String(one)) => Ok(Audience::One(one)),
            Some(Value::Array(items)) if !items.is_empty() => texts(items).map(Audience::Many),
            _ => Err(Reason::Claims),
        }
    }

    fn subject_kind(&mut self) -> Result<SubjectKind, Reason> {
        match self.text("subject_kind")?.as_deref() {
            None | Some("user") => Ok(SubjectKind::User),
            Some("client") => Ok(SubjectKind::Client),
            Some(_) => Err(Reason::Claims),
        }
    }
}

fn texts(items: Vec<Value>) -> Result<Vec<String>, Reason> {
    let texts = items.into_iter().map(|item| match item {
        Value::String(text) => Ok(text),
        _ => Err(Reason::Claims),
    });
    texts.collect()
}
