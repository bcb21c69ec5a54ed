//! Messages of the compiler for what a guarded router does not take: things without an access rule.

pub(super) mod sealed {
    pub trait Sealed {}
}

/// Handlers with an access rule each: [`GuardedMethods`](super::GuardedMethods), as [`get`](super::get) and the others
/// make them.
#[diagnostic::on_unimplemented(
    message = "these handlers do not say who may call them",
    label = "not guarded",
    note = "take `get`, `post`, `put`, `patch`, `delete` or `any` from `rolecall::routing` instead of `axum::routing`"
)]
pub trait GuardedHandlers<M>: sealed::Sealed {
    #[doc(hidden)]
    fn into_guarded(self) -> M;
}

/// Routes with an access rule each: [`GuardedRouter`](super::GuardedRouter).
#[diagnostic::on_unimplemented(
    message = "the routes of this router do not say who may call them",
    label = "not guarded",
    note = "add them to a `GuardedRouter`, with handlers from `rolecall::routing`",
    note = "if everyone may call them: `.merge_public(\"name\", router)`, which the access matrix shows",
    note = "or call `.into_axum()` first: the `axum::Router` that it returns guards nothing that is added to it later"
)]
pub trait GuardedRoutes<R>: sealed::Sealed {
    #[doc(hidden)]
    fn into_guarded(self) -> R;
}

/// Implemented by nothing, since a fallback has no access rule.
#[diagnostic::on_unimplemented(
    message = "a fallback does not say who may call it",
    label = "not guarded",
    note = "guard it as a route: `.route(\"/{{*path}}\", rolecall::routing::any(handler))`",
    note = "or call `.into_axum()` first: everyone may call the fallback of the `axum::Router` that it returns"
)]
pub trait GuardedFallback {
    #[doc(hidden)]
    fn refuse<T>(self) -> T;
}

/// Implemented by nothing, since a service has no argument that states an access rule.
#[diagnostic::on_unimplemented(
    message = "a service does not say who may call it",
    label = "not guarded",
    note = "guard it with `RequireLayer`, and add it to the `axum::Router` that `.into_axum()` returns",
    note = "if everyone may call it: `.merge_public(\"name\", axum::Router::new().route_service(path, service))`"
)]
pub trait GuardedService {
    #[doc(hidden)]
    fn refuse<T>(self) -> T;
}
