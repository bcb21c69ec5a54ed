//! The step that is due, as its page shows it.

use super::{
    conclude::accepts,
    describe::{asked, describe, described, name_resource},
    enrolling,
    kept::find,
    mailed,
    owed::Due,
    passkey,
    pending::{due, is_consent_due, settle},
    proof::Proof,
    service::fits,
    step::{FlowError, Shown, Step, Visitor},
    store::Flow,
    verifying,
};
use crate::{
    accounts::store as accounts,
    app::App,
    boxed::Boxed,
    clients::store as clients,
    factors::store::{self as factors, FactorKind},
    login::browser::service as browsers,
};

/// Returns the step that is due, and what its page shows.
pub(crate) fn show<'a>(
    app: &'a App,
    id: &'a str,
    visitor: &'a Visitor<'a>,
) -> Boxed<'a, Result<Shown, FlowError>> {
    Box::pin(async move {
        let mut flow = find(app, id, visitor).await?;
        let client = clients::find(&mut app.store().read().await?, &flow.request.client_id).await?;
        let client = client.filter(|client| accepts(client, &flow.request));
        if client.is_none() && !flow.request.is_own() {
            return Err(FlowError::Ended);
        }
        let step = match due(app, &flow).await? {
            Due::First => sign_in_step(app, &flow, visitor).await?,
            Due::Second => second_step(app, &flow).await?,
            Due::Address => {
                let username = username(app, &flow).await?;
                verifying::step(app, &flow, username).await?
            }
            Due::Enrolment => {
                let username = username(app, &flow).await?;
                enrolling::step(app, &mut flow, username).await?
            }
            Due::PasskeyEnrolment => {
                let username = username(app, &flow).await?;
                enrolling::passkey_step(app, &flow, username).await?
            }
            Due::Unmet => return Err(FlowError::Ended),
            Due::Nothing => {
                let username = username(app, &flow).await?;
                match settle(app, &mut flow).await? {
                    Some(open) => Step::Choose { username, open },
                    None if flow.enrolment.is_some() && !is_consent_due(app, &flow).await? => {
                        Step::Continue { username }
                    }
                    None => Step::Consent {
                        username,
                        stays: stays(app, &flow, visitor).await?,
                        asked: asked(app, &flow.choice.apply(&flow.request), client.as_ref())
                            .await?,
                    },
                }
            }
        };
        flow.request = flow.choice.apply(&flow.request);
        let descriptions = describe(app, &described(&step)).await?;
        let resource = name_resource(app, &flow.request).await?;
        Ok(Shown {
            flow,
            client,
            step,
            resource,
            descriptions,
        })
    })
}

/// Returns true if the browser session in which the flow ends is to outlast the browser.
async fn stays(app: &App, flow: &Flow, visitor: &Visitor<'_>) -> Result<bool, FlowError> {
    if flow.proofs.first().is_none_or(Proof::is_new) {
        return Ok(flow.stays);
    }
    let current = browsers::find(app, visitor.session).await?;
    Ok(current.is_some_and(|session| session.stays))
}

async fn second_step(app: &App, flow: &Flow) -> Result<Step, FlowError> {
    let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
    let kinds = factors::kinds(&mut app.store().read().await?, subject).await?;
    Ok(Step::Second {
        username: username(app, flow).await?,
        has_application: kinds.contains(&FactorKind::Totp),
        may_remember: app.settings().factors.remember.is_some(),
        passkey: passkey::options(app, flow, Some(subject)).await?,
    })
}

async fn sign_in_step(app: &App, flow: &Flow, visitor: &Visitor<'_>) -> Result<Step, FlowError> {
    let current = browsers::find(app, visitor.session).await?;
    // a session that was not enough is not offered again
    let is_new = |id: &String| flow.subject_id.as_ref() != Some(id);
    let fitting = current.filter(|one| fits(one, &flow.request, app.now()));
    let fitting = fitting.filter(|one| is_new(&one.subject_id));
    Ok(Step::SignIn {
        hint: flow.request.login_hint.clone(),
        signed_in: fitting.map(|session| session.username),
        passkey: passkey::options(app, flow, None).await?,
        mail_code: mailed::offered(app, flow).await?,
    })
}

async fn username(app: &App, flow: &Flow) -> Result<String, FlowError> {
    let subject = flow.subject_id.as_deref().ok_or(FlowError::Ended)?;
    let mut conn = app.store().read().await?;
    let user = accounts::find_user(&mut conn, subject, app.now()).await?;
    Ok(user.ok_or(FlowError::Ended)?.username)
}
