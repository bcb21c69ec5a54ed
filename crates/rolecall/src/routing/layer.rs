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

use super::enforce::{Gated, answer, check_again, refuse};
use crate::{Guard, Principal, Requirement, Rule, extract::Admitted, guard::Refusal};

impl Guard {
    /// Returns a layer that guards one route of a plain [`axum::Router`], for a gradual migration.
    ///
    /// ```
    /// use axum::routing::get;
    /// use rolecall::{Guard, Require};
    /// # fn guard() -> Guard { rolecall::testing::TestIssuer::new().guard() }
    ///
    /// rolecall::roles! { mod role { Admin = "admin" } }
    ///
    /// async fn read_items(caller: Require<role::Admin>) -> String {
    ///     caller.username().to_owned()
    /// }
    ///
    /// let guard = guard();
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/old/", get(|| async { "not guarded" }))
    ///     .route("/items/", get(read_items).layer(guard.layer::<role::Admin>()));
    /// ```
    #[must_use]
    pub fn layer<R: Requirement>(&self) -> RequireLayer<R> {
        const {
            assert!(
                !R::RULE.admits_anonymous(),
                "this layer would guard nothing: remove it"
            );
            assert!(
                !R::RULE.needs_tenant(),
                "a layer does not look at the path's tenant: mount `ForTenant<_>` on a `GuardedRouter`"
            );
        }
        RequireLayer::new(self.clone())
    }
}

/// A layer that guards one route of a plain [`axum::Router`], returned by [`Guard::layer`].
pub struct RequireLayer<R> {
    guard: Guard,
    requirement: PhantomData<fn() -> R>,
}

impl<R: Requirement> RequireLayer<R> {
    fn new(guard: Guard) -> Self {
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

/// The service that [`RequireLayer`] puts in front of another service.
#[derive(Clone)]
pub struct RequireService<I> {
    inner: I,
    guard: Guard,
    rule: Rule,
}

impl<I> RequireService<I> {
    /// Stores the caller in the request, or returns the response for a refusal.
    fn finish(
        guard: &Guard,
        rule: &Rule,
        result: Result<Option<Arc<Principal>>, Refusal>,
        request: &mut Request,
    ) -> Option<Response> {
        match result {
            Ok(principal) => {
                let guard = guard.clone();
                Admitted {
                    guard,
                    principal,
                    decision: None,
                }
                .insert_into(request.extensions_mut());
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
        if let Some(exchanged) = self.guard.exchange(&self.rule, &request) {
            // the service on which `poll_ready` was called must be the one that is called
            let next = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, next);
            let (guard, rule) = (self.guard.clone(), self.rule);
            return Gated::Waiting(Box::pin(async move {
                let exchanged = exchanged.await;
                let check = |request: &mut Request| {
                    let result = guard.admit_exchanged(&rule, None, exchanged.clone());
                    Self::finish(&guard, &rule, result, request)
                };
                match check_again(&guard, &mut request, check).await {
                    Some(response) => Ok(response),
                    None => run(&guard, &rule, inner.call(request)).await,
                }
            }));
        }
        let (method, headers) = (request.method(), request.headers());
        let result = self.guard.admit(&self.rule, None, method, headers);
        if let Some(response) = Self::finish(&self.guard, &self.rule, result, &mut request) {
            return Gated::Refused(Some(response));
        }
        if let Some(answer) = answer(&self.guard, &request) {
            let next = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, next);
            let (guard, rule) = (self.guard.clone(), self.rule);
            return Gated::Waiting(Box::pin(async move {
                answer.await;
                let (method, headers) = (request.method(), request.headers());
                let result = guard.admit(&rule, None, method, headers);
                match Self::finish(&guard, &rule, result, &mut request) {
                    Some(response) => Ok(response),
                    None => run(&guard, &rule, inner.call(request)).await,
                }
            }));
        }
        let response = self.inner.call(request);
        if !self.guard.is_private(&self.rule) {
            return Gated::Inner(Box::pin(response));
        }
        let (guard, rule) = (self.guard.clone(), self.rule);
        Gated::Waiting(Box::pin(async move { run(&guard, &rule, response).await }))
    }
}

/// Runs the inner service for an admitted caller.
async fn run<E>(
    guard: &Guard,
    rule: &Rule,
    response: impl Future<Output = Result<Response, E>>,
) -> Result<Response, E> {
    let response = response.await?;
    Ok(if guard.is_private(rule) {
        guard.keep_from_others(response)
    } else {
        response
    })
}
