//! The steps of a sign-in. The state of the flow decides which is due, whatever the browser asks for.

use rolecall_core::Timestamp;

use super::{
    answer::AnswerError,
    conclude::{Conclusion, Refusal, conclude},
    kept::{find, new_flow, page_of, store_new, write_step},
    not_admitted,
    owed::{self, Due},
    pending::{due, is_consent_due, keep_all, settle, settle_all},
    proof::{Proof, Proofs},
    proven::Proven,
    remembering,
    request::{AuthorizationRequest, Prompt},
    step::{FlowError, Next, Visitor},
    store::{self as flows, Flow},
    wrong,
};
use crate::{
    accounts::naming,
    app::App,
    audit::events,
    authority::subject::Status,
    boxed::Boxed,
    error::ApiError,
    login::{
        browser::{service as browsers, store::BrowserSession},
        password::{self, LoginError, Typed},
    },
    quota::Quota,
    store::Conn,
};

/// Begins a sign-in: answers at once if the browser's session is enough, and begins a flow if a page is needed.
pub(crate) fn begin<'a>(
    app: &'a App,
    request: AuthorizationRequest,
    visitor: &'a Visitor<'a>,
) -> Boxed<'a, Result<Next, FlowError>> {
    Box::pin(async move {
        let current = browsers::find(app, visitor.session).await?;
        let fitting = current
            .as_ref()
            .filter(|one| fits(one, &request, app.now()));
        let is_silent = request.prompts(Prompt::None);
        if let Some(session) = fitting
            && !request.prompts(Prompt::SelectAccount)
        {
            let mut flow = new_flow(app, request)?;
            flow.subject_id = Some(session.subject_id.clone());
            flow.proofs = Proofs::by(Proof::session(session));
            let (due, open) = settle_all(app, &mut flow).await?;
            match due {
                Due::Nothing => {}
                Due::Unmet => return unmet(app, &flow).await,
                _ if is_silent => {
                    let why = "the user has to prove more than with this sign-in";
                    let error = AnswerError::LoginRequired;
                    return Ok(Next::refused(app, &flow.request, error, why));
                }
                _ => return store_new(app, &flow, visitor, current.as_ref()).await,
            }
            let (error, why) = if open.is_some() {
                let why = "the user has to choose a tenant or roles";
                (AnswerError::InteractionRequired, why)
            } else if is_consent_due(app, &flow).await? {
                let why = "the user has not allowed this yet";
                (AnswerError::ConsentRequired, why)
            } else {
                return finish(app, &flow, Stored::No, current.as_ref(), visitor, None).await;
            };
            if is_silent {
                return Ok(Next::refused(app, &flow.request, error, why));
            }
            return store_new(app, &flow, visitor, current.as_ref()).await;
        }
        if is_silent {
            let why = "nobody is signed in who fits the request";
            return Ok(Next::refused(
                app,
                &request,
                AnswerError::LoginRequired,
                why,
            ));
        }
        let flow = new_flow(app, request)?;
        store_new(app, &flow, visitor, current.as_ref()).await
    })
}

/// Tells a client that its user cannot prove as much as it asks for.
async fn unmet(app: &App, flow: &Flow) -> Result<Next, FlowError> {
    let why = not_admitted::describe_unmet(app, flow).await?;
    let error = AnswerError::UnmetAuthenticationRequirements;
    Ok(Next::refused(app, &flow.request, error, &why))
}

/// Returns true if the session of the browser does for the request as it is, as far as its own proof goes.
pub(super) fn fits(
    session: &BrowserSession,
    request: &AuthorizationRequest,
    now: Timestamp,
) -> bool {
    let is_hinted = |hint: &String| *hint == session.subject_id;
    !request.prompts(Prompt::Login)
        && !request.prompts(Prompt::Create)
        && request.is_recent(session.auth_time, now)
        && request.subject.as_ref().is_none_or(is_hinted)
}

/// Checks a name and a password, and goes on if they are right. Whoever has signed in is shown the step that is due.
pub(crate) async fn sign_in(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    (username, password): (&str, &str),
    stays: bool,
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    if due(app, &flow).await? != Due::First {
        return page_of(&flow, visitor);
    }
    let meant = naming::name_meant(app, username).await?;
    let typed = Typed {
        username: meant.as_deref().unwrap_or(username),
        password,
        origin: visitor.origin,
    };
    let proven = password::prove(app, &typed).await;
    app.parts().metrics.log_ins.add_one(match &proven {
        Ok(_) => "success",
        Err(LoginError::Wrong) => "wrong",
        Err(LoginError::TooMany { .. }) => "slowed",
        Err(LoginError::Busy) => "busy",
        Err(LoginError::Failed(_)) => "failed",
    });
    let proven = match proven {
        Err(LoginError::Wrong) => return refuse_password(app, &flow).await,
        proven => proven?,
    };
    if proven.by_reset_code || proven.credentials.status != Status::Active {
        let reason = "password_change_required";
        password::record_refused(app, &proven, visitor.origin.address, reason).await?;
        return Err(FlowError::PasswordChangeRequired);
    }
    // a password that stops before the second factor takes nothing from the sign-ins of whoever has the factor
    let place = if proven.slot.is_known() {
        "at home"
    } else {
        "elsewhere"
    };
    if let Err(used_up) = app.take_quota(Quota::LogIns, &format!("{} {place}", proven.id)) {
        password::count_refused(app, &proven, visitor.origin.address).await?;
        return Err(used_up.into());
    }
    flow.stays = stays && app.settings().browser.stay.is_some();
    let device = keep_proof(app, &mut flow, &proven, visitor).await?;
    let Some(device) = device else {
        // another sign-in may just have rehashed the same password, or the account was locked meanwhile
        let subject = Some(proven.id.as_str());
        password::count_failure(app, &proven.slot, subject, &typed).await?;
        return refuse_password(app, &flow).await;
    };
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, device).await
}

async fn refuse_password(app: &App, flow: &Flow) -> Result<Next, FlowError> {
    wrong::count(app, flow).await?;
    Err(FlowError::Wrong)
}

/// Writes the proof of a password into the flow, if what was proven is still what is stored. Returns the device token
/// that the browser is to keep, if there is a new one.
async fn keep_proof(
    app: &App,
    flow: &mut Flow,
    proven: &password::Proven,
    visitor: &Visitor<'_>,
) -> Result<Option<Option<String>>, FlowError> {
    let hash = proven.credentials.password_hash.as_deref();
    let hash = hash.unwrap_or_default();
    let rehash = proven.rehash.as_deref();
    let now = app.now();
    let (address, account) = (visitor.origin.address, &proven.slot.account);
    flow.subject_id = Some(proven.id.clone());
    flow.proofs = Proofs::by(Proof::password(rehash.unwrap_or(hash), now));
    flow.forget_decisions();
    // what is due depends on the tenant
    settle(app, flow).await?;
    remembering::recognize(app, flow, visitor.remembered, &proven.id).await?;
    let (_, token) = proven
        .slot
        .device_of_login(app)
        .map_err(ApiError::internal)?;
    let is_whole = due(app, flow).await? == Due::Nothing;
    let kept = app
        .store()
        .write(async |conn: &mut Conn| {
            let confirmed = if is_whole {
                proven.confirm(app, conn).await?
            } else {
                proven.still_holds(conn).await?
            };
            if !confirmed {
                return Ok(false);
            }
            if !flows::update(conn, flow, now).await? {
                return Err(FlowError::Ended);
            }
            let (kind, detail) = match (is_whole, flow.proofs.remembered()) {
                (true, None) => ("log_in", "password in a browser"),
                (true, Some(_)) => ("log_in", "password in a browser, remembered device"),
                (false, _) => ("password_proven", "second_factor_due"),
            };
            events::record_in(conn, app, kind, &proven.id, address, detail).await?;
            Ok::<_, FlowError>(true)
        })
        .await?;
    flow.version += 1;
    if kept && is_whole {
        password::forgive_address(app, account, address);
    }
    // a device is known once somebody has signed in with it, and not by the password and what is remembered
    let is_device = is_whole && flow.proofs.remembered().is_none();
    Ok(kept.then_some(token.filter(|_| is_device)))
}

/// Goes on as the user who is signed in with this browser.
pub(crate) async fn continue_signed_in(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    let current = browsers::find(app, visitor.session).await?;
    let fitting = current
        .as_ref()
        .filter(|one| fits(one, &flow.request, app.now()));
    let is_first = due(app, &flow).await? == Due::First;
    let Some(session) = fitting.filter(|_| is_first) else {
        return page_of(&flow, visitor);
    };
    flow.subject_id = Some(session.subject_id.clone());
    flow.proofs = Proofs::by(Proof::session(session));
    flow.forget_decisions();
    write_step(app, &mut flow).await?;
    advance(app, flow, current.as_ref(), visitor, None).await
}

/// Begins again with another account: whatever was proven is forgotten.
pub(crate) async fn start_over(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
) -> Result<Next, FlowError> {
    let flow = find(app, id, visitor).await?;
    if flow.subject_id.is_none() {
        return page_of(&flow, visitor);
    }
    forget(app, flow, visitor).await
}

async fn forget(app: &App, mut flow: Flow, visitor: &Visitor<'_>) -> Result<Next, FlowError> {
    flow.subject_id = None;
    flow.proofs = Proofs::default();
    flow.forget_decisions();
    write_step(app, &mut flow).await?;
    page_of(&flow, visitor)
}

/// Shows the step that is due, or concludes the flow if none is.
pub(super) async fn advance(
    app: &App,
    mut flow: Flow,
    current: Option<&BrowserSession>,
    visitor: &Visitor<'_>,
    device: Option<String>,
) -> Result<Next, FlowError> {
    match keep_all(app, &mut flow).await? {
        (Due::Nothing, None) => {}
        (Due::Unmet, _) => return end_unmet(app, &flow).await,
        _ => return page_of(&flow, visitor),
    }
    if !flow.consented && is_consent_due(app, &flow).await? {
        return page_of(&flow, visitor);
    }
    finish(app, &flow, Stored::Yes, current, visitor, device).await
}

async fn end_unmet(app: &App, flow: &Flow) -> Result<Next, FlowError> {
    let is_ended = app
        .store()
        .write(async |conn: &mut Conn| flows::delete(conn, flow).await)
        .await?;
    if is_ended {
        unmet(app, flow).await
    } else {
        Err(FlowError::Ended)
    }
}

/// A flow has a row, which ends with it, unless no page was needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stored {
    Yes,
    No,
}

fn finish<'a>(
    app: &'a App,
    flow: &'a Flow,
    stored: Stored,
    current: Option<&'a BrowserSession>,
    visitor: &'a Visitor<'a>,
    device: Option<String>,
) -> Boxed<'a, Result<Next, FlowError>> {
    Box::pin(async move {
        let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
        let request = flow.choice.apply(&flow.request);
        let mut conn = app.store().read().await?;
        let owed = owed::read(app, &mut conn, &request, subject).await?;
        drop(conn);
        let proven = Proven::of(Some(subject), &flow.proofs, &owed).ok_or(FlowError::Ended)?;
        let quota = if proven.is_new() {
            Quota::LogIns
        } else {
            Quota::SignIns
        };
        // sign-ins with the password alone take nothing from those with a factor or from a remembered device
        let by = if flow.proofs.have_factor() {
            " by factor"
        } else if flow.proofs.remembered().is_some() {
            " by device"
        } else {
            ""
        };
        app.take_quota(quota, &format!("{}{by}", proven.subject()))?;
        let conclusion = Conclusion {
            request: &request,
            chosen: (&flow.request, &flow.choice),
            flow: (stored == Stored::Yes).then_some(flow),
            proven,
            current,
            cookie: visitor.session,
            origin: visitor.origin,
            language: visitor.language,
        };
        match conclude(app, &conclusion).await {
            Ok(done) => {
                browsers::end_surplus(app, &done.subject).await?;
                Ok(Next::Answer {
                    answer: done.answer,
                    cookie: done.cookie,
                    device,
                    remembered: done.remembered,
                })
            }
            Err(Refusal::Answer(answer)) => Ok(Next::answer(*answer)),
            // what was proven holds no longer: otherwise the page of the last step would come for ever
            Err(Refusal::Stale) if stored == Stored::Yes => {
                forget(app, flow.clone(), visitor).await
            }
            Err(Refusal::Stale) => {
                let why = "nobody is signed in any more";
                Ok(Next::refused(
                    app,
                    &flow.request,
                    AnswerError::LoginRequired,
                    why,
                ))
            }
            Err(Refusal::Failed(error)) => Err(error.into()),
        }
    })
}
