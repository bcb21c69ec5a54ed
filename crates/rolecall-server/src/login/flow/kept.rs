//! The row of a flow: who may find it, and for how long.

use std::time::Duration;

use super::{
    begun::{self, KEPT},
    choice::Choice,
    handle,
    proof::Proofs,
    request::AuthorizationRequest,
    step::{FlowError, Next, Visitor},
    store::{self as flows, Flow},
};
use crate::{
    app::App,
    boxed::Boxed,
    error::ApiError,
    login::{
        browser::store::BrowserSession,
        secret::{self, Kind},
    },
    store::{Conn, gate},
};

/// The time that a flow waits for its next step.
const IDLE: Duration = Duration::from_mins(10);
/// The longest that a flow takes.
const MAX: Duration = KEPT;

/// Returns a flow with nothing proven.
pub(super) fn new_flow(app: &App, request: AuthorizationRequest) -> Result<Flow, ApiError> {
    let now = app.now();
    Ok(Flow {
        id: handle::generate(app, &request.client_id)?,
        request,
        subject_id: None,
        proofs: Proofs::default(),
        choice: Choice::default(),
        consented: false,
        stays: false,
        remembers: false,
        enrolment: None,
        version: 0,
        created_at: now,
        last_used_at: now,
    })
}

/// Keeps a new flow. A browser has one secret for all its flows, so that several windows can sign in; beyond some, a new
/// one replaces the oldest. `current` is the session of the browser.
pub(super) fn store_new<'a>(
    app: &'a App,
    flow: &'a Flow,
    visitor: &'a Visitor<'a>,
    current: Option<&'a BrowserSession>,
) -> Boxed<'a, Result<Next, FlowError>> {
    Box::pin(async move {
        let bytes = flows::json(&flow.request)?.len();
        let signed_in = current.map(|one| one.subject_id.as_str());
        begun::admit(app, bytes, visitor.origin.address, signed_in)?;
        let kept = visitor.flow.filter(|kept| kept.len() >= 43);
        let kept = kept.filter(|kept| secret::hash(app, Kind::Flow, kept).is_some());
        let secret = match kept {
            Some(kept) => kept.to_owned(),
            None => secret::generate()?,
        };
        let hash = secret::hash(app, Kind::Flow, &secret).ok_or(FlowError::Ended)?;
        app.store()
            .write(async |conn: &mut Conn| {
                flows::insert(conn, flow, &hash).await?;
                flows::delete_oldest(conn, flow, &hash, begun::OF_BROWSER - 1).await
            })
            .await?;
        Ok(Next::Page {
            flow: flow.id.clone(),
            secret,
        })
    })
}

/// Finds a flow of this browser that has not ended.
pub(super) async fn find(app: &App, id: &str, visitor: &Visitor<'_>) -> Result<Flow, FlowError> {
    let found = find_of_any_age(app, id, visitor).await?;
    let now = app.now();
    let is_live = |flow: &Flow| {
        now < flow.created_at.plus(MAX)
            && now < flow.last_used_at.plus(IDLE)
            // a clock set back must not make it last longer
            && now.plus(MAX) >= flow.created_at
    };
    found.filter(is_live).ok_or(FlowError::Ended)
}

/// Finds a flow of this browser, however old it is.
pub(super) async fn find_of_any_age(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
) -> Result<Option<Flow>, ApiError> {
    let hash = visitor.flow;
    let hash = hash.and_then(|secret| secret::hash(app, Kind::Flow, secret));
    // ids are random texts of ours
    let is_id = secret::hash(app, Kind::Flow, id).is_some();
    match hash.filter(|_| is_id) {
        Some(hash) => Ok(flows::find(&mut app.store().read().await?, id, &hash).await?),
        None => Ok(None),
    }
}

/// Returns true if this is a flow of this browser that has not ended.
pub(crate) async fn is_live(app: &App, id: &str, visitor: &Visitor<'_>) -> Result<bool, ApiError> {
    match find(app, id, visitor).await {
        Ok(_) => Ok(true),
        Err(FlowError::Failed(error)) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Writes what a step has changed, unless another step was faster.
pub(super) async fn write_step(app: &App, flow: &mut Flow) -> Result<(), FlowError> {
    let now = app.now();
    let written = app
        .store()
        .write(async |conn: &mut Conn| {
            if let Some(subject) = &flow.subject_id {
                gate::hold(conn, subject).await?;
            }
            flows::update(conn, flow, now).await
        })
        .await?;
    if !written {
        return Err(FlowError::Ended);
    }
    flow.version += 1;
    Ok(())
}

/// Returns the way to the page of a flow.
pub(super) fn page_of(flow: &Flow, visitor: &Visitor<'_>) -> Result<Next, FlowError> {
    Ok(Next::Page {
        flow: flow.id.clone(),
        secret: visitor.flow.ok_or(FlowError::Ended)?.to_owned(),
    })
}
