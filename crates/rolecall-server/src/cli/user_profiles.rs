//! Values of a user's profile on the command line.

use super::{context::Context, error::CliError};
use crate::profile::{
    input::ProfileInput,
    rules::{Party, from_texts},
};

/// Reads the values of a profile by the types of their fields.
pub(super) fn profile_input(
    context: &Context,
    values: &[(String, String)],
) -> Result<ProfileInput, CliError> {
    let fields = &context.app.settings().profile;
    let party = Party::administering(context.caller());
    let values = values
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(from_texts(fields, party, values)?)
}

/// Splits `FIELD=VALUE`.
pub(super) fn assigned_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write a profile field, `=` and its value".to_owned()),
    }
}
