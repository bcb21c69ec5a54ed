use axum::handler::Handler;

/// A function that axum can call as a handler. Implemented for every [`Handler`]; it exists for the compiler's message.
#[diagnostic::on_unimplemented(
    message = "this function cannot be a handler here",
    label = "an argument, the answer or the router's state does not fit",
    note = "the access rule comes first and what reads the body last: `async fn add(caller: Require<_>, State(store): State<_>, Json(item): Json<_>)`",
    note = "`State<T>` needs a router with that state, and this one has `{S}`: call `.with_state(value)` after the routes and before `.into_axum()`",
    note = "the function is `async`, each argument is an extractor, the answer implements `IntoResponse`, and only what is `Send` is kept across an `.await`",
    note = "`#[axum::debug_handler]` above the function names the part at fault"
)]
pub trait RoutedHandler<T, S>: Handler<T, S> {}

#[diagnostic::do_not_recommend]
impl<H: Handler<T, S>, T, S> RoutedHandler<T, S> for H {}
