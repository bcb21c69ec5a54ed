//! The part of a flow that is still missing: proofs, a choice, a consent.

use super::{
    choice::{self, Choice, Open},
    conclude::accepts,
    kept::write_step,
    owed::{self, Due, Owed},
    step::FlowError,
    store::Flow,
};
use crate::{app::App, clients::store as clients, consents, store::Conn};

/// Returns the proof that is due, and the choice if none is. In a tenant that is chosen without asking, more may be due than
/// before. It writes nothing.
pub(super) async fn settle_all(
    app: &App,
    flow: &mut Flow,
) -> Result<(Due, Option<Open>), FlowError> {
    loop {
        let due = due(app, flow).await?;
        if due != Due::Nothing {
            return Ok((due, None));
        }
        let before = flow.choice.clone();
        let open = settle(app, flow).await?;
        if open.is_some() || flow.choice == before {
            return Ok((due, open));
        }
    }
}

/// Returns the proof that a flow still waits for.
pub(super) async fn due(app: &App, flow: &Flow) -> Result<Due, FlowError> {
    due_in(app, &mut app.store().read().await?, flow).await
}

/// As [`due`], in a transaction.
pub(super) async fn due_in(app: &App, conn: &mut Conn, flow: &Flow) -> Result<Due, FlowError> {
    let Some(owed) = owed_in(app, conn, flow).await? else {
        return Ok(Due::First);
    };
    let fresh = app.settings().factors.fresh;
    Ok(owed.due(&flow.proofs, app.now(), fresh))
}

/// Returns the address to which a code goes where one is due.
pub(super) async fn address_in(
    app: &App,
    conn: &mut Conn,
    flow: &Flow,
) -> Result<Option<String>, FlowError> {
    let owed = owed_in(app, conn, flow).await?;
    Ok(owed.and_then(Owed::into_address))
}

/// Returns what is owed in a flow; `None` while nobody has begun to sign in.
async fn owed_in(app: &App, conn: &mut Conn, flow: &Flow) -> Result<Option<Owed>, FlowError> {
    let Some(subject) = &flow.subject_id else {
        return Ok(None);
    };
    let request = flow.choice.apply(&flow.request);
    Ok(Some(owed::read(app, conn, &request, subject).await?))
}

pub(super) async fn is_consent_due(app: &App, flow: &Flow) -> Result<bool, FlowError> {
    let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
    if flow.request.is_own() {
        return Ok(false);
    }
    let mut conn = app.store().read().await?;
    let client = clients::find(&mut conn, &flow.request.client_id).await?;
    let client = client.ok_or(FlowError::Ended)?;
    let request = flow.choice.apply(&flow.request);
    Ok(consents::service::is_due(&mut conn, &client, &request, subject).await?)
}

/// As [`settle_all`], and writes the choice if it is another one than before.
pub(super) async fn keep_all(app: &App, flow: &mut Flow) -> Result<(Due, Option<Open>), FlowError> {
    let before = flow.choice.clone();
    let pending = settle_all(app, flow).await?;
    write_changed(app, flow, &before).await?;
    Ok(pending)
}

/// Writes what still holds of the choice, if that is less than before, and returns the choice that is due.
pub(super) async fn keep_choice(app: &App, flow: &mut Flow) -> Result<Option<Open>, FlowError> {
    let before = flow.choice.clone();
    let open = settle(app, flow).await?;
    write_changed(app, flow, &before).await?;
    Ok(open)
}

/// Writes a choice that is another one than `before`. A consent to more than is left counts no more.
async fn write_changed(app: &App, flow: &mut Flow, before: &Choice) -> Result<(), FlowError> {
    if flow.choice != *before {
        flow.consented = false;
        write_step(app, flow).await?;
    }
    Ok(())
}

/// Drops of the choice what cannot be had any more, and returns the choice that is due. It writes nothing.
pub(super) async fn settle(app: &App, flow: &mut Flow) -> Result<Option<Open>, FlowError> {
    let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
    if flow.request.is_own() {
        return Ok(None);
    }
    let mut conn = app.store().read().await?;
    let client = clients::find(&mut conn, &flow.request.client_id).await?;
    let client = client.filter(|client| accepts(client, &flow.request));
    let client = client.ok_or(FlowError::Ended)?;
    let asked = (&flow.request, &flow.choice);
    let settled = choice::settle(app, &mut conn, &client, asked, subject).await?;
    flow.choice = settled.choice;
    Ok(settled.open)
}
