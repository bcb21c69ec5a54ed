//! Putting the document of an application in force when it starts.
//!
//! A restart must not undo what an administrator did: roles that were created by hand would disappear with their
//! assignments, and a permission that was taken away would come back. So the audit log is asked who changed the policy
//! last. If it was not a start, the policy was edited.

use rolecall_core::document::ParsedDocument;
use serde_json::{Value, json};

use super::{
    apply::{difference_now, put},
    plan::prepare,
    service,
};
use crate::{
    app::App,
    audit,
    authority::{caller::Caller, policy_store, rights::Rights},
    error::ApiError,
    heavy::Purpose,
    store::{Actor, Conn, StoreError, read_head},
};

/// What a start does with a policy that somebody has edited since a start last applied a document, and that is not the
/// one of the document.
///
/// ```
/// use rolecall_server::{EditedPolicy, Embedded};
///
/// let builder = Embedded::builder("sqlite:login.db")
///     .policy("[roles.editor]\ndescription = \"writes articles\"")
///     .edited_policy(EditedPolicy::Replace);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditedPolicy {
    /// Keep the edited policy and log a warning. The document is applied again after `rolecall policy apply` has put it
    /// in force.
    #[default]
    Keep,
    /// Put the document in force, which discards the edits. The warning that is logged names who made the last one.
    Replace,
    /// Refuse to start.
    Refuse,
}

/// What a start did with the document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The document is in force already.
    InForce,
    /// The document was put in force by this number of changes.
    Applied {
        changes: usize,
        /// Whose edits that discards.
        edited_by: Option<String>,
    },
    /// The policy was edited by this actor and is kept; so many changes would put the document in force.
    Kept { changes: usize, edited_by: String },
}

/// Puts `parsed` in force, unless somebody has edited the policy and `edited` protects that. Writes nothing if the
/// document is in force already.
///
/// # Errors
///
/// As [`apply`](super::apply::apply), and a rule if the policy was edited and `edited` is to refuse that.
pub(crate) async fn put_in_force(
    app: &App,
    parsed: &ParsedDocument,
    edited: EditedPolicy,
) -> Result<Outcome, ApiError> {
    let prepared = prepare(app, Purpose::Change, parsed).await?;
    if prepared.difference.changes.is_empty() {
        let mut conn = app.store().read().await?;
        if find_editor(&mut conn).await?.is_none() {
            return Ok(Outcome::InForce);
        }
    }
    let caller = Caller::System;
    app.change_unlimited(caller, async |change| {
        let rights = Rights::load(app, change, caller).await?;
        let current = service::document_of(&rights.policy, change.conn()).await?;
        let difference = difference_now(app, &rights, &current, prepared, parsed)?;
        let editor = find_editor(change.conn()).await?;
        let changes = difference.changes.len();
        if changes == 0 {
            if editor.is_some() {
                // somebody has put the document in force by hand: from now on, starts apply it again
                change.record(json!({ "action": "policy.adopted" }));
                change.policy_changed();
            }
            return Ok(Outcome::InForce);
        }
        match (editor, edited) {
            (Some(edited_by), EditedPolicy::Keep) => Ok(Outcome::Kept { changes, edited_by }),
            (Some(edited_by), EditedPolicy::Refuse) => Err(refusal(changes, &edited_by)),
            (edited_by, _) => {
                put(app, change, &rights, difference).await?;
                Ok(Outcome::Applied { changes, edited_by })
            }
        }
    })
    .await
}

fn refusal(changes: usize, edited_by: &str) -> ApiError {
    let detail = format!(
        "`{edited_by}` has edited the policy in the database, and {changes} changes of the document are not in force: \
         write the edits into the document (`rolecall policy export` prints them), or discard them with \
         `rolecall policy apply`"
    );
    ApiError::rule("policy_edited", detail, Vec::new())
}

/// Returns the actor who changed the policy last; `None` if it was a start.
async fn find_editor(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    let mut revision = read_head(conn).await?.policy_revision;
    loop {
        let Some(entry) = audit::service::find_entry(conn, revision).await? else {
            return Ok(None);
        };
        if entry.actor != Actor::System.to_string() {
            return Ok(Some(entry.actor));
        }
        // a newer version of rolecall brought permissions of its own: that says nothing about the change before
        if !is_of_builtins(&entry.changes) {
            return Ok(None);
        }
        match policy_store::find_change_before(conn, revision).await? {
            Some(before) if before < revision => revision = before,
            _ => return Ok(None),
        }
    }
}

fn is_of_builtins(changes: &str) -> bool {
    let changes: Vec<Value> = serde_json::from_str(changes).unwrap_or_default();
    changes
        .iter()
        .any(|change| change["action"] == "builtin.updated")
}
