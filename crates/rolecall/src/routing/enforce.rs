//! The check that stands before everything else of a route.

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

use super::methods::MethodRule;
use crate::{
    Denial, Guard, Principal, Problem, Rule,
    extract::{Passed, tenant_of},
    guard::{Exchanged, Refusal},
};

/// What is enforced on one path.
pub(crate) struct Gate {
    guard: Guard,
    path: Arc<str>,
    rules: Vec<MethodRule>,
    allow: HeaderValue,
    /// Whether to answer in place of the handler: for the test of the access matrix.
    stops_after_rule: bool,
}

impl Gate {
    pub(crate) fn new(
        guard: Guard,
        path: &str,
        rules: Vec<MethodRule>,
        stops_after_rule: bool,
    ) -> Self {
        let allow = allowed(&rules);
        Self {
            guard,
            path: path.into(),
            rules,
            allow,
            stops_after_rule,
        }
    }

    fn rule(&self, method: &Method) -> Option<&Rule> {
        let find = |method: &Method| self.rules.iter().find(|known| known.method == *method);
        let known = match *method {
            Method::HEAD => find(&Method::HEAD).or_else(|| find(&Method::GET)),
            _ => find(method),
        };
        known.map(|known| &known.rule)
    }

    /// Lets the request on, marked with its caller, or answers it.
    fn answer(&self, request: &mut Request) -> Option<Response> {
        // which methods there are is no secret, and a preflight carries no credential
        let Some(rule) = self.rule(request.method()) else {
            return Some(self.method_not_allowed());
        };
        let tenant = path_tenant(rule, request);
        let admitted = self.guard.admit(rule, tenant.as_deref(), request.headers());
        self.settle(rule, admitted, request)
    }

    /// Lets the request on or answers it, where another token stands in for its own.
    fn answer_exchanged(
        &self,
        exchanged: Result<Arc<str>, Denial>,
        request: &mut Request,
    ) -> Option<Response> {
        let Some(rule) = self.rule(request.method()) else {
            return Some(self.method_not_allowed());
        };
        let tenant = path_tenant(rule, request);
        let admitted = self
            .guard
            .admit_exchanged(rule, tenant.as_deref(), exchanged);
        self.settle(rule, admitted, request)
    }

    fn settle(
        &self,
        rule: &Rule,
        admitted: Result<Option<Arc<Principal>>, Refusal>,
        request: &mut Request,
    ) -> Option<Response> {
        let principal = match admitted {
            Ok(principal) => principal,
            Err(refusal) => return Some(refuse(&refusal, rule, request, &self.path)),
        };
        let subject = principal.as_ref().map(|principal| principal.subject());
        tracing::debug!(method = %request.method(), path = %self.path, %rule, subject, "let in");
        if self.stops_after_rule {
            return Some(StatusCode::NO_CONTENT.into_response());
        }
        let guard = self.guard.clone();
        Passed { guard, principal }.mark(request.extensions_mut());
        None
    }

    /// Begins to ask for what stands in for a token that is not ours.
    fn exchange(&self, request: &Request) -> Option<Exchanged> {
        let rule = self.rule(request.method())?;
        self.guard.exchange(rule, request.headers())
    }

    fn method_not_allowed(&self) -> Response {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Problem::new(status, "method_not_allowed", "Method Not Allowed")
            .with_header(ALLOW, self.allow.clone())
            .into_response()
    }
}

/// The tenant that the path names, where the rule asks for it: decoded once, and by the same code that gives it
/// to the handler, so that the two cannot read it differently.
fn path_tenant(rule: &Rule, request: &mut Request) -> Option<String> {
    if !rule.asks_for_tenant() {
        return None;
    }
    // nothing is waited for: the router has left the parameters in the request
    let params = request.extract_parts::<RawPathParams>();
    match pin!(params).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(params)) => tenant_of(&params).map(str::to_owned),
        _ => None,
    }
}

/// Logs a refusal and answers it.
pub(crate) fn refuse(refusal: &Refusal, rule: &Rule, request: &Request, path: &str) -> Response {
    let Refusal { denial, principal } = refusal;
    let subject = principal.as_ref().map(|principal| principal.subject());
    let outcome = denial.code();
    tracing::info!(method = %request.method(), %path, %rule, subject, outcome, "refused");
    let mut problem = denial.clone().into_problem();
    if let Some(principal) = principal {
        problem = problem
            .with("rule", rule.to_string())
            .with("roles", principal.roles().collect::<Vec<_>>());
    }
    let mut response = problem.into_response();
    response.extensions_mut().insert(denial.clone());
    response
}

/// The `Allow` header (RFC 9110 section 10.2.1).
fn allowed(rules: &[MethodRule]) -> HeaderValue {
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

/// Puts a [`Gate`] before a route.
#[derive(Clone)]
pub(crate) struct EnforceLayer(pub(crate) Arc<Gate>);

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
pub(crate) struct Enforce<I> {
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
            // the one that was found ready is the one to call
            let next = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, next);
            let gate = Arc::clone(&self.gate);
            return Gated::Exchanged(Box::pin(async move {
                match gate.answer_exchanged(exchanged.await, &mut request) {
                    Some(answer) => Ok(answer),
                    None => inner.call(request).await,
                }
            }));
        }
        match self.gate.answer(&mut request) {
            Some(answer) => Gated::Answer(Some(answer)),
            None => Gated::Inner(Box::pin(self.inner.call(request))),
        }
    }
}

/// The answer of the gate, or that of what lies behind it.
pub enum Gated<F: Future> {
    #[doc(hidden)]
    Answer(Option<Response>),
    #[doc(hidden)]
    Inner(Pin<Box<F>>),
    #[doc(hidden)]
    Exchanged(Pin<Box<dyn Future<Output = F::Output> + Send>>),
}

impl<F, E> Future for Gated<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Inner(inner) => inner.as_mut().poll(cx),
            Self::Exchanged(exchanged) => exchanged.as_mut().poll(cx),
            Self::Answer(answer) => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                // polled again after it was done
                None => Poll::Pending,
            },
        }
    }
}
