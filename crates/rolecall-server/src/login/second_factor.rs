//! The one place that says whether an account has to show a second factor beside what was proven.

use crate::store::{Conn, StoreError};

/// Returns true if a link in a mail is not enough for the account `subject`, since it has a second factor.
///
/// To be connected: accounts have no second factors yet. Once they have, this asks for those of the account, and
/// [`crate::mail::reset`] refuses to set a password by the link alone.
#[expect(
    clippy::unused_async,
    reason = "it will read the factors of the account from the database"
)]
pub(crate) async fn is_owed(_conn: &mut Conn, _subject: &str) -> Result<bool, StoreError> {
    Ok(false)
}
