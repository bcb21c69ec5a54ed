//! The clients in which a user is signed in, in the database.

use rolecall_core::TenantName;

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    // an application may hear of the end of a session that is over
    OF_SUBJECT = "SELECT s.id, s.client_id, s.tenant FROM sessions s WHERE s.subject_id = $1 \
        UNION SELECT p.session_id, p.client_id, s.tenant FROM signed_in_clients p LEFT JOIN sessions s ON s.id = p.session_id \
        WHERE p.subject_id = $1 ORDER BY 1";
}

rows! {
    /// A session of a client.
    pub(super) struct OfClient {
        pub(super) id: String,
        pub(super) client_id: String,
        pub(super) tenant: Option<TenantName>,
    }
}

/// Returns the sessions of a subject, also those of which only the client knows still.
pub(super) async fn of_subject(
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<OfClient>, StoreError> {
    query(OF_SUBJECT).bind(subject).fetch_all(conn).await
}
