//! The step in which somebody proves who they are with a code that was sent to their verified address, in place of the
//! password. It is never a second factor.

use super::{
    kept::{find, page_of, write_step},
    owed::Due,
    pending::due,
    proof::{Proof, Proofs},
    service::advance,
    step::{FlowError, MailCode, Next, Visitor},
    store::{self as flows, Flow},
};
use crate::{
    accounts::store::{self as accounts, User},
    app::App,
    audit::events,
    authority::subject::Status,
    login::{
        browser::service as browsers,
        known::{Meant, Slot},
        password::{self, LoginError},
    },
    mail::{
        code_store::{self as codes, AskedCode, Purpose},
        codes::{MOST_TRIES, RightCode, check, request, typed_name},
    },
    quota::Quota,
    store::{Conn, gate},
};

/// Returns what the first step of a flow offers.
pub(super) async fn offered(app: &App, flow: &Flow) -> Result<MailCode, FlowError> {
    // whoever has signed in with a code, and owes more than it can give, needs the password
    if !app.settings().offers_mail_code() || flow.proofs.first().is_some() {
        return Ok(MailCode::Off);
    }
    let mut conn = app.store().read().await?;
    let asked = codes::find(&mut conn, (&flow.id, Purpose::SignIn)).await?;
    Ok(match asked {
        Some(asked) => MailCode::Asked {
            name: typed_name(app, &flow.id, &asked),
        },
        None => MailCode::Offered,
    })
}

/// Asks for a code for whoever is meant by a name. Whoever has signed in asks for nothing.
pub(crate) async fn ask(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    typed: &str,
    language: &str,
) -> Result<(), FlowError> {
    let mut flow = find(app, id, visitor).await?;
    if offered(app, &flow).await? == MailCode::Off {
        return Ok(());
    }
    // the flow is to last as long as the code
    write_step(app, &mut flow).await?;
    request(app, &flow.id, typed, language, &visitor.origin).await?;
    Ok(())
}

/// Checks a code, and goes on if it is right. A form for another step shows the step that is due.
pub(crate) async fn prove(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    code: &str,
    stays: bool,
) -> Result<Next, FlowError> {
    let flow = find(app, id, visitor).await?;
    let is_asked = matches!(offered(app, &flow).await?, MailCode::Asked { .. });
    if !is_asked || due(app, &flow).await? != Due::First {
        return page_of(&flow, visitor);
    }
    let (flow, device) = with_code(
        app,
        &flow,
        Purpose::SignIn,
        visitor,
        code,
        async |slot, right| keep(app, &flow, visitor, slot, (right, stays)).await,
    )
    .await?;
    app.parts().metrics.log_ins.add_one("success");
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, device).await
}

/// Checks a code that was asked for in a flow, and does `work` with a right one. What is wrong counts as a wrong password
/// does, and the fifth code ends the flow.
///
/// # Errors
///
/// [`FlowError::WrongCode`], also if `work` returns `None`.
pub(super) async fn with_code<T>(
    app: &App,
    flow: &Flow,
    purpose: Purpose,
    visitor: &Visitor<'_>,
    code: &str,
    work: impl AsyncFnOnce(&Slot, &RightCode) -> Result<Option<T>, FlowError>,
) -> Result<T, FlowError> {
    let of = (flow.id.as_str(), purpose);
    let asked = codes::find(&mut app.store().read().await?, of).await?;
    let asked = asked.ok_or(FlowError::Ended)?;
    let meant = Meant::Id(asked.subject_id.as_deref().unwrap_or_default());
    let slot = Slot::find(app, &asked.account, meant, &visitor.origin).await?;
    let parts = app.parts();
    if !slot.is_known() {
        password::refuse_address(app, visitor.origin.address)?;
    }
    // as for passwords: guesses that arrive together wait for the first to fail, and count while they run
    let turn = parts.turns.wait(&slot.key()).await;
    let _turn = turn.ok_or(LoginError::Busy)?;
    let in_flight = parts.in_flight.enter(&slot.key());
    let failed = slot.failures(&mut app.store().read().await?).await?;
    let is_open = password::admit(failed, &in_flight, app.now())?;
    let tried = app
        .store()
        .write(async |conn: &mut Conn| codes::try_once(conn, of, MOST_TRIES).await)
        .await?;
    let asked: AskedCode = tried.ok_or(FlowError::Ended)?;
    let (count, meant) = (asked.tries, asked.subject_id.clone());
    let right = check(app, of, asked, code).filter(|_| is_open);
    let done = match right {
        Some(right) => work(&slot, &right).await?,
        None => None,
    };
    if let Some(done) = done {
        return Ok(done);
    }
    parts.metrics.log_ins.add_one("wrong");
    let address = visitor.origin.address;
    password::count_guess(app, &slot, meant.as_deref(), address).await?;
    Err(end_after_last(app, flow, count).await?)
}

/// Ends the flow with the last try. Whoever guesses begins again, and the failures of the account remain.
async fn end_after_last(app: &App, flow: &Flow, tries: i64) -> Result<FlowError, FlowError> {
    if tries < MOST_TRIES {
        return Ok(FlowError::WrongCode);
    }
    app.store()
        .write(async |conn: &mut Conn| flows::delete(conn, flow).await)
        .await?;
    Ok(FlowError::Ended)
}

/// Writes the proof into the flow, in the transaction that uses up the code. Returns the flow, and the device token that
/// the browser is to keep, if there is a new one; `None` if the user may not sign in.
async fn keep(
    app: &App,
    flow: &Flow,
    visitor: &Visitor<'_>,
    slot: &Slot,
    (right, stays): (&RightCode, bool),
) -> Result<Option<(Flow, Option<String>)>, FlowError> {
    let (subject, now) = (right.subject.as_str(), app.now());
    app.take_quota(Quota::LogIns, &format!("{subject} by mail"))?;
    let mut proven = flow.clone();
    proven.subject_id = Some(subject.to_owned());
    proven.proofs = Proofs::by(Proof::mail_code(&right.address, now));
    proven.stays = stays && app.settings().browser.stay.is_some();
    proven.forget_decisions();
    let is_whole = due(app, &proven).await? == Due::Nothing;
    let (_, token) = slot
        .device_of_login(app)
        .map_err(crate::error::ApiError::internal)?;
    let address = visitor.origin.address;
    let kept = app
        .store()
        .write(async |conn: &mut Conn| {
            gate::hold(conn, subject).await?;
            let user = accounts::find_user(conn, subject, now).await?;
            let user = user.filter(|user| user.status == Status::Active);
            let is_same = |user: &User| user.proven_email() == Some(right.address.as_str());
            if !user.as_ref().is_some_and(is_same)
                || slot.failures(conn).await?.is_locked()
                || !right.spend(conn, (&flow.id, Purpose::SignIn)).await?
            {
                return Ok(false);
            }
            if !flows::update(conn, &proven, now).await? {
                return Err(FlowError::Ended);
            }
            let (kind, detail) = if is_whole {
                slot.succeed(app, conn, subject).await?;
                ("log_in", "code by mail in a browser")
            } else {
                ("mail_code_proven", "second_factor_due")
            };
            events::record_in(conn, app, kind, subject, address, detail).await?;
            Ok::<_, FlowError>(true)
        })
        .await?;
    if !kept {
        return Ok(None);
    }
    proven.version += 1;
    if is_whole {
        password::forgive_address(app, &slot.account, address);
    }
    Ok(Some((proven, token.filter(|_| is_whole))))
}
