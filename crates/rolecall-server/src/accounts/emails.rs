//! The rule that no two users have the same e-mail address, where the configuration asks for it.

use super::store;
use crate::{app::App, error::ApiError, store::Change};

/// Refuses an e-mail address that a user other than `own` has, where the configuration says that addresses are unique.
/// Changes are serialized, so two users cannot claim one address at the same time.
pub(crate) async fn refuse_taken(
    app: &App,
    change: &mut Change<'_>,
    email: Option<&str>,
    own: &str,
) -> Result<(), ApiError> {
    let Some(email) = email.filter(|_| app.settings().unique_email) else {
        return Ok(());
    };
    if store::is_email_used(change.conn(), email, own).await? {
        let detail = "another user has this e-mail address: use another one";
        return Err(ApiError::rule("email_taken", detail, Vec::new()));
    }
    Ok(())
}
