//! The step in which somebody proves who they are with a second factor.

use super::{
    kept::{find, page_of},
    owed::Due,
    pending::due,
    proof::Proof,
    remembering,
    service::advance,
    step::{FlowError, Next, Visitor},
    store::{self as flows, Flow},
    wrong,
};
use crate::{
    accounts::store as accounts,
    app::App,
    audit::events,
    authority::subject::Status,
    error::ApiError,
    factors::typed::RightCode,
    login::{
        browser::service as browsers,
        known::Slot,
        second::{self, TypedCode},
    },
    store::Conn,
};

/// Checks a code, and goes on if it is right. A form for another step shows the step that is due.
pub(crate) async fn prove(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    (code, remembers): (&str, bool),
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    if due(app, &flow).await? != Due::Second {
        return page_of(&flow, visitor);
    }
    let subject = flow.subject_id.clone().ok_or(FlowError::Ended)?;
    let mut conn = app.store().read().await?;
    let user = accounts::find_user(&mut conn, &subject, app.now()).await?;
    drop(conn);
    let user = user.filter(|user| user.status == Status::Active);
    let user = user.ok_or(FlowError::Ended)?;
    let typed = TypedCode {
        subject: &subject,
        username: &user.username,
        code,
        origin: visitor.origin,
    };
    let mut device = None;
    let proven = second::prove(app, &typed, async |conn, slot, right| {
        device = slot_device(app, slot)?;
        flow.remembers = remembering::is_wanted(app, remembers);
        keep(app, conn, &mut flow, visitor, right).await
    })
    .await;
    match proven {
        Ok(()) => {
            flow.version += 1;
            let current = browsers::find(app, visitor.session).await?;
            advance(app, flow, current.as_ref(), visitor, device).await
        }
        Err(FlowError::Wrong) => {
            app.parts().metrics.log_ins.add_one("wrong_second");
            wrong::count(app, &flow).await?;
            Err(FlowError::WrongCode)
        }
        Err(error) => Err(error),
    }
}

fn slot_device(app: &App, slot: &Slot) -> Result<Option<String>, ApiError> {
    let device = slot.device_of_login(app);
    let (_, token) = device.map_err(ApiError::internal)?;
    Ok(token)
}

/// Writes the proof into the flow, in the transaction that uses up the code.
async fn keep(
    app: &App,
    conn: &mut Conn,
    flow: &mut Flow,
    visitor: &Visitor<'_>,
    right: &RightCode,
) -> Result<(), FlowError> {
    let now = app.now();
    let subject = flow.subject_id.clone().ok_or(FlowError::Ended)?;
    flow.proofs.add(Proof::code(right, now));
    if !flows::update(conn, flow, now).await? {
        return Err(FlowError::Ended);
    }
    let detail = match right {
        RightCode::Totp { .. } => "second factor in a browser: totp",
        RightCode::Recovery { .. } => "second factor in a browser: recovery code",
    };
    let address = visitor.origin.address;
    events::record_in(conn, app, "log_in", &subject, address, detail).await?;
    Ok(())
}
