//! Who may read and write which field. Every way to a profile uses these rules: the API, the command line, registration
//! and imports.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    declared::ProfileFields,
    field::{FieldAccess, ProfileField},
    input::ProfileInput,
    stored::StoredProfile,
    value::Misfit,
};
use crate::{
    authority::caller::Caller,
    error::{ApiError, FieldError, excerpt},
};

/// The most bytes of a stored profile. Declared fields fit unless many are long.
const MAX_BYTES: usize = 8 * 1024;

/// The relation of a reader or writer to a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// The user, at the own account or while registering.
    Owner,
    /// An administrator.
    Admin,
    /// The command line, or the code that embeds the server.
    Operator,
}

impl Party {
    /// Returns the relation of a caller who administers users.
    pub(crate) fn administering(caller: Caller<'_>) -> Self {
        match caller {
            Caller::Token(_) | Caller::As { .. } => Self::Admin,
            Caller::Own { .. } => Self::Owner,
            Caller::CommandLine { .. } | Caller::Application { .. } | Caller::System => {
                Self::Operator
            }
        }
    }

    fn is_among(self, access: FieldAccess) -> bool {
        match access {
            FieldAccess::Owner => true,
            FieldAccess::Admin => self != Self::Owner,
            FieldAccess::Nobody => self == Self::Operator,
        }
    }
}

/// Returns the values that `party` may read; `None` if no fields are declared. Values that do not fit the type of their
/// field any more are left out.
pub(crate) fn visible(
    fields: &ProfileFields,
    party: Party,
    stored: &StoredProfile,
) -> Option<Map<String, Value>> {
    if fields.is_empty() {
        return None;
    }
    let readable = fields.iter().filter(|field| party.is_among(field.read));
    let values = readable.filter_map(|field| {
        let value = stored.0.get(&field.name)?;
        field.check_type(value).ok()?;
        Some((field.name.clone(), value.clone()))
    });
    Some(values.collect())
}

/// Values that were checked against their fields and the rights of who wrote them; `None` removes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProfileChanges(BTreeMap<String, Option<Value>>);

/// A profile after changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) profile: StoredProfile,
    /// The names of the fields whose value is another one, for the audit log.
    pub(crate) names: Vec<String>,
    /// A claim changed that the user cannot write: applications may rely on it.
    pub(crate) ends_tokens: bool,
}

impl ProfileChanges {
    /// Checks what `party` wants to write.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`], which names the first field that does not exist, may not be written or does not fit.
    pub(crate) fn check(
        fields: &ProfileFields,
        party: Party,
        input: ProfileInput,
    ) -> Result<Self, ApiError> {
        let mut changes = BTreeMap::new();
        for (name, value) in input.0 {
            let field = writable(fields, party, &name)?;
            let value = if value.is_null() {
                None
            } else {
                field
                    .check(&value)
                    .map_err(|misfit| invalid(&name, misfit.kind, &misfit.expected))?;
                Some(value)
            };
            changes.insert(name, value);
        }
        Ok(Self(changes))
    }

    /// Checks the profile of a user who registers: required fields must be there.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub(crate) fn check_registration(
        fields: &ProfileFields,
        input: ProfileInput,
    ) -> Result<Self, ApiError> {
        let changes = Self::check(fields, Party::Owner, input)?;
        let has = |field: &ProfileField| matches!(changes.0.get(&field.name), Some(Some(_)));
        match fields.iter().find(|field| field.required && !has(field)) {
            None => Ok(changes),
            Some(field) => Err(invalid(&field.name, "missing", "this member is required")),
        }
    }

    /// Returns `stored` with the changes; `None` if nothing changes.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`] if all values together are too long.
    pub(crate) fn apply(
        &self,
        fields: &ProfileFields,
        stored: &StoredProfile,
    ) -> Result<Option<Changed>, ApiError> {
        let mut profile = stored.clone();
        let mut names = Vec::new();
        let mut ends_tokens = false;
        for (name, value) in &self.0 {
            let before = match value {
                Some(value) => profile.0.insert(name.clone(), value.clone()),
                None => profile.0.remove(name),
            };
            if before == *value {
                continue;
            }
            names.push(name.clone());
            let field = fields.get(name);
            ends_tokens |= field
                .is_some_and(|field| field.claim.is_some() && field.write != FieldAccess::Owner);
        }
        if names.is_empty() {
            return Ok(None);
        }
        let is_too_long =
            |profile: &StoredProfile| profile.text().is_some_and(|text| text.len() > MAX_BYTES);
        if is_too_long(&profile) {
            // values of fields that were removed are kept in case they come back, but stand in nobody's way
            profile.0.retain(|name, _| fields.get(name).is_some());
        }
        if is_too_long(&profile) {
            let msg = format!("profile: all values together have more than {MAX_BYTES} bytes");
            return Err(ApiError::Invalid(FieldError::body(
                "profile", "too_long", msg,
            )));
        }
        Ok(Some(Changed {
            profile,
            names,
            ends_tokens,
        }))
    }
}

/// Reads values that are texts, from the command line or a CSV file. An empty text removes a value.
///
/// # Errors
///
/// As [`ProfileChanges::check`].
pub(crate) fn from_texts<'a>(
    fields: &ProfileFields,
    party: Party,
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<ProfileInput, ApiError> {
    let mut input = BTreeMap::new();
    for (name, text) in texts {
        let field = writable(fields, party, name)?;
        let value = if text.trim().is_empty() {
            Value::Null
        } else {
            field
                .parse(text)
                .map_err(|Misfit { kind, expected }| invalid(name, kind, &expected))?
        };
        if input.insert(name.to_owned(), value).is_some() {
            return Err(invalid(name, "duplicate", "this member appears twice"));
        }
    }
    Ok(ProfileInput(input))
}

/// Returns the field if `party` may write it. One that the party may not even read does not exist for it.
fn writable<'f>(
    fields: &'f ProfileFields,
    party: Party,
    name: &str,
) -> Result<&'f ProfileField, ApiError> {
    let visible = |field: &&ProfileField| party.is_among(field.read);
    let Some(field) = fields.get(name).filter(visible) else {
        let known = fields.iter().filter(visible);
        let known: Vec<String> = known.map(|field| format!("`{}`", field.name)).collect();
        let msg = if known.is_empty() {
            "this member is not known: no profile fields are declared".to_owned()
        } else {
            format!(
                "this member is not known; the fields are {}",
                known.join(", ")
            )
        };
        return Err(invalid(name, "extra_forbidden", &msg));
    };
    if party.is_among(field.write) {
        return Ok(field);
    }
    let msg = match field.write {
        FieldAccess::Nobody => "this member cannot be changed over the API",
        _ => "only an administrator may change this member, at /api/users/{id}",
    };
    Err(invalid(name, "read_only", msg))
}

/// Creates the error of a member of `profile`.
fn invalid(name: &str, kind: &'static str, msg: &str) -> ApiError {
    let name = excerpt(name);
    ApiError::Invalid(FieldError {
        loc: vec!["body".into(), "profile".into(), name.as_str().into()],
        msg: format!("profile.{name}: {msg}"),
        kind,
        reason: None,
    })
}
