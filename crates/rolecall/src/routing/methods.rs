use std::convert::Infallible;

use axum::{
    extract::Request,
    response::IntoResponse,
    routing::{MethodFilter, MethodRouter, Route},
};
use http::Method;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    handler::RoutedHandler,
    refused::{GuardedFallback, GuardedHandlers, sealed},
};
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

impl<S> sealed::Sealed for GuardedMethods<S> {}
impl<S> GuardedHandlers<Self> for GuardedMethods<S> {
    fn into_guarded(self) -> Self {
        self
    }
}

#[doc(hidden)]
impl<S> GuardedMethods<S> {
    /// A method of axum's router that cannot be guarded: the compiler says what to write instead.
    pub fn fallback<H: GuardedFallback>(self, handler: H) -> Self {
        handler.refuse()
    }
}

macro_rules! methods {
    ($($name:ident $METHOD:ident $text:literal,)*) => {
        $(
            #[doc = concat!("Routes ", $text, " to a handler whose first argument states who may call it.")]
            #[track_caller]
            pub fn $name<H, T, S>(handler: H) -> GuardedMethods<S>
            where
                H: RoutedHandler<T, S>,
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
                pub fn $name<H, T>(self, handler: H) -> Self
                where
                    H: RoutedHandler<T, S>,
                    T: GuardedArgs + 'static,
                {
                    self.on(Method::$METHOD, handler)
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
    H: RoutedHandler<T, S>,
    T: GuardedArgs + 'static,
    S: Clone + Send + Sync + 'static,
{
    get(handler.clone())
        .post(handler.clone())
        .put(handler.clone())
        .patch(handler.clone())
        .delete(handler)
}

/// Routes `method` to a handler whose first argument states who may call it.
///
/// For routes that are made from a table; otherwise [`get`], [`post`] and the others are shorter to read.
///
/// ```
/// use http::Method;
/// use rolecall::{Authenticated, GuardedMethods, routing::on};
///
/// async fn read_items(_: Authenticated) {}
///
/// let items: GuardedMethods = on(Method::GET, read_items);
/// ```
///
/// # Panics
///
/// If `method` is none of those that [`any`] routes.
#[track_caller]
pub fn on<H, T, S>(method: Method, handler: H) -> GuardedMethods<S>
where
    H: RoutedHandler<T, S>,
    T: GuardedArgs + 'static,
    S: Clone + Send + Sync + 'static,
{
    GuardedMethods::new().on(method, handler)
}

/// Returns the method as axum routes it.
///
/// Panics for a method that the guard does not know.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a mistake in the program that shows when it starts, as in axum"
)]
fn filter_of(method: &Method) -> MethodFilter {
    match *method {
        Method::GET => MethodFilter::GET,
        Method::HEAD => MethodFilter::HEAD,
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => panic!("`{method}` cannot be routed: use GET, HEAD, POST, PUT, PATCH or DELETE"),
    }
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

    /// Also routes `method`.
    ///
    /// # Panics
    ///
    /// If the method already has a handler, if `HEAD` and `GET` have different rules, or if `method` is none of those
    /// that [`any`] routes.
    #[track_caller]
    pub fn on<H, T>(mut self, method: Method, handler: H) -> Self
    where
        H: RoutedHandler<T, S>,
        T: GuardedArgs + 'static,
    {
        let filter = filter_of(&method);
        self.rules = join_rules(self.rules, vec![rule_of::<H, T>(method)], "");
        self.handlers = self.handlers.on(filter, handler);
        self
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
fn join_rules(mut rules: Vec<MethodRule>, more: Vec<MethodRule>, path: &str) -> Vec<MethodRule> {
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
