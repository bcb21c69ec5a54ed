//! The step in which somebody who has no second factor adds one, since one is asked for.

use std::time::Duration;

use rolecall_core::Timestamp;

use super::{
    kept::{find, page_of, write_step},
    owed::Due,
    passkey,
    pending::{due, due_in},
    proof::Proof,
    service::advance,
    step::{FlowError, Next, Step, Visitor},
    store::{self as flows, Flow},
};
use crate::{
    app::App,
    audit::events,
    authority::caller::Caller,
    error::ApiError,
    factors::{
        enrolment::{self, Confirmed},
        passkeys::enrolment as passkeys,
        typed::RightCode,
        wished::Wished,
    },
    ids,
    login::browser::service as browsers,
    store::{Change, gate},
};

/// The time within which the same form is sent again by an impatient person rather than for another reason.
const SENT_AGAIN: Duration = Duration::from_mins(1);

/// What follows the first code of an application.
#[derive(Debug)]
pub(crate) enum Enrolled {
    /// The recovery codes are shown once, before anything else.
    Codes(Vec<String>),
    Next(Next),
}

/// Returns the step with the secret of the enrolment, which begins if there is none that can be confirmed.
pub(super) async fn step(app: &App, flow: &mut Flow, username: String) -> Result<Step, FlowError> {
    let subject = flow.subject_id.clone().ok_or(FlowError::Ended)?;
    let begun = match &flow.enrolment {
        Some(id) => enrolment::find(app, id, &subject).await?,
        None => None,
    };
    let wished = wished(flow).cloned();
    let secret = if let Some(secret) = begun {
        secret
    } else {
        let begun = enrolment::begin(app, &subject, &name_of(flow, false)).await?;
        flow.enrolment = Some(begun.id);
        write_step(app, flow).await?;
        begun.secret
    };
    let passkey = passkey::creation_options(app, flow, &subject).await?;
    Ok(Step::Enrol {
        username,
        secret: Some(secret),
        wished: wished.filter(|one| !one.is_passkey || !passkey.is_empty()),
        passkey,
    })
}

/// The same where only a passkey is enough.
pub(super) async fn passkey_step(
    app: &App,
    flow: &Flow,
    username: String,
) -> Result<Step, FlowError> {
    let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
    Ok(Step::Enrol {
        username,
        secret: None,
        wished: wished(flow).filter(|one| one.is_passkey).cloned(),
        passkey: passkey::creation_options(app, flow, subject).await?,
    })
}

/// Returns the factor that the user was about to add.
fn wished(flow: &Flow) -> Option<&Wished> {
    let wished = flow.request.wished_factor.as_ref();
    // somebody else who has signed in instead chose none
    wished.filter(|_| flow.request.subject == flow.subject_id)
}

/// Returns the name for a new factor of a kind; empty for the usual one.
fn name_of(flow: &Flow, is_passkey: bool) -> String {
    let wished = wished(flow).filter(|one| one.is_passkey == is_passkey);
    wished.map_or_else(String::new, |one| one.name.clone())
}

/// Ends the enrolment with the first code of the application.
pub(crate) async fn confirm(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    code: &str,
) -> Result<Enrolled, FlowError> {
    let flow = find(app, id, visitor).await?;
    if due(app, &flow).await? != Due::Enrolment {
        return confirmed(app, flow, visitor, code).await;
    }
    match confirm_first(app, flow, visitor, code).await {
        // the same form was sent twice at once, and the other one was faster
        Err(FlowError::Ended) => {
            let flow = find(app, id, visitor).await?;
            if just_added(app, &flow).is_some() {
                confirmed(app, flow, visitor, code).await
            } else {
                Err(FlowError::Ended)
            }
        }
        answer => answer,
    }
}

/// Goes on where no first factor is due. A form that is sent again, with the code that has added the factor, gets new codes:
/// its browser shows this answer, and never the first one.
async fn confirmed(
    app: &App,
    flow: Flow,
    visitor: &Visitor<'_>,
    code: &str,
) -> Result<Enrolled, FlowError> {
    // the button that goes on sends none
    if let (false, Some(added)) = (code.trim().is_empty(), just_added(app, &flow)) {
        let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
        let caller = Caller::Own {
            user_id: subject,
            session: &flow.id,
        };
        let owner = (subject, visitor.origin.address);
        if enrolment::has_confirmed(app, subject, added, code).await?
            && let Some(codes) = enrolment::codes_again(app, caller, owner).await?
        {
            return Ok(Enrolled::Codes(codes));
        }
    }
    go_on(app, flow, visitor).await.map(Enrolled::Next)
}

/// Returns the application that this sign-in has added a moment ago, and when it did.
fn just_added<'a>(app: &App, flow: &'a Flow) -> Option<(&'a str, Timestamp)> {
    let enrolment = flow.enrolment.as_deref()?;
    let now = app.now();
    flow.proofs.all().iter().find_map(|proof| match proof {
        Proof::Totp { factor, at_micros } if factor == enrolment => {
            let at = Timestamp::from_micros(*at_micros);
            let is_recent = now.since(at) <= SENT_AGAIN && now.plus(SENT_AGAIN) >= at;
            is_recent.then_some((enrolment, at))
        }
        _ => None,
    })
}

async fn confirm_first(
    app: &App,
    mut flow: Flow,
    visitor: &Visitor<'_>,
    code: &str,
) -> Result<Enrolled, FlowError> {
    let subject = flow.subject_id.clone().ok_or(FlowError::Ended)?;
    let Some(enrolment) = flow.enrolment.clone() else {
        return page_of(&flow, visitor).map(Enrolled::Next);
    };
    match enrolment::check(app, (&enrolment, &subject), code).await {
        Ok(()) => {}
        // it took too long: the page shows a new secret
        Err(ApiError::Unknown { .. }) => return page_of(&flow, visitor).map(Enrolled::Next),
        Err(ApiError::Invalid(_)) => return Err(FlowError::WrongCode),
        Err(error) => return Err(error.into()),
    }
    let caller = Caller::As { user_id: &subject };
    let confirmed = app
        .change_as(caller, async |change: &mut Change<'_>| {
            gate::hold(change.conn(), &subject).await?;
            if due_in(app, change.conn(), &flow).await? != Due::Enrolment {
                // another sign-in has just added the first one, and this one has not proven it
                return Err(FlowError::Ended);
            }
            keep(
                app,
                change,
                &mut flow,
                visitor,
                (&subject, &enrolment, code),
            )
            .await
        })
        .await?;
    flow.version += 1;
    match confirmed.codes {
        Some(codes) => Ok(Enrolled::Codes(codes)),
        None => go_on(app, flow, visitor).await.map(Enrolled::Next),
    }
}

/// Confirms the factor, and writes the proof by it into the flow: its first code is used up by that.
async fn keep(
    app: &App,
    change: &mut Change<'_>,
    flow: &mut Flow,
    visitor: &Visitor<'_>,
    (subject, enrolment, code): (&str, &str, &str),
) -> Result<Confirmed, FlowError> {
    let address = visitor.origin.address;
    let owner = (subject, address);
    let confirmed = enrolment::confirm_in(app, change, owner, enrolment, code).await?;
    let now = change.now();
    let right = RightCode::Totp {
        factor: enrolment.to_owned(),
        step: 0,
    };
    flow.proofs.add(Proof::code(&right, now));
    if !flows::update(change.conn(), flow, now).await? {
        return Err(FlowError::Ended);
    }
    let detail = "second factor in a browser: totp, just added";
    events::record_in(change.conn(), app, "log_in", subject, address, detail).await?;
    Ok(confirmed)
}

/// Adds a passkey with the answer of the browser. It proves nobody yet: it is asked for as the second factor then.
pub(crate) async fn add_passkey(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    answer: &str,
) -> Result<Enrolled, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    let due = due(app, &flow).await?;
    if !matches!(due, Due::Enrolment | Due::PasskeyEnrolment) {
        return page_of(&flow, visitor).map(Enrolled::Next);
    }
    let subject = flow.subject_id.clone().ok_or(FlowError::Ended)?;
    let challenge = passkey::challenge(app, &flow)?;
    // the challenge is spent by this try, right or wrong
    write_step(app, &mut flow).await?;
    let made = match passkeys::verify(app, answer, &challenge) {
        Ok(made) => made,
        Err(ApiError::Invalid(_)) => return Err(FlowError::WrongPasskey),
        Err(error) => return Err(error.into()),
    };
    let factor = ids::new_id(app.now()).map_err(ApiError::internal)?;
    let name = name_of(&flow, true);
    let owner = (subject.as_str(), visitor.origin.address);
    let caller = Caller::As { user_id: &subject };
    let confirmed = app
        .change_as(caller, async |change: &mut Change<'_>| {
            gate::hold(change.conn(), &subject).await?;
            let still = due_in(app, change.conn(), &flow).await?;
            if !matches!(still, Due::Enrolment | Due::PasskeyEnrolment) {
                return Err(FlowError::Ended);
            }
            let added = passkeys::add_in(app, change, owner, (&factor, &name), &made).await?;
            // of two answers at once, one finds the step taken
            let now = change.now();
            if !flows::update(change.conn(), &flow, now).await? {
                return Err(FlowError::Ended);
            }
            Ok(added)
        })
        .await;
    match confirmed {
        Ok(Confirmed { codes: Some(codes) }) => Ok(Enrolled::Codes(codes)),
        Ok(_) => page_of(&flow, visitor).map(Enrolled::Next),
        Err(FlowError::Failed(ApiError::Invalid(_))) => Err(FlowError::WrongPasskey),
        Err(error) => Err(error),
    }
}

/// Goes on after the recovery codes were shown. What is still due is shown.
async fn go_on(app: &App, flow: Flow, visitor: &Visitor<'_>) -> Result<Next, FlowError> {
    if due(app, &flow).await? != Due::Nothing {
        return page_of(&flow, visitor);
    }
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, None).await
}
