//! The user who is meant by what somebody types as a name.

use super::{email_store, registration::parse_email};
use crate::{app::App, error::ApiError, usernames::Username};

/// Returns the name of the user who is meant by what was typed as a name: it itself where a user has it or nobody is
/// found, and the name of the user whose verified e-mail address it is.
///
/// Both are looked up by one statement, so that the time does not depend on what is found.
pub(crate) async fn name_meant(app: &App, typed: &str) -> Result<Option<String>, ApiError> {
    let typed = typed.trim();
    if !typed.contains('@') || parse_email(typed).is_err() {
        return Ok(None);
    }
    let name = Username::parse(typed).map(Username::into_string);
    let mut conn = app.store().read().await?;
    let found = email_store::find_named(&mut conn, &name.unwrap_or_default(), typed).await?;
    Ok(found)
}
