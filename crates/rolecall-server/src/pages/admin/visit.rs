//! Somebody who opens a page: the browser session, what it may do, and the page.

use std::{sync::Arc, time::Duration};

use axum::{Extension, extract::FromRequestParts, response::Response};
use http::{StatusCode, request::Parts};
use rolecall::{Denial, Guard, Principal};
use rolecall_core::{Acr, TenantName, Timestamp, builtin};
use serde_json::json;

use super::{
    super::{
        answers::{failed, go, message, refuse, see_other},
        languages::Language,
        submitted::{Browser, Submitted},
    },
    frame::{self, Frame},
    kept,
    table::{AdminPage, Needs},
};
use crate::{
    accounts::first_run,
    app::App,
    authority::{assurance::acr_of, caller::Caller},
    error::ApiError,
    factors::service as factors,
    heavy::Purpose,
    login::{
        account, acting,
        browser::store::BrowserSession,
        flow::{request::AuthorizationRequest, service},
    },
    web::address::path_of,
};

/// The time for which a proof counts as fresh, for changes that cannot be undone or that give power away.
const FRESH: Duration = Duration::from_mins(15);

/// A request for a page, by somebody who may see it.
pub(crate) struct Visit {
    pub(crate) app: App,
    pub(crate) browser: Browser,
    pub(in super::super) language: Language,
    pub(crate) session: BrowserSession,
    pub(crate) principal: Arc<Principal>,
    pub(crate) page: &'static AdminPage,
    /// The path of the request, without the prefix of the server.
    pub(crate) path: String,
    /// The path with its query, or with what was entered in its form: a sign-in comes back to it.
    pub(crate) address: String,
    /// The address has what was entered in a form of this request.
    is_entered: bool,
    /// The query has what this browser entered before a sign-in.
    pub(super) is_kept: bool,
    pub(in super::super) query: Submitted,
    /// The tenants that the caller can choose.
    pub(crate) tenants: Vec<String>,
}

impl Visit {
    /// Returns the caller of the services: as a token of this browser session.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller::Token(&self.principal)
    }

    /// Returns true if the caller holds a permission: globally, or in the chosen tenant.
    pub(crate) fn may(&self, permission: &str) -> bool {
        self.principal.has_permission(permission)
    }

    /// Returns true if the caller holds a permission globally.
    pub(crate) fn may_globally(&self, permission: &str) -> bool {
        self.principal.has_global_permission(permission)
    }

    /// Returns the tenant in which the caller acts.
    pub(crate) fn tenant(&self) -> Option<TenantName> {
        self.principal.tenant().and_then(|name| name.parse().ok())
    }

    /// Runs `work`, which reads the database for the caller, in a turn: on a thread of its own, a few at once.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`ApiError::Busy`] after the deadline.
    pub(super) async fn in_turn<T: Send + 'static>(
        &self,
        purpose: Purpose,
        work: impl AsyncFnOnce(App, Arc<Principal>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (app, principal) = (self.app.clone(), Arc::clone(&self.principal));
        let work = move || work(app, principal);
        self.app.heavy().run_reading(purpose, work).await
    }

    /// Returns the name of the language of the page.
    pub(crate) fn language_name(&self) -> &str {
        self.app.parts().look.languages.name(self.language)
    }

    /// Returns the time.
    pub(crate) fn now(&self) -> Timestamp {
        self.app.now()
    }

    pub(super) fn frame(&self) -> minijinja::Value {
        let frame = Frame {
            principal: &self.principal,
            tenants: &self.tenants,
            current: self.page,
            done: frame::done_named(self.query.get("done")),
            undo: frame::undo_named(self.query.get("done"), self.query.get("undo")),
            is_kept: self.is_kept,
        };
        frame.values()
    }

    /// Returns what this browser entered in the form of something that is stored, if a sign-in came between.
    pub(super) fn kept(&self) -> Option<&Submitted> {
        let has_mark = !self.query.get("seen").is_empty();
        (self.is_kept && has_mark).then_some(&self.query)
    }

    /// Requires that the caller has proven who they are a moment ago: whoever finds an open browser must not give power
    /// away with it, or destroy what cannot be brought back.
    ///
    /// # Errors
    ///
    /// [`ApiError::StepUp`], which [`answer`](Self::answer) turns into a sign-in that comes back here.
    pub(crate) async fn require_fresh(&self) -> Result<(), ApiError> {
        let own = factors::list(&self.app, &self.session.subject_id).await?;
        // a device on which none is asked for is no second factor
        let needed = (!own.factors.is_empty()).then_some(Acr::Aal2);
        let is_enough = needed.is_none_or(|needed| acr_of(&self.session.amr) >= needed);
        let (now, proven) = (self.now(), self.session.auth_time);
        // a clock set back must not make it last longer
        let is_fresh = now.since(proven) <= FRESH && now.plus(FRESH) >= proven;
        if is_fresh && is_enough {
            return Ok(());
        }
        Err(ApiError::StepUp {
            acr: needed,
            max_age: FRESH,
        })
    }

    /// Leads to a sign-in with more assurance or a newer proof, and from there back to the address of the visit.
    pub(super) async fn sign_in_again(&self, acr: Option<Acr>, max_age: Option<u64>) -> Response {
        let request = AuthorizationRequest {
            max_age: max_age.and_then(|seconds| i64::try_from(seconds).ok()),
            essential_acr: acr,
            subject: Some(self.session.subject_id.clone()),
            login_hint: Some(self.session.username.clone()),
            ..AuthorizationRequest::own(&self.address)
        };
        let entered = self.is_entered.then_some(self.address.as_str());
        begin(&self.app, &self.browser, self.language, request, entered).await
    }

    /// Returns the visit of an administrator at an address that no page has; `None` for anybody else, who is led nowhere.
    pub(super) async fn at_no_page(
        app: &App,
        guard: &Guard,
        page: &'static AdminPage,
        browser: Browser,
        address: String,
    ) -> Result<Option<Self>, ApiError> {
        let current = account::current(app, browser.visitor(app).session).await?;
        let Some(session) = current else {
            return Ok(None);
        };
        let chosen = (browser.admin_tenant(app), false);
        let acting = act(app, guard, &session, chosen).await?;
        let acting = acting.filter(|(principal, _)| acting::is_administrator(principal));
        Ok(acting.map(|(principal, tenants)| Self {
            app: app.clone(),
            language: browser.language(app, None),
            session,
            principal,
            page,
            path: address.clone(),
            is_entered: false,
            is_kept: false,
            query: Submitted::parse(b""),
            address,
            browser,
            tenants,
        }))
    }

    /// Refuses a caller who lacks what the page needs: with a sign-in, if a stronger one is all that lacks.
    async fn admit(self) -> Result<Self, Response> {
        if self.page.needs.are_met_by(&self.principal) {
            return Ok(self);
        }
        let in_tenant = matches!(self.page.needs, Needs::Anywhere(_));
        let step_up = |permission: &str| {
            let needs = json!({ "all": [permission] });
            let names = [permission.to_owned()];
            self.principal.step_up_for(&names, in_tenant, &needs)
        };
        let denial = match self.page.needs.permission() {
            Some(permission) => step_up(permission),
            None => builtin::PERMISSIONS
                .iter()
                .find_map(|(one, _)| step_up(one)),
        };
        if let Some(Denial::StepUp { acr, max_age, .. }) = denial {
            return Err(self.sign_in_again(acr, max_age).await);
        }
        if acting::is_administrator(&self.principal) {
            let permission = self.page.needs.permission().unwrap_or_default();
            let lacking = ApiError::Lacks(permission.parse().ok());
            return Err(self.refuse(self.caller().refusal(lacking)).await);
        }
        Err(message(
            &self.app,
            self.language,
            StatusCode::FORBIDDEN,
            "admin-nobody",
            &self.session.username,
        ))
    }
}

/// Begins a sign-in; the browser is to know the address that has what it has `entered`.
async fn begin(
    app: &App,
    browser: &Browser,
    language: Language,
    request: AuthorizationRequest,
    entered: Option<&str>,
) -> Response {
    let response = match service::begin(app, request, &browser.visitor(app)).await {
        Ok(next) => go(app, language, next),
        Err(error) => refuse(app, language, error),
    };
    match entered {
        Some(address) => kept::remember(app, address, response),
        None => response,
    }
}

impl FromRequestParts<App> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        // INVARIANT: a page that is not in the table, or has no guard, shows nothing
        let page = Extension::<&'static AdminPage>::from_request_parts(parts, app).await;
        let Extension(page) = page.map_err(axum::response::IntoResponse::into_response)?;
        let guard = Extension::<Guard>::from_request_parts(parts, app).await;
        let Extension(guard) = guard.map_err(axum::response::IntoResponse::into_response)?;
        let browser = Browser::from_request_parts(parts, app).await;
        let browser = browser.map_err(|never| match never {})?;
        let language = browser.language(app, None);
        let base = path_of(&app.settings().public_url);
        let whole = parts
            .uri
            .path_and_query()
            .map_or("/admin", |whole| whole.as_str());
        let asked = whole.strip_prefix(base).unwrap_or(whole);
        let address = kept::address(page.path, asked, parts.extensions.get());
        let is_entered = address != asked;
        let entered = is_entered.then_some(address.as_str());
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let fail = |error| failed(app, language, error);
        let current = account::current(app, browser.visitor(app).session).await;
        let Some(session) = current.map_err(fail)? else {
            // nobody could sign in here yet
            if page.path == "/admin" && first_run::is_offered(app).await.map_err(fail)? {
                return Err(see_other("/admin/setup"));
            }
            let request = AuthorizationRequest::own(&address);
            return Err(begin(app, &browser, language, request, entered).await);
        };
        // a form was filled in for the chosen tenant, and is for no other place; the choice itself can always be changed
        let is_form = !parts.method.is_safe() && page.path != "/admin/tenant";
        let chosen = (browser.admin_tenant(app), is_form);
        let acting = act(app, &guard, &session, chosen).await;
        let Some((principal, tenants)) = acting.map_err(fail)? else {
            let request = AuthorizationRequest::own(&address);
            return Err(begin(app, &browser, language, request, entered).await);
        };
        let visit = Self {
            app: app.clone(),
            language,
            session,
            principal,
            page,
            path: path.to_owned(),
            is_kept: kept::is_remembered(app, &browser, asked),
            query: Submitted::parse(query.as_bytes()),
            is_entered,
            address,
            browser,
            tenants,
        };
        let visit = visit.admit().await?;
        if matches!(page.needs, Needs::Freshly(_))
            && let Err(error) = visit.require_fresh().await
        {
            return Err(visit.refuse(error).await);
        }
        Ok(visit)
    }
}

/// Returns the caller, in the tenant that the browser has chosen, and the tenants among which it can choose. Somebody who
/// administrates nothing globally acts in the first tenant in which they administrate something.
async fn act(
    app: &App,
    guard: &Guard,
    session: &BrowserSession,
    (chosen, is_form): (Option<&str>, bool),
) -> Result<Option<(Arc<Principal>, Vec<String>)>, ApiError> {
    let tenants = acting::tenants(app, &session.subject_id).await?;
    let chosen = tenants.iter().find(|one| Some(one.as_str()) == chosen);
    let mut principal = None;
    if let Some(tenant) = chosen {
        principal = acting::principal(app, guard, session, Some(tenant)).await?;
        if principal.is_none() && is_form {
            return Err(ApiError::Stale);
        }
    }
    if principal.is_none() {
        principal = acting::principal(app, guard, session, None).await?;
    }
    let Some(mut principal) = principal else {
        return Ok(None);
    };
    if !acting::is_administrator(&principal) {
        for tenant in &acting::administrated(app, &session.subject_id).await? {
            let there = acting::principal(app, guard, session, Some(tenant)).await?;
            if let Some(there) = there.filter(|there| acting::is_administrator(there)) {
                principal = there;
                break;
            }
        }
    }
    let names = tenants.iter().map(ToString::to_string);
    Ok(Some((principal, names.collect())))
}
