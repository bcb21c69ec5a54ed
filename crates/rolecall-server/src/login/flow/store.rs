//! Sign-in flows in the database.

use rolecall_core::Timestamp;

use super::{choice::Choice, proof::Proofs, request::AuthorizationRequest};
use crate::store::{Columns, Conn, FromRow, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO sign_in_flows (id, secret_hash, era, client_id, request, subject_id, proofs, choice, consented, \
        stays, version, created_at, last_used_at) SELECT $1, $2, h.era, $3, $4, $5, $6, $7, $8, $8, 0, $9, $9 FROM head h WHERE h.id = 1";
    FIND = "SELECT f.id, f.request, f.subject_id, f.proofs, f.choice, f.consented, f.stays, f.remembers, f.enrolment, f.version, f.created_at, \
        f.last_used_at \
        FROM sign_in_flows f JOIN head h ON h.id = 1 AND h.era = f.era WHERE f.id = $1 AND f.secret_hash = $2";
    UPDATE = "UPDATE sign_in_flows SET subject_id = $3, proofs = $4, choice = $5, consented = $6, stays = $7, last_used_at = $8, enrolment = $9, remembers = $10, \
        version = version + 1 WHERE id = $1 AND version = $2";
    // no step: another window may be about to take one
    COUNT_WRONG = "UPDATE sign_in_flows SET failures = failures + 1, last_used_at = $2 WHERE id = $1 RETURNING failures";
    END = "DELETE FROM sign_in_flows WHERE id = $1";
    DELETE = "DELETE FROM sign_in_flows WHERE id = $1 AND version = $2";
    DELETE_ALL = "DELETE FROM sign_in_flows WHERE secret_hash = $1";
    DELETE_OLDEST = "DELETE FROM sign_in_flows WHERE secret_hash = $1 AND id <> $2 AND id NOT IN \
        (SELECT id FROM sign_in_flows WHERE secret_hash = $1 AND id <> $2 ORDER BY last_used_at DESC, id DESC LIMIT $3)";
    PRUNE = "DELETE FROM sign_in_flows WHERE id IN (SELECT id FROM sign_in_flows WHERE last_used_at < $1 LIMIT $2)";
}

rows! {
    /// Somebody who is signing in.
    #[derive(Clone, Debug)]
    pub(crate) struct Flow {
        pub(crate) id: String,
        pub(crate) request: AuthorizationRequest,
        /// The user that the proofs are about.
        pub(crate) subject_id: Option<String>,
        pub(crate) proofs: Proofs,
        /// The tenant and the roles that the user has chosen.
        pub(crate) choice: Choice,
        pub(crate) consented: bool,
        /// The session is to outlast the browser.
        pub(crate) stays: bool,
        /// The device is to be remembered, so that it is asked for no second factor for a while.
        pub(crate) remembers: bool,
        /// The factor that is being added.
        pub(crate) enrolment: Option<String>,
        /// Counts the steps: a request that has read an older one changes nothing.
        pub(crate) version: i64,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
    }
}

impl Flow {
    /// Forgets what the user has chosen and allowed, since somebody else may be the user now.
    pub(super) fn forget_decisions(&mut self) {
        self.choice = Choice::default();
        self.consented = false;
        self.enrolment = None;
        self.remembers = false;
    }
}

impl FromRow for AuthorizationRequest {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        serde_json::from_str(columns.text()?).map_err(StoreError::inconsistent)
    }
}

impl FromRow for Proofs {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        serde_json::from_str(columns.text()?).map_err(StoreError::inconsistent)
    }
}

impl FromRow for Choice {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        serde_json::from_str(columns.text()?).map_err(StoreError::inconsistent)
    }
}

/// Writes a value that is kept as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(StoreError::inconsistent)
}

/// Writes a new flow.
pub(crate) async fn insert(
    conn: &mut Conn,
    flow: &Flow,
    secret_hash: &str,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(flow.id.as_str())
        .bind(secret_hash)
        .bind(Some(flow.request.client_id.as_str()).filter(|id| !id.is_empty()))
        .bind(json(&flow.request)?)
        .bind(flow.subject_id.as_deref())
        .bind(json(&flow.proofs)?)
        .bind(json(&flow.choice)?)
        .bind(false)
        .bind(flow.created_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Finds the flow with this id and secret in the present era.
pub(crate) async fn find(
    conn: &mut Conn,
    id: &str,
    secret_hash: &str,
) -> Result<Option<Flow>, StoreError> {
    let find = query(FIND).bind(id).bind(secret_hash);
    find.fetch_optional(conn).await
}

/// Writes what a step has changed; false if another step was faster.
pub(crate) async fn update(
    conn: &mut Conn,
    flow: &Flow,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let rows = query(UPDATE)
        .bind(flow.id.as_str())
        .bind(flow.version)
        .bind(flow.subject_id.as_deref())
        .bind(json(&flow.proofs)?)
        .bind(json(&flow.choice)?)
        .bind(flow.consented)
        .bind(flow.stays)
        .bind(now)
        .bind(flow.enrolment.as_deref())
        .bind(flow.remembers)
        .execute(conn)
        .await?;
    Ok(rows == 1)
}

/// Counts a wrong answer in a flow, and returns how many there were; `None` if the flow has ended. No number of requests at
/// once hides one.
pub(crate) async fn count_wrong(
    conn: &mut Conn,
    id: &str,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let count = query(COUNT_WRONG).bind(id).bind(now);
    count.fetch_optional(conn).await
}

/// Ends a flow, whatever its step is.
pub(crate) async fn end(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    query(END).bind(id).execute(conn).await?;
    Ok(())
}

/// Ends a flow; false if another step was faster.
pub(crate) async fn delete(conn: &mut Conn, flow: &Flow) -> Result<bool, StoreError> {
    let delete = query(DELETE).bind(flow.id.as_str()).bind(flow.version);
    Ok(delete.execute(conn).await? == 1)
}

/// Ends every flow with this secret.
pub(crate) async fn delete_all(conn: &mut Conn, secret_hash: &str) -> Result<(), StoreError> {
    query(DELETE_ALL).bind(secret_hash).execute(conn).await?;
    Ok(())
}

/// Deletes the flows of the same browser beside `flow`, except the `keep` that were used last.
pub(crate) async fn delete_oldest(
    conn: &mut Conn,
    flow: &Flow,
    secret_hash: &str,
    keep: i64,
) -> Result<(), StoreError> {
    let delete = query(DELETE_OLDEST).bind(secret_hash);
    let delete = delete.bind(flow.id.as_str()).bind(keep);
    delete.execute(conn).await?;
    Ok(())
}

/// Deletes up to `limit` flows that nobody used since `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
