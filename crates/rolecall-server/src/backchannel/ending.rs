//! Forgets where somebody is signed in, and writes a logout token for each client that is to hear of it: in one statement,
//! however many there are, so that others wait for it as short as possible.
//!
//! What is noted is what was deleted, and not what another statement would see: PostgreSQL does both in one, and SQLite
//! has one writer at a time.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, query};

/// The sessions that end, among those of a subject (`$1`), by the id or number `$2`. The third parameter is the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// One session of a client.
    Session,
    /// What was opened in one browser.
    Browser,
    /// All but one session of a client.
    Others,
    /// What was opened in other browsers than one.
    OtherBrowsers,
    /// Those that are over, but the newest of them.
    Oldest,
}

/// Declares the statements for one kind, with the condition for the rows that end.
macro_rules! ending {
    ($on_postgres:ident, $note:ident, $forget:ident, $condition:expr) => {
        const $on_postgres: &str = concat!(
            "WITH gone AS (DELETE FROM signed_in_clients WHERE subject_id = $1 AND ",
            $condition,
            " RETURNING session_id, client_id) \
            INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at) \
            SELECT g.session_id, g.client_id, CAST($1 AS TEXT), 0, 0, CAST($3 AS BIGINT) FROM gone g JOIN clients c ON c.id = g.client_id \
            WHERE c.sign_in LIKE '%\"backchannel_logout_uri\":\"%' ON CONFLICT (session_id) DO NOTHING"
        );
        const $note: &str = concat!(
            "INSERT INTO logout_notices (session_id, client_id, subject_id, attempts, next_attempt_at, created_at) \
            SELECT session_id, client_id, subject_id, 0, 0, CAST($3 AS BIGINT) FROM signed_in_clients \
            WHERE subject_id = $1 AND ",
            $condition,
            " AND EXISTS (SELECT 1 FROM clients c WHERE c.id = signed_in_clients.client_id \
                AND c.sign_in LIKE '%\"backchannel_logout_uri\":\"%') ON CONFLICT (session_id) DO NOTHING"
        );
        const $forget: &str = concat!(
            "DELETE FROM signed_in_clients WHERE subject_id = $1 AND ",
            $condition
        );
    };
}

ending!(END_SESSION, NOTE_SESSION, FORGET_SESSION, "session_id = $2");
ending!(
    END_BROWSER,
    NOTE_BROWSER,
    FORGET_BROWSER,
    "browser_session = $2"
);
ending!(END_OTHERS, NOTE_OTHERS, FORGET_OTHERS, "session_id <> $2");
ending!(
    END_OTHER_BROWSERS,
    NOTE_OTHER_BROWSERS,
    FORGET_OTHER_BROWSERS,
    "browser_session <> $2"
);
ending!(
    END_OLDEST,
    NOTE_OLDEST,
    FORGET_OLDEST,
    "session_id IN (SELECT o.session_id FROM signed_in_clients o WHERE o.subject_id = $1 \
        AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.id = o.session_id) \
        ORDER BY o.ends_at DESC, o.session_id LIMIT 1000000 OFFSET CAST(CAST($2 AS TEXT) AS BIGINT))"
);

/// The statements that run on both databases.
#[cfg(test)]
pub(crate) const ALL: &[(&str, &str)] = &[
    ("NOTE_SESSION", NOTE_SESSION),
    ("FORGET_SESSION", FORGET_SESSION),
    ("NOTE_BROWSER", NOTE_BROWSER),
    ("FORGET_BROWSER", FORGET_BROWSER),
    ("NOTE_OTHERS", NOTE_OTHERS),
    ("FORGET_OTHERS", FORGET_OTHERS),
    ("NOTE_OTHER_BROWSERS", NOTE_OTHER_BROWSERS),
    ("FORGET_OTHER_BROWSERS", FORGET_OTHER_BROWSERS),
    ("NOTE_OLDEST", NOTE_OLDEST),
    ("FORGET_OLDEST", FORGET_OLDEST),
];

/// The statements that PostgreSQL alone understands.
#[cfg(test)]
pub(crate) const ON_POSTGRES: &[(&str, &str)] = &[
    ("END_SESSION", END_SESSION),
    ("END_BROWSER", END_BROWSER),
    ("END_OTHERS", END_OTHERS),
    ("END_OTHER_BROWSERS", END_OTHER_BROWSERS),
    ("END_OLDEST", END_OLDEST),
];

impl Which {
    /// Returns the statement for PostgreSQL, and the two for SQLite.
    fn statements(self) -> (&'static str, [&'static str; 2]) {
        match self {
            Self::Session => (END_SESSION, [NOTE_SESSION, FORGET_SESSION]),
            Self::Browser => (END_BROWSER, [NOTE_BROWSER, FORGET_BROWSER]),
            Self::Others => (END_OTHERS, [NOTE_OTHERS, FORGET_OTHERS]),
            Self::OtherBrowsers => (
                END_OTHER_BROWSERS,
                [NOTE_OTHER_BROWSERS, FORGET_OTHER_BROWSERS],
            ),
            Self::Oldest => (END_OLDEST, [NOTE_OLDEST, FORGET_OLDEST]),
        }
    }
}

/// Ends what a subject has at clients. INVARIANT: the transaction holds the subject.
pub(super) async fn end(
    conn: &mut Conn,
    which: Which,
    (subject, id): (&str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let (on_postgres, [note, forget]) = which.statements();
    if conn.is_postgres() {
        let end = query(on_postgres).bind(subject).bind(id).bind(now);
        end.execute(conn).await?;
        return Ok(());
    }
    let note = query(note).bind(subject).bind(id).bind(now);
    note.execute(conn).await?;
    query(forget).bind(subject).bind(id).execute(conn).await?;
    Ok(())
}
