//! Events, such as log-ins, which change no data. They are not chained, so that they never wait for each other.

use super::store::{self, Event};
use crate::{app::App, error::ApiError, ids, store::Conn};

/// Records an event in a transaction of its own.
pub(crate) async fn record(
    app: &App,
    kind: &str,
    subject: Option<&str>,
    address: &str,
    detail: &str,
) -> Result<(), ApiError> {
    let event = event(app, kind, subject, address, detail)?;
    app.store()
        .write(async |conn: &mut Conn| store::insert_event(conn, &event).await)
        .await?;
    Ok(())
}

/// Records an event in an open transaction.
pub(crate) async fn record_in(
    conn: &mut Conn,
    app: &App,
    kind: &str,
    subject: &str,
    address: &str,
    detail: &str,
) -> Result<(), ApiError> {
    let event = event(app, kind, Some(subject), address, detail)?;
    Ok(store::insert_event(conn, &event).await?)
}

fn event(
    app: &App,
    kind: &str,
    subject: Option<&str>,
    address: &str,
    detail: &str,
) -> Result<Event, ApiError> {
    let at = app.now();
    Ok(Event {
        id: ids::new_id(at).map_err(ApiError::internal)?,
        at,
        kind: kind.to_owned(),
        subject_id: subject.map(str::to_owned),
        address: address.to_owned(),
        detail: detail.to_owned(),
    })
}
