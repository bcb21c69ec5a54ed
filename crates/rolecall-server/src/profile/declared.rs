//! The declared fields, checked together.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::is_unprintable;
use serde_json::{Map, Value};

use super::{
    claims,
    field::{FieldAccess, FieldKind, ProfileField},
    store::Claimed,
};

/// The most fields. Their values are read with each user.
const MAX_FIELDS: usize = 32;
const MAX_NAME: usize = 40;
const MAX_LENGTH: usize = 1000;
const MAX_VALUES: usize = 100;
const MAX_VALUE: usize = 100;
/// The longest message about a pattern, and the part of a faulty pattern that is shown.
const MAX_MESSAGE: usize = 200;

/// Members of a user that are no profile fields; a field of the same name would be taken for one of them.
const ACCOUNT_MEMBERS: &[&str] = &[
    "id",
    "sub",
    "username",
    "preferred_username",
    "email",
    "email_verified",
    "password",
    "hashed_password",
    "password_hash",
    "role",
    "roles",
    "permissions",
    "tenant",
    "status",
    "disabled",
    "created_at",
    "updated_at",
];

/// The profile fields of this server, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProfileFields {
    fields: BTreeMap<String, ProfileField>,
    /// Access tokens carry the e-mail address.
    email_claim: bool,
}

impl ProfileFields {
    /// Checks the declarations. `max_token_bytes` is the longest token; claims may take a quarter of it.
    ///
    /// # Errors
    ///
    /// A line for each fault, which names the field.
    pub(crate) fn new(
        declared: impl IntoIterator<Item = ProfileField>,
        email_claim: bool,
        max_token_bytes: usize,
    ) -> Result<Self, Vec<String>> {
        let mut fields = BTreeMap::new();
        let mut claimed = BTreeSet::new();
        let mut faults = Vec::new();
        for field in declared {
            let at = format!("`profile.fields.{}`", shown(&field.name));
            faults.extend(
                faults_of(&field)
                    .into_iter()
                    .map(|fault| format!("{at}: {fault}")),
            );
            if field
                .claim
                .as_ref()
                .is_some_and(|claim| !claimed.insert(claim.clone()))
            {
                faults.push(format!("{at}: another field has the same claim"));
            }
            if let Some(other) = fields.insert(field.name.clone(), field) {
                faults.push(format!(
                    "`profile.fields.{}` is declared twice",
                    shown(&other.name)
                ));
            }
        }
        if fields.len() > MAX_FIELDS {
            let number = fields.len();
            faults.push(format!(
                "`profile.fields`: {number} fields are more than {MAX_FIELDS}; keep further data in a table of your own that refers to `users (id)`"
            ));
        }
        let email = if email_claim { claims::EMAIL_BYTES } else { 0 };
        let most = fields.values().map(claims::most_bytes).sum::<usize>() + email;
        let allowed = max_token_bytes / 4;
        if most > allowed {
            faults.push(format!(
                "`profile.fields`: the claims could take {most} bytes of a token, and {allowed} are allowed, a quarter of `tokens.max_bytes`: set smaller `max_length`s, make fewer fields a claim, or raise `tokens.max_bytes`"
            ));
        }
        if faults.is_empty() {
            Ok(Self {
                fields,
                email_claim,
            })
        } else {
            Err(faults)
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&ProfileField> {
        self.fields.get(name)
    }

    /// Returns the fields by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &ProfileField> {
        self.fields.values()
    }

    /// Returns true if tokens carry the e-mail address, and whether it is verified.
    pub(crate) fn has_email_claim(&self) -> bool {
        self.email_claim
    }

    /// Returns true if tokens carry anything that has to be read for them.
    pub(crate) fn has_claims(&self) -> bool {
        self.email_claim || self.iter().any(|field| field.claim.is_some())
    }

    /// Returns the claims of a user. A stored value that does not fit its field any more is left out, also one that does
    /// not match the pattern: APIs rely on what a claim can be.
    pub(crate) fn claims_of(&self, user: Claimed) -> Map<String, Value> {
        let mut written = Map::new();
        for field in self.iter() {
            let value = user.profile.0.get(&field.name);
            let value = value.filter(|value| field.check(value).is_ok());
            if let (Some(claim), Some(value)) = (&field.claim, value) {
                written.insert(claim.clone(), value.clone());
            }
        }
        if let (true, Some(email)) = (self.email_claim, user.email) {
            written.insert("email".to_owned(), email.into());
            let is_verified = user.email_verified_at.is_some();
            written.insert("email_verified".to_owned(), is_verified.into());
        }
        written
    }

    /// Returns the names of the claims that tokens may carry.
    pub(crate) fn claim_names(&self) -> impl Iterator<Item = &str> {
        let email = ["email", "email_verified"].into_iter();
        let email = email.filter(|_| self.email_claim);
        self.iter()
            .filter_map(|field| field.claim.as_deref())
            .chain(email)
    }
}

/// Quotes the start of a name that may be anything.
fn shown(name: &str) -> String {
    name.chars()
        .take(MAX_NAME)
        .flat_map(char::escape_debug)
        .collect()
}

fn faults_of(field: &ProfileField) -> Vec<String> {
    let mut faults = Vec::new();
    let name = field.name.as_str();
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.len() > MAX_NAME
        || !name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        || !name.bytes().all(is_name)
    {
        faults.push(format!(
            "a name has 1 to {MAX_NAME} of the characters `a-z`, `0-9` and `_`, and begins with a letter"
        ));
    }
    if ACCOUNT_MEMBERS.contains(&name) {
        faults.push("this name belongs to the account itself; choose another one".to_owned());
    }
    let word = field.kind.word();
    if let Some(types) = claims::standard_types(name)
        && !types.contains(&word)
    {
        let types = types.join("\"` or `type = \"");
        faults.push(format!(
            "OpenID Connect gives this name a type: set `type = \"{types}\"`, or choose another name"
        ));
    }
    faults.extend(faults_of_kind(&field.kind));
    faults.extend(fault_of_pattern(field));
    if field.write < field.read {
        faults.push(format!(
            "`write = \"{}\"` lets people write what they may not read; set `write` to `{}` or narrower",
            field.write, field.read
        ));
    }
    if field.required && field.write != FieldAccess::Owner {
        faults.push(
            "`required` is for users who register; set `write = \"self\"`, or leave it out"
                .to_owned(),
        );
    }
    faults.extend(claims::fault(field));
    faults
}

fn fault_of_pattern(field: &ProfileField) -> Option<String> {
    let word = field.kind.word();
    let Some(pattern) = &field.pattern else {
        let lacks_pattern = field.pattern_message.is_some();
        return lacks_pattern.then(|| "`pattern_message` needs a `pattern`".to_owned());
    };
    if field.kind.max_length().is_none() {
        return Some(format!(
            "`pattern` is for `string` and `url`, not for `{word}`"
        ));
    }
    if let Some(fault) = pattern.fault() {
        let pattern: String = pattern.text().chars().take(MAX_MESSAGE).collect();
        return Some(format!(
            "`pattern`: {fault}, in `{}`",
            pattern.escape_debug()
        ));
    }
    let message = field.pattern_message.as_deref()?;
    let fits = (1..=MAX_MESSAGE).contains(&message.chars().count())
        && message.trim() == message
        && !message.chars().any(is_unprintable);
    (!fits).then(|| {
        format!("`pattern_message` is a text of 1 to {MAX_MESSAGE} characters in one line, without spaces around it")
    })
}

fn faults_of_kind(kind: &FieldKind) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(length) = kind.max_length()
        && !(1..=MAX_LENGTH).contains(&length)
    {
        faults.push(format!(
            "`max_length`: {length} is not between 1 and {MAX_LENGTH}"
        ));
    }
    let FieldKind::Enum { values } = kind else {
        return faults;
    };
    if !(1..=MAX_VALUES).contains(&values.len()) {
        faults.push(format!("`values` needs 1 to {MAX_VALUES} texts"));
    }
    let mut known = BTreeSet::new();
    for value in values {
        let fits = (1..=MAX_VALUE).contains(&value.chars().count())
            && value.trim() == value
            && !value.chars().any(is_unprintable);
        if !fits {
            faults.push(format!(
                "`values`: each is a text of 1 to {MAX_VALUE} characters in one line, without spaces around it"
            ));
        }
        if !known.insert(value) {
            faults.push(format!("`values` contains `{}` twice", shown(value)));
        }
    }
    faults
}
