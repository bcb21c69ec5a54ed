//! The section `profile`.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error as _};
use toml::{Table, Value};

use super::values;
use crate::profile::{
    field::{FieldAccess, FieldKind, ProfileField},
    pattern::Pattern,
};

/// Section `profile`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// The members that the application adds to its users, each a table such as `[profile.fields.department]`.
    #[serde(deserialize_with = "fields")]
    pub fields: Vec<ProfileField>,
}

/// The members of a field's table.
const MEMBERS: [&str; 9] = [
    "type",
    "read",
    "write",
    "required",
    "max_length",
    "values",
    "claim",
    "pattern",
    "pattern_message",
];

/// Reads the table of fields; in the environment, and as a flag, it is the text of an inline table.
fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ProfileField>, D::Error> {
    let table = match Value::deserialize(deserializer)? {
        Value::Table(table) => table,
        Value::String(text) => inline(&text).ok_or_else(|| {
            D::Error::custom(
                "expected an inline table such as `{ department = { type = \"string\" } }`",
            )
        })?,
        other => {
            let kind = other.type_str();
            return Err(D::Error::custom(format!(
                "expected a table for each field, found {kind}"
            )));
        }
    };
    let fields = table.into_iter().map(|(name, declared)| {
        let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
        field(&name, declared).map_err(|fault| D::Error::custom(format!("`{shown}`: {fault}")))
    });
    fields.collect()
}

fn inline(text: &str) -> Option<Table> {
    let mut parsed: Table = format!("fields = {text}").parse().ok()?;
    match parsed.remove("fields") {
        Some(Value::Table(table)) if parsed.is_empty() => Some(table),
        _ => None,
    }
}

fn field(name: &str, declared: Value) -> Result<ProfileField, String> {
    let Value::Table(mut declared) = declared else {
        return Err("expected a table such as `{ type = \"string\" }`".to_owned());
    };
    if let Some(unknown) = declared
        .keys()
        .find(|name| !MEMBERS.contains(&name.as_str()))
    {
        return Err(values::not_among(unknown, &MEMBERS));
    }
    let word = text(&mut declared, "type")?.ok_or_else(|| {
        format!(
            "`type` is missing; it is one of {}",
            FieldKind::WORDS.join(", ")
        )
    })?;
    let kind = FieldKind::of(&word)
        .ok_or_else(|| format!("`type`: {}", values::not_among(&word, &FieldKind::WORDS)))?;
    let mut field = ProfileField::with(name, kind);
    if let Some(length) = declared.remove("max_length") {
        let length = length
            .as_integer()
            .and_then(|length| length.try_into().ok());
        let length = length.ok_or("`max_length` is not a whole number")?;
        if field.kind.max_length().is_none() {
            return Err(format!(
                "`max_length` is for `string` and `url`, not for `{word}`"
            ));
        }
        field = field.max_length(length);
    }
    if let Some(values) = declared.remove("values") {
        let FieldKind::Enum { values: known } = &mut field.kind else {
            return Err(format!("`values` is for `enum`, not for `{word}`"));
        };
        *known = texts(values).ok_or("`values` is not a list of texts")?;
    }
    field.pattern = text(&mut declared, "pattern")?.map(|pattern| Pattern::new(&pattern));
    field.pattern_message = text(&mut declared, "pattern_message")?;
    field.read = access(&mut declared, "read")?;
    // what is read by fewer people is not written by more, unless the declaration says so and is refused
    let write = declared.contains_key("write");
    field.write = if write {
        access(&mut declared, "write")?
    } else {
        field.read
    };
    field.required = match declared.remove("required") {
        None => false,
        Some(Value::Boolean(required)) => required,
        Some(_) => return Err("`required` is neither `true` nor `false`".to_owned()),
    };
    field.claim = match declared.remove("claim") {
        None | Some(Value::Boolean(false)) => None,
        Some(Value::Boolean(true)) => Some(name.to_owned()),
        Some(Value::String(claim)) => Some(claim),
        Some(_) => return Err("`claim` is `true` or the name of the claim".to_owned()),
    };
    Ok(field)
}

fn text(declared: &mut Table, member: &str) -> Result<Option<String>, String> {
    match declared.remove(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{member}` is not a text")),
    }
}

fn texts(values: Value) -> Option<Vec<String>> {
    let Value::Array(values) = values else {
        return None;
    };
    let texts = values.into_iter().map(|value| match value {
        Value::String(text) => Some(text),
        _ => None,
    });
    texts.collect()
}

fn access(declared: &mut Table, member: &str) -> Result<FieldAccess, String> {
    let Some(word) = text(declared, member)? else {
        return Ok(FieldAccess::default());
    };
    FieldAccess::from_str(&word).map_err(|()| {
        format!(
            "`{member}`: {}",
            values::not_among(&word, &FieldAccess::WORDS)
        )
    })
}
