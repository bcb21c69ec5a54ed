use std::{
    marker::PhantomData,
    task::{Context, Poll},
};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use tower_layer::Layer;
use tower_service::Service;

use super::enforce::{Gated, refuse};
use crate::{Guard, Requirement, Rule, extract::Passed};

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

impl<I> Service<Request> for RequireService<I>
where
    I: Service<Request, Response = Response>,
    I::Future: Send + 'static,
{
    type Response = Response;
    type Error = I::Error;
    type Future = Gated<I::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.guard.admit(&self.rule, request.headers()) {
            Ok(principal) => {
                let guard = self.guard.clone();
                Passed { guard, principal }.mark(request.extensions_mut());
                Gated::Inner(Box::pin(self.inner.call(request)))
            }
            Err(refusal) => {
                let matched = request.extensions().get::<MatchedPath>().cloned();
                let path = matched.as_ref().map_or("", MatchedPath::as_str);
                Gated::Answer(Some(refuse(&refusal, &self.rule, &request, path)))
            }
        }
    }
}
