//! A mark of the state that a form shows, so that saving an old form does not silently undo a newer change.

use serde::Serialize;

use super::super::{assets, submitted::Submitted};
use crate::error::ApiError;

/// A mark of what is stored, which the form keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(String);

impl Seen {
    /// Returns the mark of what is stored, by the members that the form shows.
    pub(super) fn of(stored: &impl Serialize) -> Self {
        let text = serde_json::to_vec(stored).unwrap_or_default();
        Self(assets::version(&text))
    }

    /// Returns true if an address has a form that was filled in from something else than is stored now.
    pub(super) fn is_newer_than(&self, query: &Submitted) -> bool {
        let before = query.get("seen");
        !self.0.is_empty() && !before.is_empty() && before != self.0
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks that a form was filled in from what is stored now. The form that is shown again has the new mark, so that saving
/// it then is meant.
///
/// # Errors
///
/// [`ApiError::Stale`], and what reading it fails with.
pub(super) async fn check<T: Serialize>(
    form: &Submitted,
    stored: impl Future<Output = Result<T, ApiError>>,
) -> Result<(), ApiError> {
    let seen = form.get("seen");
    // no browser leaves it out
    if seen.is_empty() || Seen::of(&stored.await?).0 == seen {
        Ok(())
    } else {
        Err(ApiError::Stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_is_refused_after_a_change_that_it_does_not_show() {
        let stored = async |by_name: bool| Ok(("editor", by_name));
        let seen = Seen::of(&("editor", true));
        let form = Submitted::parse(format!("seen={}", seen.as_str()).as_bytes());
        assert!(check(&form, stored(true)).await.is_ok());
        let changed = check(&form, stored(false)).await;
        assert!(matches!(changed, Err(ApiError::Stale)));
    }
}
