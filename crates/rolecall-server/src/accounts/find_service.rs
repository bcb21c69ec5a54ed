//! Looking up users for an application.

use rolecall::PermissionName as _;

use super::{find_store, shown::ShownUser, store};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::{ApiError, FieldError},
    profile::rules::Party,
};

/// The most users that are looked up at once.
pub(crate) const MOST_USERS: usize = 200;

/// Returns the user with this id, if there is one.
pub(crate) async fn by_id(
    app: &App,
    caller: Caller<'_>,
    id: &str,
) -> Result<Option<ShownUser>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    if !is_storable(id) {
        return Ok(None);
    }
    let now = app.now();
    let mut conn = app.store().read().await?;
    let found = store::find_user(&mut conn, id, now).await?;
    Ok(found.map(|user| ShownUser::to(app, Party::administering(caller), user)))
}

/// Returns the users with these ids, ordered by id; unknown ids are left out.
pub(crate) async fn by_ids(
    app: &App,
    caller: Caller<'_>,
    ids: &[&str],
) -> Result<Vec<ShownUser>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    if ids.len() > MOST_USERS {
        let detail = format!("at most {MOST_USERS} users are looked up at once");
        return Err(ApiError::Invalid(FieldError::body(
            "ids", "too_long", detail,
        )));
    }
    let mut ids: Vec<&str> = ids.iter().copied().filter(|id| is_storable(id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let now = app.now();
    let mut conn = app.store().read().await?;
    let found = find_store::find_users(&mut conn, &ids, now).await?;
    Ok(ShownUser::all(app, Party::administering(caller), found))
}

/// Returns up to [`MOST_USERS`] users with this e-mail address, without regard to case.
pub(crate) async fn by_email(
    app: &App,
    caller: Caller<'_>,
    email: &str,
) -> Result<Vec<ShownUser>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    if !is_storable(email) {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(MOST_USERS).unwrap_or(i64::MAX);
    let now = app.now();
    let mut conn = app.store().read().await?;
    let found = find_store::find_by_email(&mut conn, email, limit, now).await?;
    Ok(ShownUser::all(app, Party::administering(caller), found))
}

/// Returns true if the text can be stored: PostgreSQL takes no NUL, and nobody has an empty id or address.
fn is_storable(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}
