//! The policy as it was: documents that were in force, kept to compare and to go back to.
//!
//! Each document that is put in force is kept, and the one before it. Single edits are kept as they add up, about once a
//! minute. To go back is to plan and apply an old document, by the rules of today.

use rolecall::PermissionName as _;
use rolecall_core::{
    Revision,
    document::{Document, ParsedDocument, PolicyChange, diff},
};

use super::{
    history_store::{self as store, Version},
    service::{self, digest_of},
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
    heavy::Purpose,
    store::{Change, Conn, read_head},
};

/// The most versions that are kept.
const MOST: usize = 200;
/// The most bytes of all kept versions together.
const MOST_BYTES: i64 = 64 * 1024 * 1024;
/// The newest versions among which the one before a change is looked for.
const LOOKED_AT: i64 = 10;

/// Returns up to `limit` versions before a revision, the newest first.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    before: Revision,
    limit: i64,
) -> Result<Vec<Version>, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    let mut conn = app.store().read().await?;
    Ok(store::list(&mut conn, before, limit).await?)
}

/// Returns the document that was in force at a revision, as it is kept.
///
/// # Errors
///
/// Refused if no document is kept under this revision.
pub(crate) async fn text(
    app: &App,
    caller: Caller<'_>,
    revision: Revision,
) -> Result<String, ApiError> {
    reads::require(app, caller, may::ReadPolicy::NAME).await?;
    let mut conn = app.store().read().await?;
    let found = store::find(&mut conn, revision).await?;
    found.ok_or_else(|| ApiError::unknown("version of the policy", &revision))
}

/// Returns the document of a revision as [`plan`](super::plan::plan) and [`apply`](super::apply::apply) take it.
///
/// # Errors
///
/// As [`text`], and if it does not comply with the rules of this version of rolecall.
pub(crate) async fn document(
    app: &App,
    caller: Caller<'_>,
    revision: Revision,
) -> Result<ParsedDocument, ApiError> {
    let text = text(app, caller, revision).await?;
    let parse = move || Document::parse(&text).map_err(ApiError::Document);
    app.heavy().run(Purpose::Plan, parse).await
}

/// Returns the changes from one version to another, or to the policy in force.
///
/// # Errors
///
/// As [`document`].
pub(crate) async fn changes(
    app: &App,
    caller: Caller<'_>,
    from: Revision,
    to: Option<Revision>,
) -> Result<Vec<PolicyChange>, ApiError> {
    let from = document(app, caller, from).await?.document;
    let to = match to {
        Some(to) => document(app, caller, to).await?.document,
        None => service::show(app, caller).await?.document,
    };
    let compare = move || Ok(diff(&from, &to));
    app.heavy().run(Purpose::Plan, compare).await
}

/// Keeps the document that a change puts in force, and the one before it unless that is kept already.
pub(super) async fn keep(
    change: &mut Change<'_>,
    before: &Document,
    after: &Document,
) -> Result<(), ApiError> {
    let revision = change.head().revision;
    let changed = change.head().policy_revision;
    let conn = change.conn();
    let text = before.to_toml();
    let digest = digest_of(&text);
    let newest = store::newest(conn).await?;
    if newest.as_ref().is_none_or(|newest| newest.digest != digest) {
        // its descriptions may be younger than its rules
        let is_free = newest.is_none_or(|newest| newest.revision < changed);
        let at = if is_free && changed > 0 {
            changed
        } else {
            revision - 1
        };
        store::insert(conn, at, &digest, &text).await?;
    }
    let text = after.to_toml();
    store::insert(conn, revision, &digest_of(&text), &text).await?;
    Ok(store::prune(conn, MOST, MOST_BYTES).await?)
}

/// Keeps the policy in force if it has changed since the newest version. Returns true if it did.
pub(crate) async fn note(app: &App) -> Result<bool, ApiError> {
    let mut conn = app.store().read().await?;
    let changed = read_head(&mut conn).await?.policy_revision;
    let newest = store::newest(&mut conn).await?;
    let is_known = |newest: &store::Newest| newest.seen_revision.max(newest.revision) >= changed;
    if newest.as_ref().is_some_and(is_known) {
        return Ok(false);
    }
    let (_, document) = service::read(app, &mut conn).await?;
    drop(conn);
    let text = document.to_toml();
    let digest = digest_of(&text);
    app.store()
        .write(async |conn: &mut Conn| match store::newest(conn).await? {
            // somebody else was faster
            Some(newest) if newest.revision >= changed => Ok(false),
            Some(newest) if newest.digest == digest => {
                store::confirm(conn, newest.revision, changed).await?;
                Ok(false)
            }
            _ => {
                store::insert(conn, changed, &digest, &text).await?;
                store::prune(conn, MOST, MOST_BYTES).await?;
                Ok::<_, ApiError>(true)
            }
        })
        .await
}

/// The policy before a change, which becomes a version when the change is made.
pub(crate) struct Before {
    /// A revision at which it was in force.
    revision: Revision,
    digest: String,
    text: String,
}

/// Reads the policy in force, for a change that is about to be made.
pub(crate) async fn before(app: &App) -> Result<Before, ApiError> {
    let mut conn = app.store().read().await?;
    let revision = read_head(&mut conn).await?.revision;
    let (_, document) = service::read(app, &mut conn).await?;
    drop(conn);
    let text = document.to_toml();
    Ok(Before {
        revision,
        digest: digest_of(&text),
        text,
    })
}

/// Keeps the policy before a change that was made, unless it is kept already, and returns the revision of the version.
/// Unlike [`note`], which looks at rules, it notices changed descriptions.
pub(crate) async fn keep_before(app: &App, before: &Before) -> Result<Revision, ApiError> {
    app.store()
        .write(async |conn: &mut Conn| {
            let newest = store::list(conn, Revision::MAX, LOOKED_AT).await?;
            // the change may have kept it itself, with the policy that it has put in force
            let is_older = |one: &Version| one.revision <= before.revision;
            let looked_at = newest
                .iter()
                .position(is_older)
                .map_or(newest.len(), |place| place + 1);
            let kept = newest
                .iter()
                .take(looked_at)
                .find(|one| one.digest == before.digest)
                .map(|one| one.revision);
            if kept.is_none() {
                store::insert(conn, before.revision, &before.digest, &before.text).await?;
                store::prune(conn, MOST, MOST_BYTES).await?;
            }
            Ok::<_, ApiError>(kept.unwrap_or(before.revision))
        })
        .await
}

#[cfg(test)]
mod tests;
