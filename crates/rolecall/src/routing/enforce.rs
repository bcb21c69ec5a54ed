//! The middleware that enforces access rules before everything else on a route.

use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use axum::{
    RequestExt as _,
    extract::{RawPathParams, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header::ALLOW};
use tower_layer::Layer;
use tower_service::Service;

use super::{denied::DenialFormat, explained::Asked, methods::MethodRule};
use crate::{
    Denial, Guard, Principal, Problem, Rule,
    extract::{Admitted, Decision, tenant_of},
    guard::{Exchanged, Refusal},
};

/// The access rules of one path.
pub(super) struct Gate {
    guard: Guard,
    path: Arc<str>,
    rules: Vec<MethodRule>,
    /// The value of the `Allow` header.
    allow: HeaderValue,
    denials: DenialFormat,
    /// True to answer 204 instead of calling the handler, for the test of the access matrix.
    stops_after_rule: bool,
}

impl Gate {
    pub(super) fn new(
        guard: Guard,
        path: &str,
        rules: Vec<MethodRule>,
        stops_after_rule: bool,
    ) -> Self {
        let allow = allow_header(&rules);
        Self {
            guard,
            path: path.into(),
            rules,
            allow,
            denials: DenialFormat::default(),
            stops_after_rule,
        }
    }

    /// Sets the form in which requests are refused: problem documents by default.
    pub(super) fn with_denials(self, denials: DenialFormat) -> Self {
        Self { denials, ..self }
    }

    fn rule(&self, method: &Method) -> Option<&Rule> {
        let find = |method: &Method| self.rules.iter().find(|known| known.method == *method);
        let known = match *method {
            Method::HEAD => find(&Method::HEAD).or_else(|| find(&Method::GET)),
            _ => find(method),
        };
        known.map(|known| &known.rule)
    }

    /// Applies the rule: returns the response for a refused request, or `None` after it stored the caller in the
    /// request.
    fn check(&self, request: &mut Request) -> Option<Response> {
        // 405 comes before authentication: the methods are not secret, and a CORS preflight has no credentials
        let Some(rule) = self.rule(request.method()) else {
            return Some(self.method_not_allowed());
        };
        let tenant = path_tenant(rule, request);
        let (method, headers) = (request.method(), request.headers());
        let result = self.guard.admit(rule, tenant.as_deref(), method, headers);
        self.finish(rule, result, request)
    }

    /// Does the same as [`check`](Self::check) with the token that replaces that of the request.
    fn check_exchanged(
        &self,
        exchanged: Result<Arc<str>, Denial>,
        request: &mut Request,
    ) -> Option<Response> {
        let Some(rule) = self.rule(request.method()) else {
            return Some(self.method_not_allowed());
        };
        let tenant = path_tenant(rule, request);
        let result = self
            .guard
            .admit_exchanged(rule, tenant.as_deref(), exchanged);
        self.finish(rule, result, request)
    }

    fn finish(
        &self,
        rule: &Rule,
        result: Result<Option<Arc<Principal>>, Refusal>,
        request: &mut Request,
    ) -> Option<Response> {
        let principal = match result {
            Ok(principal) => principal,
            Err(refusal) => {
                let problem = refuse(&refusal, rule, request, &self.path);
                return Some(self.denials.apply(&refusal.denial, problem));
            }
        };
        let subject = principal.as_ref().map(|principal| principal.subject());
        tracing::debug!(method = %request.method(), path = %self.path, %rule, subject, "admitted");
        if self.stops_after_rule {
            return Some(StatusCode::NO_CONTENT.into_response());
        }
        let guard = self.guard.clone();
        let decision = matches!(rule, Rule::OrIf(..)).then(Decision::default);
        Admitted {
            guard,
            principal,
            decision,
        }
        .insert_into(request.extensions_mut());
        None
    }

    /// Returns the work that is left after the handler.
    fn rest(&self, request: &Request) -> Rest {
        let admitted = request.extensions().get::<Admitted>();
        let decision = admitted.and_then(|admitted| admitted.decision.clone());
        let rule = self.rule(request.method());
        let is_private = rule.is_some_and(|rule| self.guard.is_private(rule));
        let asked = decision.as_ref().and_then(|_| {
            let principal = Arc::clone(admitted?.principal.as_ref()?);
            Some(Asked {
                rule: *rule?,
                principal,
            })
        });
        Rest {
            decision,
            asked,
            is_private,
        }
    }

    /// Returns the response of the handler, or 500 if it succeeded without having asked its rule on data. A denial by the
    /// handler gets the form of the route.
    fn complete(&self, rest: &Rest, response: Response) -> Response {
        let response = self.decided(rest.decision.as_ref(), response);
        let response = match &rest.asked {
            Some(asked) => asked.explain_refusal(response),
            None => response,
        };
        let response = self.denials.apply_to(response);
        if rest.is_private {
            self.guard.keep_from_others(response)
        } else {
            response
        }
    }

    fn decided(&self, decision: Option<&Decision>, response: Response) -> Response {
        let is_decided = decision.is_none_or(Decision::is_made);
        if is_decided || response.status().is_client_error() || response.status().is_server_error()
        {
            return response;
        }
        tracing::error!(
            path = %self.path,
            "a handler did not ask its rule on data: call `RequireOr::check` before the first change. What the handler did before this answer stays done"
        );
        Denial::Unguarded.into_response()
    }

    /// Starts to exchange what the request has in place of an access token, if anything.
    fn exchange(&self, request: &Request) -> Option<Exchanged> {
        let rule = self.rule(request.method())?;
        self.guard.exchange(rule, request)
    }

    fn method_not_allowed(&self) -> Response {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Problem::new(status, "method_not_allowed", "Method Not Allowed")
            .with_header(ALLOW, self.allow.clone())
            .into_response()
    }
}

/// Returns the tenant that the path names, if the rule needs it.
///
/// The extractor that gives the parameter to the handler is used here too, so that both always see the same tenant.
fn path_tenant(rule: &Rule, request: &mut Request) -> Option<String> {
    if !rule.needs_tenant() {
        return None;
    }
    // the router has stored the parameters in the request, so this is ready at once
    let params = request.extract_parts::<RawPathParams>();
    match pin!(params).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(params)) => tenant_of(&params).map(str::to_owned),
        _ => None,
    }
}

/// Waits until the guard knows if the admitted caller's token is above the newest revision; `None` if it knows.
pub(super) fn answer(
    guard: &Guard,
    request: &Request,
) -> Option<impl Future<Output = ()> + Send + use<>> {
    let admitted = request.extensions().get::<Admitted>()?;
    guard.answer(admitted.principal.as_ref()?)
}

/// Applies a check, and once more when the guard knows if the caller's token is above the newest revision.
pub(super) async fn check_again(
    guard: &Guard,
    request: &mut Request,
    check: impl Fn(&mut Request) -> Option<Response>,
) -> Option<Response> {
    if let Some(response) = check(request) {
        return Some(response);
    }
    answer(guard, request)?.await;
    check(request)
}

/// Logs a refusal and returns the response for it.
pub(super) fn refuse(refusal: &Refusal, rule: &Rule, request: &Request, path: &str) -> Response {
    let denial = refusal.denial();
    let subject = refusal.principal().map(|principal| principal.subject());
    let outcome = denial.code();
    tracing::info!(method = %request.method(), %path, %rule, subject, outcome, "refused");
    let mut response = refusal.problem(rule).into_response();
    response.extensions_mut().insert(denial.clone());
    response
}

/// Returns the value of the `Allow` header (RFC 9110 section 10.2.1).
fn allow_header(rules: &[MethodRule]) -> HeaderValue {
    let has = |method: Method| rules.iter().any(|known| known.method == method);
    let mut methods: Vec<&str> = Vec::new();
    for known in rules {
        methods.push(known.method.as_str());
        if known.method == Method::GET && !has(Method::HEAD) {
            methods.push("HEAD");
        }
    }
    HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

/// A layer that puts a [`Gate`] in front of a route.
#[derive(Clone)]
pub(super) struct EnforceLayer(pub(super) Arc<Gate>);

impl<I> Layer<I> for EnforceLayer {
    type Service = Enforce<I>;
    fn layer(&self, inner: I) -> Enforce<I> {
        Enforce {
            inner,
            gate: Arc::clone(&self.0),
        }
    }
}

#[derive(Clone)]
pub(super) struct Enforce<I> {
    inner: I,
    gate: Arc<Gate>,
}

impl<I> Service<Request> for Enforce<I>
where
    I: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    I::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Gated<I::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Some(exchanged) = self.gate.exchange(&request) {
            // the service on which `poll_ready` was called must be the one that is called
            let next = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, next);
            let gate = Arc::clone(&self.gate);
            return Gated::Waiting(Box::pin(async move {
                let exchanged = exchanged.await;
                let check =
                    |request: &mut Request| gate.check_exchanged(exchanged.clone(), request);
                match check_again(&gate.guard, &mut request, check).await {
                    Some(response) => Ok(response),
                    None => run(&gate, &mut inner, request).await,
                }
            }));
        }
        if let Some(response) = self.gate.check(&mut request) {
            return Gated::Refused(Some(response));
        }
        if let Some(answer) = answer(&self.gate.guard, &request) {
            let next = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, next);
            let gate = Arc::clone(&self.gate);
            return Gated::Waiting(Box::pin(async move {
                answer.await;
                match gate.check(&mut request) {
                    Some(response) => Ok(response),
                    None => run(&gate, &mut inner, request).await,
                }
            }));
        }
        let rest = self.gate.rest(&request);
        let response = self.inner.call(request);
        if rest.decision.is_none() && !rest.is_private && self.gate.denials.is_problem() {
            return Gated::Inner(Box::pin(response));
        }
        let gate = Arc::clone(&self.gate);
        Gated::Waiting(Box::pin(async move {
            Ok(gate.complete(&rest, response.await?))
        }))
    }
}

/// The work of a gate after the handler.
struct Rest {
    decision: Option<Decision>,
    /// Present if the handler decides by a rule on data.
    asked: Option<Asked>,
    /// The guard keeps caches from giving the answer to others.
    is_private: bool,
}

/// Runs the inner service for an admitted caller.
async fn run<I>(gate: &Gate, inner: &mut I, request: Request) -> Result<Response, Infallible>
where
    I: Service<Request, Response = Response, Error = Infallible>,
{
    let rest = gate.rest(&request);
    let response = inner.call(request).await?;
    Ok(gate.complete(&rest, response))
}

/// The future of a guarded service: a refusal, or the response of the inner service.
pub enum Gated<F: Future> {
    #[doc(hidden)]
    Refused(Option<Response>),
    #[doc(hidden)]
    Inner(Pin<Box<F>>),
    #[doc(hidden)]
    Waiting(Pin<Box<dyn Future<Output = F::Output> + Send>>),
}

impl<F, E> Future for Gated<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Inner(inner) => inner.as_mut().poll(cx),
            Self::Waiting(waiting) => waiting.as_mut().poll(cx),
            Self::Refused(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // polled again after it was ready, which callers must not do
                None => Poll::Pending,
            },
        }
    }
}
