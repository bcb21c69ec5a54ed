//! A router on which a handler without an access rule does not compile.

mod access;
mod denied;
mod enforce;
mod explained;
mod handler;
mod layer;
mod methods;
mod refused;
mod router;
mod unheld;

pub use access::RouteAccess;
pub use handler::RoutedHandler;
pub use layer::{RequireLayer, RequireService};
pub use methods::{GuardedMethods, any, delete, get, head, on, patch, post, put};
pub use refused::{GuardedFallback, GuardedHandlers, GuardedRoutes, GuardedService};
pub use router::GuardedRouter;
