//! A router on which a handler without an access rule does not compile.

mod access;
#[cfg(feature = "axum")]
mod denied;
#[cfg(feature = "axum")]
mod enforce;
#[cfg(feature = "axum")]
mod explained;
#[cfg(feature = "axum")]
mod handler;
#[cfg(feature = "axum")]
mod layer;
#[cfg(feature = "axum")]
mod methods;
#[cfg(feature = "axum")]
mod refused;
#[cfg(feature = "axum")]
mod router;
#[cfg(feature = "axum")]
mod unheld;

pub use access::RouteAccess;
#[cfg(feature = "axum")]
pub use handler::RoutedHandler;
#[cfg(feature = "axum")]
pub use layer::{RequireLayer, RequireService};
#[cfg(feature = "axum")]
pub use methods::{GuardedMethods, any, delete, get, head, on, patch, post, put};
#[cfg(feature = "axum")]
pub use refused::{GuardedFallback, GuardedHandlers, GuardedRoutes, GuardedService};
#[cfg(feature = "axum")]
pub use router::GuardedRouter;
