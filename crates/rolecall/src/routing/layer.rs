use std::{
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use tower_layer::Layer;
use tower_service::Service;

use super::enforce::{Gated, refuse};
use crate::{Guard, Principal, Requirement, Rule, extract::Passed, guard::Refusal};

/// Guards one route of a plain [`axum::Router`]; made by [`Guard::layer`].
pub struct RequireLayer<R> {
    guard: Guard,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> RequireLayer<R> {
    pub(crate) fn new(guard: Guard) -> Self {
        Self {
            guard,
            requirement: PhantomData,
        }
    }
}

impl<R> Clone for RequireLayer<R> {
    fn clone(&self) -> Self {
        Self {
            guard: self.guard.clone(),
            requirement: PhantomData,
        }
    }
}

impl<R: Requirement, I> Layer<I> for RequireLayer<R> {
    type Service = RequireService<I>;

    fn layer(&self, inner: I) -> RequireService<I> {
        RequireService {
            inner,
            guard: self.guard.clone(),
            rule: R::RULE,
        }
    }
}

/// What [`RequireLayer`] makes of a service.
#[derive(Clone)]
pub struct RequireService<I> {
    inner: I,
    guard: Guard,
    rule: Rule,
}

impl<I> RequireService<I> {
    /// Marks the request with its caller, or answers it.
    fn settle(
        guard: &Guard,
        rule: &Rule,
        admitted: Result<Option<Arc<Principal>>, Refusal>,
        request: &mut Request,
    ) -> Option<Response> {
        match admitted {
            Ok(principal) => {
                let guard = guard.clone();
                Passed { guard, principal }.mark(request.extensions_mut());
                None
            }
            Err(refusal) => {
                let matched = request.extensions().get::<MatchedPath>().cloned();
                let path = matched.as_ref().map_or("", MatchedPath::as_str);
                Some(refuse(&refusal, rule, request, path))
            }
        }
    }
}

impl<I> Service<Request> for RequireService<I>
where
    I: Service<Request, Response = Response> + Clone + Send + 'static,
    I::Future: Send + 'static,
{
    type Response = Response;
    type Error = I::Error;
    type Future = Gated<I::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Some(exchanged) = self.guard.exchange(&self.rule, request.headers()) {
            // the one that was found ready is the one to call
            let next = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, next);
            let (guard, rule) = (self.guard.clone(), self.rule);
            return Gated::Exchanged(Box::pin(async move {
                let admitted = guard.admit_exchanged(&rule, None, exchanged.await);
                match Self::settle(&guard, &rule, admitted, &mut request) {
                    Some(answer) => Ok(answer),
                    None => inner.call(request).await,
                }
            }));
        }
        let admitted = self.guard.admit(&self.rule, None, request.headers());
        match Self::settle(&self.guard, &self.rule, admitted, &mut request) {
            Some(answer) => Gated::Answer(Some(answer)),
            None => Gated::Inner(Box::pin(self.inner.call(request))),
        }
    }
}
