//! A router on which a handler without an access rule does not compile.

mod enforce;
mod layer;
mod methods;
mod refused;
mod router;
mod unheld;

pub use layer::{RequireLayer, RequireService};
pub use methods::{GuardedMethods, any, delete, get, head, on, patch, post, put};
pub use refused::{GuardedFallback, GuardedHandlers, GuardedRoutes, GuardedService};
pub use router::{GuardedRouter, RouteAccess};
