//! The steps in which somebody proves with a passkey who they are: alone, or beside a password.
//!
//! A challenge is the keyed hash of the flow and of its step. Each answer, right or wrong, is a step, so that a challenge
//! counts for one try; a page that is only shown writes nothing.

use rolecall_passkeys::Challenge;

use super::{
    kept::{find, page_of, write_step},
    owed::Due,
    pending::due,
    proof::{Proof, Proofs},
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
    config::Mfa,
    error::ApiError,
    factors::passkeys::{
        enrolment,
        proving::{self, RightAnswer},
        relying_party,
    },
    login::{
        browser::service as browsers,
        known::{Meant, Slot},
        password,
        secret::{self, Kind},
    },
    quota::Quota,
    store::{Conn, gate},
};

/// Returns the options for the browser, as JSON; empty where no passkey could answer.
pub(super) async fn options(
    app: &App,
    flow: &Flow,
    subject: Option<&str>,
) -> Result<String, FlowError> {
    if subject.is_none() && app.settings().factors.mfa == Mfa::Off {
        return Ok(String::new());
    }
    let challenge = challenge(app, flow)?;
    let options = proving::options(app, &challenge, subject).await?;
    Ok(options.map_or_else(String::new, |options| options.to_string()))
}

/// Returns the options to make a passkey, as JSON; empty where there are none.
pub(super) async fn creation_options(
    app: &App,
    flow: &Flow,
    subject: &str,
) -> Result<String, FlowError> {
    if relying_party(app).is_err() {
        return Ok(String::new());
    }
    let challenge = challenge(app, flow)?;
    let options = enrolment::options(app, subject, &challenge).await?;
    Ok(options.to_string())
}

/// Returns the challenge of the present step.
pub(super) fn challenge(app: &App, flow: &Flow) -> Result<Challenge, FlowError> {
    let step = format!("{}-{}", flow.id, flow.version);
    let hash = secret::hash(app, Kind::PasskeyChallenge, &step);
    let challenge = hash.as_deref().and_then(Challenge::parse);
    challenge.ok_or(FlowError::Ended)
}

/// Checks the answer of a passkey, and goes on if it is right. A form for another step shows the step that is due.
pub(crate) async fn prove(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    answer: &str,
    (stays, remembers): (bool, bool),
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    let due = due(app, &flow).await?;
    if !matches!(due, Due::First | Due::Second) {
        return page_of(&flow, visitor);
    }
    let challenge = challenge(app, &flow)?;
    // the challenge is spent by this try, right or wrong; of two tries at once, one finds the step taken
    write_step(app, &mut flow).await?;
    let subject = flow.subject_id.clone().filter(|_| due == Due::Second);
    let by = (subject.as_deref(), visitor.origin.address);
    let right = proving::check(app, answer, &challenge, by).await?;
    let kept = match right {
        Some(right) => keep(app, &mut flow, visitor, &right, (&due, stays, remembers)).await?,
        None => None,
    };
    let metrics = &app.parts().metrics;
    let Some(device) = kept else {
        metrics.log_ins.add_one(match due {
            Due::Second => "wrong_second",
            _ => "wrong",
        });
        wrong::count(app, &flow).await?;
        return Err(FlowError::WrongPasskey);
    };
    metrics.log_ins.add_one("success");
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, device).await
}

/// Writes the proof into the flow, in the transaction that writes the use of the passkey. Returns the device token that the
/// browser is to keep, if there is a new one; `None` if the user may not sign in.
async fn keep(
    app: &App,
    flow: &mut Flow,
    visitor: &Visitor<'_>,
    right: &RightAnswer,
    (due, stays, remembers): (&Due, bool, bool),
) -> Result<Option<Option<String>>, FlowError> {
    let (subject, now) = (right.subject(), app.now());
    let user = accounts::find_user(&mut app.store().read().await?, subject, now).await?;
    let Some(user) = user.filter(|user| user.status == Status::Active) else {
        return Ok(None);
    };
    let proof = Proof::passkey(right, now);
    // a proof whose use is not written must not get into the flow
    let mut proven = flow.clone();
    if *due == Due::Second {
        proven.proofs.add(proof);
        proven.remembers = remembering::is_wanted(app, remembers);
    } else {
        app.take_quota(Quota::LogIns, &format!("{subject} by passkey"))?;
        proven.subject_id = Some(subject.to_owned());
        proven.proofs = Proofs::by(proof);
        proven.stays = stays && app.settings().browser.stay.is_some();
        proven.forget_decisions();
    }
    let (address, account) = (visitor.origin.address, app.account_of(&user.username));
    let slot = Slot::find(app, &account, Meant::Id(subject), &visitor.origin)
        .await?
        .for_codes();
    let (_, token) = slot.device_of_login(app).map_err(ApiError::internal)?;
    let kept = app
        .store()
        .write(async |conn: &mut Conn| {
            gate::hold(conn, subject).await?;
            if !right.record(app, conn, address).await? {
                return Ok(false);
            }
            if !flows::update(conn, &proven, now).await? {
                return Err(FlowError::Ended);
            }
            // nobody can guess a key: what was guessed before it, at this place, is forgiven
            slot.succeed(app, conn, subject).await?;
            let detail = match due {
                Due::Second => "second factor in a browser: passkey",
                _ => "passkey in a browser",
            };
            events::record_in(conn, app, "log_in", subject, address, detail).await?;
            Ok::<_, FlowError>(true)
        })
        .await?;
    if !kept {
        return Ok(None);
    }
    proven.version += 1;
    *flow = proven;
    password::forgive_address(app, &slot.account, address);
    Ok(Some(token))
}
