//! The claims of a verified access token, parsed strictly.

use rolecall_core::{Acr, Audience, GlobalClaims, Revision, SubjectKind};
use serde_json::{Map, Value};

use super::error::Reason;
use super::json;
use super::verifying::KeyFingerprint;

/// The latest `NumericDate` that is accepted: 9999-12-31T23:59:59Z, in seconds.
const MAX_TIME: i64 = 253_402_300_799;

/// The claims of a verified access token.
///
/// Claims that other issuers leave out have neutral values, such as no roles and an empty scope.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VerifiedClaims {
    /// The issuer.
    pub iss: String,
    /// The id of the subject; never empty.
    pub sub: String,
    /// The kind of the subject; a user if the claim is missing.
    pub subject_kind: SubjectKind,
    /// The audiences.
    pub aud: Audience,
    /// The id of the client that requested the token; empty if another issuer left it out.
    pub client_id: String,
    /// The time of issue, in seconds since the epoch.
    pub iat: i64,
    /// The time from which the token is valid, in seconds since the epoch.
    pub nbf: Option<i64>,
    /// The expiry time, in seconds since the epoch: the first second at which the token is no longer valid.
    pub exp: i64,
    /// The id of the token; empty if another issuer left it out.
    pub jti: String,
    /// The id of the session in which the token was issued.
    pub sid: Option<String>,
    /// The time at which the user last authenticated, in seconds since the epoch.
    pub auth_time: Option<i64>,
    /// The assurance of the session. `None` if the token has none, or one that rolecall does not know, which stays in
    /// `other`.
    pub acr: Option<Acr>,
    /// The methods by which the user authenticated (RFC 8176).
    pub amr: Vec<String>,
    /// Roles that the token does not carry, but that a session with a higher assurance has.
    pub step_up: Vec<String>,
    /// The user name; if the claim is missing, the same as `sub` for a user, and empty for a client.
    pub username: String,
    /// The roles, as written.
    pub roles: Vec<String>,
    /// The permissions, separated by spaces.
    pub scope: String,
    /// True if the token has a `scope`. An empty `scope` means that the token carries no permission.
    pub has_scope: bool,
    /// The tenant for which the token was issued.
    pub tenant: Option<String>,
    /// The roles and permissions that the subject holds without the tenant. `None` for a token without a tenant, and one of an older issuer.
    pub global: Option<GlobalClaims>,
    /// True if the token was requested with less than the subject holds.
    pub narrowed: bool,
    /// The revision from which the token was issued; 0 if the claim is missing.
    pub rev: Revision,
    /// The era of the database from which the token was issued; empty if the claim is missing.
    pub era: String,
    /// All other claims, as written.
    pub other: Map<String, Value>,
    /// The fingerprint of the key that verified the token.
    pub key: KeyFingerprint,
}

impl VerifiedClaims {
    /// Parses a payload. A known claim with the wrong type makes it invalid, and `null` is a wrong type.
    pub(super) fn parse(payload: &[u8], key: KeyFingerprint) -> Result<Self, Reason> {
        json::check(payload).map_err(|_| Reason::Claims)?;
        let members = serde_json::from_slice(payload).map_err(|_| Reason::Claims)?;
        let mut claims = Members(members);
        let sub = claims.string("sub")?.filter(|sub| !sub.is_empty());
        let sub = sub.ok_or(Reason::Claims)?;
        claims.check_ids()?;
        let subject_kind = claims.subject_kind()?;
        Ok(Self {
            iss: claims.string("iss")?.ok_or(Reason::Claims)?,
            has_scope: claims.0.contains_key("scope"),
            subject_kind,
            aud: claims.audience()?,
            client_id: claims.string("client_id")?.unwrap_or_default(),
            iat: claims.time("iat")?.ok_or(Reason::Claims)?,
            nbf: claims.time("nbf")?,
            exp: claims.time("exp")?.ok_or(Reason::Claims)?,
            jti: claims.string("jti")?.unwrap_or_default(),
            sid: claims.string("sid")?,
            auth_time: claims.time("auth_time")?,
            acr: claims.acr()?,
            amr: claims.methods(),
            step_up: claims.strings("step_up")?.unwrap_or_default(),
            username: claims
                .string("username")?
                .unwrap_or_else(|| default_username(subject_kind, &sub)),
            sub,
            roles: claims.strings("roles")?.unwrap_or_default(),
            scope: claims.string("scope")?.unwrap_or_default(),
            tenant: claims.string("tenant")?,
            global: claims.global()?,
            narrowed: claims.boolean("narrowed")?,
            rev: claims.integer("rev")?.unwrap_or_default(),
            era: claims.string("era")?.unwrap_or_default(),
            other: claims.0,
            key,
        })
    }
}

impl VerifiedClaims {
    /// Returns true if the token names its client and itself, as RFC 9068 section 2.2 requires.
    pub(super) fn has_ids(&self) -> bool {
        !self.client_id.is_empty() && !self.jti.is_empty()
    }
}

/// Returns the user name of a token without the claim: the id of a user, and none for a client.
fn default_username(kind: SubjectKind, sub: &str) -> String {
    match kind {
        SubjectKind::User => sub.to_owned(),
        SubjectKind::Client => String::new(),
    }
}

/// The members of the payload that have not been taken yet.
struct Members(Map<String, Value>);

impl Members {
    /// Requires `client_id` and `jti` of rolecall's own tokens, which `rev` and `era` show (RFC 9068 section 2.2).
    ///
    /// Without them, a floor for the client or the token could not end it. Other issuers may leave them out.
    fn check_ids(&self) -> Result<(), Reason> {
        let is_own = ["rev", "era"].iter().any(|name| self.0.contains_key(*name));
        let has = |name: &str| {
            let value = self.0.get(name).and_then(Value::as_str);
            value.is_some_and(|text| !text.is_empty())
        };
        if is_own && !(has("client_id") && has("jti")) {
            return Err(Reason::Claims);
        }
        Ok(())
    }

    fn string(&mut self, name: &str) -> Result<Option<String>, Reason> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Reason::Claims),
        }
    }

    fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, Reason> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::Array(items)) => strings(items).map(Some),
            Some(_) => Err(Reason::Claims),
        }
    }

    fn boolean(&mut self, name: &str) -> Result<bool, Reason> {
        match self.0.remove(name) {
            None => Ok(false),
            Some(Value::Bool(boolean)) => Ok(boolean),
            Some(_) => Err(Reason::Claims),
        }
    }

    /// Takes an integer that is not negative and fits in 63 bits, written without fraction and exponent.
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

    /// Takes a `NumericDate`, rounded down to seconds: a fraction is allowed (RFC 7519 section 2).
    fn time(&mut self, name: &str) -> Result<Option<i64>, Reason> {
        let Some(value) = self.0.remove(name) else {
            return Ok(None);
        };
        let seconds = value.as_i64().or_else(|| value.as_f64().and_then(whole));
        let in_range = seconds.filter(|seconds| (0..=MAX_TIME).contains(seconds));
        in_range.map(Some).ok_or(Reason::Claims)
    }

    /// Takes `acr` if its value is one of rolecall's. Other issuers have values of their own, which stay where they are.
    fn acr(&mut self) -> Result<Option<Acr>, Reason> {
        let acr = match self.0.get("acr") {
            None => return Ok(None),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => return Err(Reason::Claims),
        };
        if acr.is_some() {
            self.0.remove("acr");
        }
        Ok(acr)
    }

    /// Takes `amr` if it is an array of strings (RFC 8176). Nothing is decided by it, so the claim of an issuer that writes
    /// something else stays where it is.
    fn methods(&mut self) -> Vec<String> {
        let Some(Value::Array(items)) = self.0.get("amr") else {
            return Vec::new();
        };
        let Ok(methods) = strings(items.clone()) else {
            return Vec::new();
        };
        self.0.remove("amr");
        methods
    }

    /// Takes `global`: an object with `roles` and `scope`.
    fn global(&mut self) -> Result<Option<GlobalClaims>, Reason> {
        let mut members = match self.0.remove("global") {
            None => return Ok(None),
            Some(Value::Object(members)) => Self(members),
            Some(_) => return Err(Reason::Claims),
        };
        Ok(Some(GlobalClaims {
            roles: members.strings("roles")?.unwrap_or_default(),
            scope: members.string("scope")?,
        }))
    }

    /// Takes `aud`: a string or a non-empty array of strings (RFC 7519 section 4.1.3).
    fn audience(&mut self) -> Result<Audience, Reason> {
        match self.0.remove("aud") {
            Some(Value::String(one)) => Ok(Audience::One(one)),
            Some(Value::Array(items)) if !items.is_empty() => strings(items).map(Audience::Many),
            _ => Err(Reason::Claims),
        }
    }

    fn subject_kind(&mut self) -> Result<SubjectKind, Reason> {
        match self.string("subject_kind")?.as_deref() {
            None | Some("user") => Ok(SubjectKind::User),
            Some("client") => Ok(SubjectKind::Client),
            Some(_) => Err(Reason::Claims),
        }
    }
}

/// Returns the whole seconds of a number between zero and [`MAX_TIME`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the number is between zero and `MAX_TIME`, which an f64 represents exactly"
)]
fn whole(number: f64) -> Option<i64> {
    let is_in_range = (0.0..MAX_TIME as f64 + 1.0).contains(&number);
    (is_in_range && number.is_sign_positive()).then(|| number.floor() as i64)
}

fn strings(items: Vec<Value>) -> Result<Vec<String>, Reason> {
    let strings = items.into_iter().map(|item| match item {
        Value::String(text) => Ok(text),
        _ => Err(Reason::Claims),
    });
    strings.collect()
}
