//! Consents in the database.

use rolecall_core::Timestamp;

use crate::store::{Change, Conn, StoreError, gate, queries, query, rows};

queries! {
    FIND = "SELECT client_id, resource, scopes, registration, created_at, last_used_at FROM consents \
        WHERE subject_id = $1 AND client_id = $2 AND resource = $3";
    LIST = "SELECT c.id AS client_id, c.name AS client_name, a.resource, a.scopes, a.created_at, a.last_used_at FROM consents a \
        JOIN clients c ON c.id = a.client_id WHERE a.subject_id = $1 AND a.client_id IN \
        (SELECT DISTINCT d.client_id FROM consents d WHERE d.subject_id = $1 AND d.client_id > $2 ORDER BY d.client_id LIMIT $3) \
        ORDER BY a.client_id, a.resource";
    GIVE = "INSERT INTO consents (subject_id, client_id, resource, scopes, registration, created_at, last_used_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (subject_id, client_id, resource) \
        DO UPDATE SET scopes = $4, registration = $5, last_used_at = $6";
    USE = "UPDATE consents SET last_used_at = $4 WHERE subject_id = $1 AND client_id = $2 AND resource = $3";
    WITHDRAW = "DELETE FROM consents WHERE subject_id = $1 AND client_id = $2";
    // what was allowed in a sign-in that has not come to its end
    DELETE_FLOWS = "DELETE FROM sign_in_flows WHERE subject_id = $1 AND client_id = $2 AND consented = $3";
    DELETE_CODES = "DELETE FROM authorization_codes WHERE subject_id = $1 AND client_id = $2";
    SESSIONS = "SELECT id FROM sessions WHERE subject_id = $1 AND client_id = $2 ORDER BY id";
}

rows! {
    /// What a user has allowed a client.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Consent {
        pub(crate) client_id: String,
        /// The audience of the tokens; empty if the client did not ask for a particular one.
        pub(crate) resource: String,
        /// Separated by spaces.
        pub(crate) scopes: String,
        /// A digest of what the client was when the user allowed it.
        pub(crate) registration: String,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
    }

    /// What a user has allowed a client for one resource, to show.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Allowed {
        pub(crate) client_id: String,
        pub(crate) client_name: String,
        /// The audience of the tokens; empty if the client did not ask for a particular one.
        pub(crate) resource: String,
        /// Separated by spaces.
        pub(crate) scopes: String,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
    }
}

/// Finds what a user has allowed a client for a resource.
pub(crate) async fn find(
    conn: &mut Conn,
    subject: &str,
    client: &str,
    resource: &str,
) -> Result<Option<Consent>, StoreError> {
    let find = query(FIND).bind(subject).bind(client).bind(resource);
    find.fetch_optional(conn).await
}

/// Returns what a user has allowed up to `limit` clients whose ids are above `after`, by client.
pub(crate) async fn list(
    conn: &mut Conn,
    subject: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Allowed>, StoreError> {
    let list = query(LIST).bind(subject).bind(after).bind(limit);
    list.fetch_all(conn).await
}

/// Notes that a consent is used. Until the transaction ends, nobody withdraws it.
pub(crate) async fn mark_used(
    conn: &mut Conn,
    subject: &str,
    client: &str,
    resource: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mark = query(USE)
        .bind(subject)
        .bind(client)
        .bind(resource)
        .bind(now);
    mark.execute(conn).await?;
    Ok(())
}

/// Keeps what a user allows. Takes nothing away: what was allowed before is among `scopes`.
pub(crate) async fn give(
    conn: &mut Conn,
    subject: &str,
    consent: &Consent,
) -> Result<(), StoreError> {
    query(GIVE)
        .bind(subject)
        .bind(consent.client_id.as_str())
        .bind(consent.resource.as_str())
        .bind(consent.scopes.as_str())
        .bind(consent.registration.as_str())
        .bind(consent.last_used_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets what a user has allowed a client, the codes that it has not used yet, and sign-ins in which the user has just
/// allowed it. Returns `false` if there was nothing.
pub(crate) async fn withdraw(
    change: &mut Change<'_>,
    subject: &str,
    client: &str,
) -> Result<bool, StoreError> {
    let conn = change.conn();
    // it waits for a sign-in that comes to its end now, so that its consent and code are seen below
    gate::hold(conn, subject).await?;
    let delete = query(DELETE_FLOWS).bind(subject).bind(client).bind(true);
    let flows = delete.execute(conn).await?;
    // waits for a sign-in that uses the consent, so that its code is among those deleted
    let withdraw = query(WITHDRAW).bind(subject).bind(client);
    let consents = withdraw.execute(conn).await?;
    let delete = query(DELETE_CODES).bind(subject).bind(client);
    let codes = delete.execute(conn).await?;
    Ok(flows + consents + codes > 0)
}

/// Returns the sessions of a user with a client.
pub(crate) async fn sessions_with(
    conn: &mut Conn,
    subject: &str,
    client: &str,
) -> Result<Vec<String>, StoreError> {
    let sessions = query(SESSIONS).bind(subject).bind(client);
    sessions.fetch_all(conn).await
}
