//! Sessions in the database, and how they end: one, all of a subject or client, or those that rest on something.

use crate::{
    backchannel::store::{self as backchannel, Ending},
    store::{Change, Conn, StoreError, gate, queries, query},
};

queries! {
    END_ONE = "DELETE FROM sessions WHERE id = $1 AND subject_id = $2";
    END_OTHERS = "DELETE FROM sessions WHERE subject_id = $1 AND id <> $2";
    END_ALL = "DELETE FROM sessions WHERE subject_id = $1";
    // as a flow begins
    BEGIN_FLOWS_AGAIN = "UPDATE sign_in_flows SET subject_id = NULL, proofs = '[]', choice = '{}', consented = $2, \
        enrolment = NULL, version = version + 1 WHERE subject_id = $1";
    END_ALL_BROWSERS = "DELETE FROM browser_sessions WHERE subject_id = $1";
    END_OTHER_BROWSERS = "DELETE FROM browser_sessions WHERE subject_id = $1 \
        AND id NOT IN (SELECT browser_session FROM sessions WHERE id = $2 AND browser_session IS NOT NULL)";
    END_OF_OTHER_BROWSERS = "DELETE FROM sessions WHERE subject_id = $1 AND (browser_session IS NULL OR browser_session <> $2) \
        AND id NOT IN (SELECT session_id FROM signed_in_clients WHERE browser_session = $2 AND subject_id = $1) RETURNING id";
    HAS_OTHER_BROWSERS = "SELECT id FROM sign_in_flows WHERE subject_id = $1 \
        UNION ALL SELECT id FROM browser_sessions WHERE subject_id = $1 AND id <> $2 \
        UNION ALL SELECT session_id FROM signed_in_clients WHERE subject_id = $1 AND browser_session <> $2 \
        UNION ALL SELECT id FROM sessions WHERE subject_id = $1 AND (browser_session IS NULL OR browser_session <> $2) \
        AND id NOT IN (SELECT session_id FROM signed_in_clients WHERE browser_session = $2 AND subject_id = $1) LIMIT 1";
    // each id stands between two spaces
    RESTING_ON = "SELECT id FROM sessions WHERE subject_id = $1 AND ' ' || credentials || ' ' LIKE $2 AND id <> $3 \
        AND (browser_session IS NULL OR browser_session <> $4) ORDER BY id";
    FORGET_ACTIVE_OF_CLIENT = "DELETE FROM active_roles WHERE session_id IN (SELECT id FROM sessions WHERE client_id = $1)";
    END_OF_CLIENT = "DELETE FROM sessions WHERE client_id = $1";
}

/// Ends one session of a subject. Returns `false` if there is no such live session.
pub(crate) async fn end(
    change: &mut Change<'_>,
    id: &str,
    subject: &str,
) -> Result<bool, StoreError> {
    gate::hold(change.conn(), subject).await?;
    backchannel::end(change, subject, Ending::Session(id)).await?;
    let delete = query(END_ONE).bind(id).bind(subject);
    Ok(delete.execute(change.conn()).await? > 0)
}

/// Forgets the proofs in every sign-in of a subject, and returns the number of these sign-ins. Call it before browser
/// sessions are ended: it waits for a sign-in that is opening one.
pub(crate) async fn forget_proofs(
    change: &mut Change<'_>,
    subject: &str,
) -> Result<u64, StoreError> {
    let forget = query(BEGIN_FLOWS_AGAIN).bind(subject).bind(false);
    forget.execute(change.conn()).await
}

/// Ends every session of a subject, those with a browser and every sign-in under way, and returns the number of those
/// of clients.
pub(crate) async fn end_all(change: &mut Change<'_>, subject: &str) -> Result<u64, StoreError> {
    gate::hold(change.conn(), subject).await?;
    forget_proofs(change, subject).await?;
    backchannel::end(change, subject, Ending::Others("")).await?;
    let browsers = query(END_ALL_BROWSERS).bind(subject);
    browsers.execute(change.conn()).await?;
    query(END_ALL).bind(subject).execute(change.conn()).await
}

/// Ends every session of a client, whose tokens end with it, and returns their number.
pub(crate) async fn end_of_client(
    change: &mut Change<'_>,
    client: &str,
) -> Result<u64, StoreError> {
    gate::hold_client(change.conn(), client).await?;
    let forget = query(FORGET_ACTIVE_OF_CLIENT).bind(client);
    forget.execute(change.conn()).await?;
    let delete = query(END_OF_CLIENT).bind(client);
    delete.execute(change.conn()).await
}

/// Ends every session of a subject but one and the browser session that this one was opened in. Sign-ins under
/// way begin again.
pub(crate) async fn end_others(
    change: &mut Change<'_>,
    subject: &str,
    keep: &str,
) -> Result<(), StoreError> {
    gate::hold(change.conn(), subject).await?;
    forget_proofs(change, subject).await?;
    backchannel::end(change, subject, Ending::Others(keep)).await?;
    let browsers = query(END_OTHER_BROWSERS).bind(subject).bind(keep);
    browsers.execute(change.conn()).await?;
    let delete = query(END_OTHERS).bind(subject).bind(keep);
    delete.execute(change.conn()).await?;
    Ok(())
}

/// Ends every session of a subject that was not opened in the browser session `keep`, and returns their ids. What was
/// opened in it and outlives it stays, too.
pub(crate) async fn end_of_other_browsers(
    change: &mut Change<'_>,
    subject: &str,
    keep: &str,
) -> Result<Vec<String>, StoreError> {
    let end = query(END_OF_OTHER_BROWSERS).bind(subject).bind(keep);
    let ended = end.fetch_all(change.conn()).await?;
    backchannel::end(change, subject, Ending::OtherBrowsers(keep)).await?;
    Ok(ended)
}

/// Returns true if a subject has a sign-in under way, or a session of a browser other than `keep` or of a client that was
/// not opened in `keep`.
pub(crate) async fn has_other_browsers(
    conn: &mut Conn,
    subject: &str,
    keep: &str,
) -> Result<bool, StoreError> {
    let has = query(HAS_OTHER_BROWSERS).bind(subject).bind(keep);
    let found: Option<String> = has.fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// A session, and that of the browser which it belongs to; empty for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acting {
    pub(crate) session: String,
    pub(crate) browser: String,
}

/// Returns the sessions of a subject that rest on a factor, except `kept` and those of its browser.
pub(crate) async fn resting_on(
    conn: &mut Conn,
    subject: &str,
    factor: &str,
    kept: &Acting,
) -> Result<Vec<String>, StoreError> {
    let sessions = query(RESTING_ON).bind(subject);
    let sessions = sessions.bind(format!("% {factor} %"));
    let sessions = sessions.bind(kept.session.as_str());
    let sessions = sessions.bind(kept.browser.as_str());
    sessions.fetch_all(conn).await
}
