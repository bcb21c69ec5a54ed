use std::convert::Infallible;

use axum::{
    extract::Request,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodRouter, Route},
};
use http::Method;
use tower_layer::Layer;
use tower_service::Service;

use crate::{GuardedArgs, Rule};

/// A method of a route, with its access rule.
#[derive(Clone, Debug)]
pub(crate) struct MethodRule {
    pub(crate) method: Method,
    pub(crate) rule: Rule,
    pub(crate) handler: &'static str,
}

/// The handlers of one path by method, each with its access rule. Functions such as [`get`] and [`post`] create it.
///
/// ```
/// use rolecall::{Authenticated, GuardedMethods, Require, routing::get};
///
/// rolecall::roles! { mod role { Admin = "admin" } }
/// async fn read_items(_: Authenticated) {}
/// async fn add_item(_: Require<role::Admin>) {}
///
/// let items: GuardedMethods = get(read_items).post(add_item);
/// ```
#[must_use]
#[derive(Clone)]
pub struct GuardedMethods<S = ()> {
    pub(crate) handlers: MethodRouter<S>,
    pub(crate) rules: Vec<MethodRule>,
}

macro_rules! methods {
    ($($name:ident $METHOD:ident $text:literal,)*) => {
        $(
            #[doc = concat!("Routes ", $text, " to a handler whose first argument states who may call it.")]
            #[track_caller]
            pub fn $name<H, T, S>(handler: H) -> GuardedMethods<S>
            where
                H: Handler<T, S>,
                T: GuardedArgs + 'static,
                S: Clone + Send + Sync + 'static,
            {
                GuardedMethods::new().$name(handler)
            }
        )*

        impl<S: Clone + Send + Sync + 'static> GuardedMethods<S> {
            $(
                #[doc = concat!("Also routes ", $text, ".")]
                ///
                /// # Panics
                ///
                /// If the method already has a handler, or `HEAD` and `GET` have different rules.
                #[track_caller]
                pub fn $name<H, T>(mut self, handler: H) -> Self
                where
                    H: Handler<T, S>,
                    T: GuardedArgs + 'static,
                {
                    self.rules = join_rules(self.rules, [rule_of::<H, T>(Method::$METHOD)], "");
                    self.handlers = self.handlers.$name(handler);
                    self
                }
            )*
        }
    };
}

methods! {
    get GET "`GET` (and `HEAD`, which gets the same response without the body)",
    post POST "`POST`",
    put PUT "`PUT`",
    patch PATCH "`PATCH`",
    delete DELETE "`DELETE`",
    head HEAD "`HEAD`",
}

/// Routes `GET`, `HEAD`, `POST`, `PUT`, `PATCH` and `DELETE` to a handler whose first argument states who may call it.
#[track_caller]
pub fn any<H, T, S>(handler: H) -> GuardedMethods<S>
where
    H: Handler<T, S>,
    T: GuardedArgs + 'static,
    S: Clone + Send + Sync + 'static,
{
    get(handler.clone())
        .post(handler.clone())
        .put(handler.clone())
        .patch(handler.clone())
        .delete(handler)
}

fn rule_of<H, T: GuardedArgs>(method: Method) -> MethodRule {
    MethodRule {
        method,
        rule: T::RULE,
        handler: std::any::type_name::<H>(),
    }
}

impl<S: Clone + Send + Sync + 'static> GuardedMethods<S> {
    fn new() -> Self {
        Self {
            handlers: MethodRouter::new(),
            rules: Vec::new(),
        }
    }

    /// Adds a layer to the handlers that were added before. It runs only for callers who are admitted.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        Self {
            handlers: self.handlers.layer(layer),
            rules: self.rules,
        }
    }

    /// Adds the methods of `other`, which is for the same path.
    #[track_caller]
    pub(crate) fn join(self, other: Self, path: &str) -> Self {
        Self {
            rules: join_rules(self.rules, other.rules, path),
            handlers: self.handlers.merge(other.handlers),
        }
    }

    pub(crate) fn with_state<S2>(self, state: S) -> GuardedMethods<S2> {
        GuardedMethods {
            handlers: self.handlers.with_state(state),
            rules: self.rules,
        }
    }
}

/// Adds the rules `more` to `rules`.
///
/// Panics if a method already has a handler, or if `HEAD` and `GET` have different rules.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a mistake in the program that shows when it starts, as in axum"
)]
fn join_rules(
    mut rules: Vec<MethodRule>,
    more: impl IntoIterator<Item = MethodRule>,
    path: &str,
) -> Vec<MethodRule> {
    for new in more {
        assert!(
            !rules.iter().any(|known| known.method == new.method),
            "`{}` of this route already has a handler: {path}",
            new.method
        );
        // INVARIANT: HEAD has the rule of GET, so a HEAD handler of its own must not have a weaker one
        let counterpart = match new.method {
            Method::HEAD => Some(Method::GET),
            Method::GET => Some(Method::HEAD),
            _ => None,
        };
        if let Some(known) = rules
            .iter()
            .find(|known| Some(&known.method) == counterpart.as_ref())
            && known.rule != new.rule
        {
            panic!("`HEAD` and `GET` of this route must have the same rule: {path}");
        }
        rules.push(new);
    }
    rules
}
