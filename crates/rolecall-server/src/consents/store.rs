//! Consents in the database.

use rolecall_core::Timestamp;

use super::ceiling::Ceiling;
use crate::store::{Change, Conn, Statement, StoreError, gate, queries, query, rows};

queries! {
    FIND = "SELECT client_id, resource, tenant, scopes, ceiling, registration, created_at, last_used_at FROM consents \
        WHERE subject_id = $1 AND client_id = $2 AND resource = $3 AND tenant = $4";
    LIST = "SELECT c.id AS client_id, c.name AS client_name, a.resource, a.tenant, a.scopes, a.ceiling, a.created_at, a.last_used_at FROM consents a \
        JOIN clients c ON c.id = a.client_id WHERE a.subject_id = $1 AND a.client_id IN \
        (SELECT DISTINCT d.client_id FROM consents d WHERE d.subject_id = $1 AND d.client_id > $2 ORDER BY d.client_id LIMIT $3) \
        ORDER BY a.client_id, a.resource, a.tenant";
    GIVE = "INSERT INTO consents (subject_id, client_id, resource, tenant, scopes, ceiling, registration, created_at, last_used_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (subject_id, client_id, resource, tenant) \
        DO UPDATE SET scopes = $5, ceiling = $6, registration = $7, last_used_at = $8";
    USE = "UPDATE consents SET last_used_at = $5 WHERE subject_id = $1 AND client_id = $2 AND resource = $3 AND tenant = $4";
    WITHDRAW = "DELETE FROM consents WHERE subject_id = $1 AND client_id = $2";
    // what was allowed in a sign-in that has not come to its end
    DELETE_FLOWS = "DELETE FROM sign_in_flows WHERE subject_id = $1 AND client_id = $2 AND consented = $3";
    DELETE_CODES = "DELETE FROM authorization_codes WHERE subject_id = $1 AND client_id = $2";
    HAS_ALLOWED = "SELECT client_id FROM consents WHERE subject_id = $1 AND client_id = $2 \
        UNION ALL SELECT client_id FROM sign_in_flows WHERE subject_id = $1 AND client_id = $2 AND consented = $3 \
        UNION ALL SELECT client_id FROM authorization_codes WHERE subject_id = $1 AND client_id = $2 \
        UNION ALL SELECT client_id FROM sessions WHERE subject_id = $1 AND client_id = $2 LIMIT 1";
    SESSIONS = "SELECT id FROM sessions WHERE subject_id = $1 AND client_id = $2 ORDER BY id";
}

rows! {
    /// What a user has allowed a client.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Consent {
        pub(crate) client_id: String,
        /// The audience of the tokens.
        pub(crate) resource: String,
        /// The tenant of the tokens; empty for none.
        pub(crate) tenant: String,
        /// Separated by spaces.
        pub(crate) scopes: String,
        /// The most that `*` among the scopes stands for.
        pub(crate) ceiling: Ceiling,
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
        /// The audience of the tokens.
        pub(crate) resource: String,
        /// The tenant of the tokens; empty for none.
        pub(crate) tenant: String,
        /// Separated by spaces.
        pub(crate) scopes: String,
        /// The most that `*` among the scopes stands for.
        pub(crate) ceiling: Ceiling,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
    }
}

/// The tokens that a consent is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct For<'a> {
    pub(crate) subject: &'a str,
    pub(crate) client: &'a str,
    /// The audience.
    pub(crate) resource: &'a str,
    /// Empty for no tenant.
    pub(crate) tenant: &'a str,
}

impl<'a> For<'a> {
    /// Binds the columns of the key, in their order.
    fn bind(self, statement: Statement<'a>) -> Statement<'a> {
        let statement = statement.bind(self.subject).bind(self.client);
        statement.bind(self.resource).bind(self.tenant)
    }
}

/// Finds what a user has allowed a client for these tokens.
pub(crate) async fn find(conn: &mut Conn, tokens: For<'_>) -> Result<Option<Consent>, StoreError> {
    tokens.bind(query(FIND)).fetch_optional(conn).await
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
    tokens: For<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mark = tokens.bind(query(USE)).bind(now);
    mark.execute(conn).await?;
    Ok(())
}

/// Keeps what a user allows. Takes nothing away: what was allowed before is among `scopes`.
pub(crate) async fn give(
    conn: &mut Conn,
    subject: &str,
    consent: &Consent,
) -> Result<(), StoreError> {
    let tokens = For {
        subject,
        client: &consent.client_id,
        resource: &consent.resource,
        tenant: &consent.tenant,
    };
    tokens
        .bind(query(GIVE))
        .bind(consent.scopes.as_str())
        .bind(consent.ceiling.to_text())
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

/// Returns true if there is something that [`withdraw`] would forget, or a session of the user with the client.
pub(crate) async fn has_allowed(
    conn: &mut Conn,
    subject: &str,
    client: &str,
) -> Result<bool, StoreError> {
    let has = query(HAS_ALLOWED).bind(subject).bind(client).bind(true);
    let found: Option<String> = has.fetch_optional(conn).await?;
    Ok(found.is_some())
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
