//! The steps of a sign-in. The state of the flow decides which is due, whatever the browser asks for.

use std::{collections::BTreeMap, time::Duration};

use rolecall_core::{Permission, RoleName, Timestamp};

use super::{
    answer::{Answer, AnswerError, Target},
    choice::{self, Choice, Open},
    conclude::{Conclusion, Refusal, SessionCookie, accepts, conclude},
    proof::{Proof, Proofs, Proven},
    request::{AuthorizationRequest, Prompt},
    store::{self as flows, Flow},
};
use crate::{
    accounts::store as accounts,
    app::App,
    audit::events,
    authority::subject::Status,
    clients::store::{self as clients, Client},
    consents,
    error::ApiError,
    ids,
    login::{
        browser::{service as browsers, store::BrowserSession},
        known::Origin,
        password::{self, LoginError, Typed},
        secret::{self, Kind},
    },
    quota::Quota,
    roles::store as roles,
    store::{Conn, StoreError},
};

/// The time that a flow waits for its next step.
const IDLE: Duration = Duration::from_mins(10);
/// The longest that a flow takes.
const MAX: Duration = Duration::from_mins(30);

/// The number of permissions and roles that a page describes.
const MAX_DESCRIBED: usize = 100;

/// What the browser sent beside the form.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visitor<'a> {
    pub(crate) flow: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
    pub(crate) origin: Origin<'a>,
}

/// What comes after a step.
#[derive(Debug)]
pub(crate) enum Next {
    /// The page of a flow, whose secret the browser keeps.
    Page { flow: String, secret: String },
    /// The answer to the client.
    Answer {
        answer: Answer,
        cookie: Option<SessionCookie>,
        /// The device token to keep.
        device: Option<String>,
    },
}

impl Next {
    fn refused(app: &App, request: &AuthorizationRequest, error: AnswerError, why: &str) -> Self {
        let issuer = &app.settings().issuer;
        Self::answer(Answer::error(Target::of(request), error, why, issuer))
    }

    fn answer(answer: Answer) -> Self {
        Self::Answer {
            answer,
            cookie: None,
            device: None,
        }
    }
}

/// The step that is due.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Prove who you are.
    SignIn {
        /// The name to begin with.
        hint: Option<String>,
        /// Who is signed in and may go on.
        signed_in: Option<String>,
    },
    /// Choose a tenant, or roles of a constraint.
    Choose { username: String, open: Open },
    /// Allow the client what it asks for.
    Consent { username: String },
}

/// What a page shows.
pub(crate) struct Shown {
    /// Its request is the one that was chosen.
    pub(crate) flow: Flow,
    /// `None` for a page of our own.
    pub(crate) client: Option<Client>,
    pub(crate) step: Step,
    /// What the permissions and roles that the client asks for are, in the words of their makers.
    pub(crate) descriptions: BTreeMap<String, String>,
}

/// The reason why a step does not lead to the next one.
#[derive(Debug)]
pub(crate) enum FlowError {
    /// There is no such flow in this browser, or not any more.
    Ended,
    /// The name or the password is wrong. The answer is the same for all.
    Wrong,
    /// The password is right, and must be changed before it signs anybody in.
    PasswordChangeRequired,
    /// What was chosen is not among what the user can have.
    WrongChoice,
    TooMany(Duration),
    Failed(ApiError),
}

impl From<ApiError> for FlowError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::TooMany { retry_after } => Self::TooMany(retry_after),
            error => Self::Failed(error),
        }
    }
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<LoginError> for FlowError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => Self::Wrong,
            LoginError::TooMany { retry_after } => Self::TooMany(retry_after),
            LoginError::Busy => Self::Failed(ApiError::Busy),
            LoginError::Failed(error) => Self::Failed(error),
        }
    }
}

/// Begins a sign-in: answers at once if the browser's session is enough, and begins a flow if a page is needed.
pub(crate) async fn begin(
    app: &App,
    request: AuthorizationRequest,
    visitor: &Visitor<'_>,
) -> Result<Next, FlowError> {
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
        flow.proofs = by_session(session);
        if settle(app, &mut flow).await?.is_some() {
            if is_silent {
                let why = "the user has to choose a tenant or roles";
                return Ok(Next::refused(
                    app,
                    &flow.request,
                    AnswerError::InteractionRequired,
                    why,
                ));
            }
            return store_new(app, &flow, visitor).await;
        }
        if !is_consent_due(app, &flow).await? {
            return finish(app, &flow, Stored::No, current.as_ref(), visitor, None).await;
        }
        if is_silent {
            let why = "the user has not allowed this yet";
            return Ok(Next::refused(
                app,
                &flow.request,
                AnswerError::ConsentRequired,
                why,
            ));
        }
        return store_new(app, &flow, visitor).await;
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
    store_new(app, &new_flow(app, request)?, visitor).await
}

/// Returns true if the session of the browser does for the request as it is.
fn fits(session: &BrowserSession, request: &AuthorizationRequest, now: Timestamp) -> bool {
    let age = now.since(session.auth_time).as_secs();
    let is_recent = |most: i64| i64::try_from(age).is_ok_and(|age| age <= most && most > 0);
    let is_hinted = |hint: &String| *hint == session.subject_id;
    !request.prompts(Prompt::Login)
        && request.max_age.is_none_or(is_recent)
        && request.subject.as_ref().is_none_or(is_hinted)
}

fn by_session(session: &BrowserSession) -> Proofs {
    Proofs::by(Proof::BrowserSession {
        id: session.id.clone(),
    })
}

fn new_flow(app: &App, request: AuthorizationRequest) -> Result<Flow, ApiError> {
    let now = app.now();
    Ok(Flow {
        id: ids::random_token(128).map_err(ApiError::internal)?,
        request,
        subject_id: None,
        proofs: Proofs::default(),
        choice: Choice::default(),
        consented: false,
        stays: false,
        version: 0,
        created_at: now,
        last_used_at: now,
    })
}

/// Keeps a new flow. A browser has one secret for all its flows, so that several windows can sign in.
async fn store_new(app: &App, flow: &Flow, visitor: &Visitor<'_>) -> Result<Next, FlowError> {
    let kept = visitor.flow.filter(|kept| kept.len() >= 43);
    let kept = kept.filter(|kept| secret::hash(app, Kind::Flow, kept).is_some());
    let secret = match kept {
        Some(kept) => kept.to_owned(),
        None => secret::generate()?,
    };
    let hash = secret::hash(app, Kind::Flow, &secret).ok_or(FlowError::Ended)?;
    app.store()
        .write(async |conn: &mut Conn| flows::insert(conn, flow, &hash).await)
        .await?;
    Ok(Next::Page {
        flow: flow.id.clone(),
        secret,
    })
}

/// Finds a flow of this browser that has not ended.
pub(super) async fn find(app: &App, id: &str, visitor: &Visitor<'_>) -> Result<Flow, FlowError> {
    let hash = visitor.flow;
    let hash = hash.and_then(|secret| secret::hash(app, Kind::Flow, secret));
    let hash = hash.ok_or(FlowError::Ended)?;
    // ids are random texts of ours
    if secret::hash(app, Kind::Flow, id).is_none() {
        return Err(FlowError::Ended);
    }
    let found = flows::find(&mut app.store().read().await?, id, &hash).await?;
    let now = app.now();
    let is_live = |flow: &Flow| {
        now < flow.created_at.plus(MAX)
            && now < flow.last_used_at.plus(IDLE)
            // a clock set back must not make it last longer
            && now.plus(MAX) >= flow.created_at
    };
    found.filter(is_live).ok_or(FlowError::Ended)
}

/// Returns the step that is due, and what its page shows.
pub(crate) async fn show(app: &App, id: &str, visitor: &Visitor<'_>) -> Result<Shown, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    let client = clients::find(&mut app.store().read().await?, &flow.request.client_id).await?;
    let client = client.filter(|client| accepts(client, &flow.request));
    if client.is_none() && !flow.request.is_own() {
        return Err(FlowError::Ended);
    }
    let step = if let Some(subject) = flow.subject_id.clone() {
        let now = app.now();
        let user = accounts::find_user(&mut app.store().read().await?, &subject, now).await?;
        let username = user.ok_or(FlowError::Ended)?.username;
        match settle(app, &mut flow).await? {
            Some(open) => Step::Choose { username, open },
            None => Step::Consent { username },
        }
    } else {
        let current = browsers::find(app, visitor.session).await?;
        let fitting = current.filter(|one| fits(one, &flow.request, app.now()));
        Step::SignIn {
            hint: flow.request.login_hint.clone(),
            signed_in: fitting.map(|session| session.username),
        }
    };
    flow.request = flow.choice.apply(&flow.request);
    let descriptions = describe(app, &described(&flow.request, &step)).await?;
    Ok(Shown {
        flow,
        client,
        step,
        descriptions,
    })
}

/// Returns what the page of a step describes, in the words of a scope.
fn described(request: &AuthorizationRequest, step: &Step) -> Vec<String> {
    let Step::Choose { open, .. } = step else {
        let named = request.scope.as_deref().unwrap_or_default().split(' ');
        return named.map(str::to_owned).collect();
    };
    match open {
        Open::Tenant(_) => Vec::new(),
        Open::Roles(open, _) => open
            .options
            .iter()
            .map(|role| format!("role:{role}"))
            .collect(),
    }
}

/// Returns the descriptions of what a scope names, as far as there are any.
async fn describe(app: &App, named: &[String]) -> Result<BTreeMap<String, String>, FlowError> {
    let mut conn = app.store().read().await?;
    let mut descriptions = BTreeMap::new();
    for value in named.iter().take(MAX_DESCRIBED) {
        let described = match value.strip_prefix("role:").map(str::parse::<RoleName>) {
            Some(Ok(role)) => roles::find_role(&mut conn, &role)
                .await?
                .map(|it| it.description),
            Some(Err(_)) => None,
            None => match value.parse::<Permission>() {
                Ok(permission) => roles::find_permission(&mut conn, &permission)
                    .await?
                    .map(|it| it.description),
                Err(_) => None,
            },
        };
        if let Some(text) = described.filter(|text| !text.is_empty()) {
            descriptions.insert(value.clone(), text);
        }
    }
    Ok(descriptions)
}

/// Checks a name and a password, and goes on if they are right.
pub(crate) async fn sign_in(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    (username, password): (&str, &str),
    stays: bool,
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    let typed = Typed {
        username,
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
    let proven = proven?;
    if proven.by_reset_code || proven.credentials.status != Status::Active {
        let reason = "password_change_required";
        password::record_refused(app, &proven, visitor.origin.address, reason).await?;
        return Err(FlowError::PasswordChangeRequired);
    }
    if let Err(used_up) = app.take_quota(Quota::LogIns, &proven.id) {
        password::count_refused(app, &proven, visitor.origin.address).await?;
        return Err(used_up.into());
    }
    flow.stays = stays && app.settings().browser.stay.is_some();
    let device = keep_proof(app, &mut flow, &proven, visitor).await?;
    let Some(device) = device else {
        // another sign-in may just have rehashed the same password, or the account was locked meanwhile
        let subject = Some(proven.id.as_str());
        password::count_failure(app, &proven.slot, subject, &typed).await?;
        return Err(FlowError::Wrong);
    };
    password::forgive_address(app, &proven.slot.account, visitor.origin.address);
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, device).await
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
    flow.subject_id = Some(proven.id.clone());
    flow.proofs = Proofs::by(Proof::password(rehash.unwrap_or(hash), now));
    flow.forget_decisions();
    let (_, token) = proven
        .slot
        .device_of_login(app)
        .map_err(ApiError::internal)?;
    let kept = app
        .store()
        .write(async |conn: &mut Conn| {
            if !accounts::confirm_password(conn, &proven.id, hash, rehash).await?
                || proven.slot.failures(conn).await?.is_locked()
            {
                return Ok(false);
            }
            proven.slot.succeed(conn, now).await?;
            if !flows::update(conn, flow, now).await? {
                return Err(FlowError::Ended);
            }
            let (address, detail) = (visitor.origin.address, "password in a browser");
            events::record_in(conn, app, "log_in", &proven.id, address, detail).await?;
            Ok::<_, FlowError>(true)
        })
        .await?;
    flow.version += 1;
    Ok(kept.then_some(token))
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
    let Some(session) = fitting.filter(|_| flow.subject_id.is_none()) else {
        return page_of(&flow, visitor);
    };
    flow.subject_id = Some(session.subject_id.clone());
    flow.proofs = by_session(session);
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
    forget(app, flow, visitor).await
}

async fn forget(app: &App, mut flow: Flow, visitor: &Visitor<'_>) -> Result<Next, FlowError> {
    flow.subject_id = None;
    flow.proofs = Proofs::default();
    flow.forget_decisions();
    write_step(app, &mut flow).await?;
    page_of(&flow, visitor)
}

/// Allows the client what it asks for, or refuses it. An answer that is neither changes nothing.
pub(crate) async fn decide(
    app: &App,
    id: &str,
    visitor: &Visitor<'_>,
    allows: Option<bool>,
) -> Result<Next, FlowError> {
    let mut flow = find(app, id, visitor).await?;
    let Some(allows) = allows else {
        return page_of(&flow, visitor);
    };
    if !allows {
        // who refuses need not have signed in
        app.store()
            .write(async |conn: &mut Conn| flows::delete(conn, &flow).await)
            .await?;
        let why = "the user has refused";
        return Ok(Next::refused(
            app,
            &flow.request,
            AnswerError::AccessDenied,
            why,
        ));
    }
    if flow.subject_id.is_none() {
        return page_of(&flow, visitor);
    }
    let before = flow.choice.clone();
    let open = settle(app, &mut flow).await?;
    if flow.choice != before {
        // what was shown is not what the client would get
        flow.consented = false;
        write_step(app, &mut flow).await?;
        return page_of(&flow, visitor);
    }
    if open.is_some() {
        return page_of(&flow, visitor);
    }
    flow.consented = true;
    write_step(app, &mut flow).await?;
    let current = browsers::find(app, visitor.session).await?;
    advance(app, flow, current.as_ref(), visitor, None).await
}

pub(super) async fn write_step(app: &App, flow: &mut Flow) -> Result<(), FlowError> {
    let now = app.now();
    let written = app
        .store()
        .write(async |conn: &mut Conn| flows::update(conn, flow, now).await)
        .await?;
    if !written {
        return Err(FlowError::Ended);
    }
    flow.version += 1;
    Ok(())
}

/// Shows the step that is due, or concludes the flow if none is.
pub(super) async fn advance(
    app: &App,
    mut flow: Flow,
    current: Option<&BrowserSession>,
    visitor: &Visitor<'_>,
    device: Option<String>,
) -> Result<Next, FlowError> {
    let before = flow.choice.clone();
    let open = settle(app, &mut flow).await?;
    if flow.choice != before {
        flow.consented = false;
        write_step(app, &mut flow).await?;
    }
    if open.is_some() {
        return page_of(&flow, visitor);
    }
    if !flow.consented && is_consent_due(app, &flow).await? {
        return page_of(&flow, visitor);
    }
    finish(app, &flow, Stored::Yes, current, visitor, device).await
}

/// Whether the flow has a row, which ends with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stored {
    Yes,
    No,
}

async fn finish(
    app: &App,
    flow: &Flow,
    stored: Stored,
    current: Option<&BrowserSession>,
    visitor: &Visitor<'_>,
    device: Option<String>,
) -> Result<Next, FlowError> {
    let proven = Proven::of(flow.subject_id.as_deref(), &flow.proofs).ok_or(FlowError::Ended)?;
    let request = flow.choice.apply(&flow.request);
    let conclusion = Conclusion {
        request: &request,
        chosen: (&flow.request, &flow.choice),
        flow: (stored == Stored::Yes).then_some(flow),
        proven,
        current,
        cookie: visitor.session,
        address: visitor.origin.address,
    };
    match conclude(app, &conclusion).await {
        Ok(done) => {
            if let Some(other) = &done.replaced {
                browsers::end(app, &other.subject_id, &other.id).await?;
            }
            browsers::end_surplus(app, &done.subject).await?;
            Ok(Next::Answer {
                answer: done.answer,
                cookie: done.cookie,
                device,
            })
        }
        Err(Refusal::Answer(answer)) => Ok(Next::answer(*answer)),
        // what was proven holds no longer: otherwise the page of the last step would come for ever
        Err(Refusal::Stale) if stored == Stored::Yes => forget(app, flow.clone(), visitor).await,
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
}

pub(super) fn page_of(flow: &Flow, visitor: &Visitor<'_>) -> Result<Next, FlowError> {
    Ok(Next::Page {
        flow: flow.id.clone(),
        secret: visitor.flow.ok_or(FlowError::Ended)?.to_owned(),
    })
}

async fn is_consent_due(app: &App, flow: &Flow) -> Result<bool, FlowError> {
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
