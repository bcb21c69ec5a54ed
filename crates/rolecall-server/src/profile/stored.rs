//! The stored values of a user.

use serde_json::{Map, Value};

use crate::store::{Columns, FromRow, StoreError};

/// The values of a user as they are stored, also of fields that are not declared any more.
///
/// Nobody sees them as they are: [`visible`](super::rules::visible) leaves out what the
/// reader may not see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredProfile(pub(super) Map<String, Value>);

impl StoredProfile {
    /// Reads a stored text. A malformed one counts as empty: it must not keep its user from logging in.
    pub(super) fn read(text: Option<&str>) -> Self {
        let values = text.and_then(|text| serde_json::from_str(text).ok());
        Self(values.unwrap_or_default())
    }

    /// Returns the names of the fields that have a value.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn into_values(self) -> Map<String, Value> {
        self.0
    }

    /// Returns the text to store; `None` if there are no values.
    pub(crate) fn text(&self) -> Option<String> {
        Self::text_of(&self.0)
    }

    /// Returns the text to store for values that were checked.
    pub(crate) fn text_of(values: &Map<String, Value>) -> Option<String> {
        let text = (!values.is_empty()).then(|| serde_json::to_string(values));
        text.and_then(Result::ok)
    }
}

impl FromRow for StoredProfile {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let text: Option<String> = columns.named("profile")?;
        Ok(Self::read(text.as_deref()))
    }
}
