//! Extractors that state who may call a handler: the first argument of every guarded handler.

mod access;
mod admitted;
mod authenticated;
mod fresh;
mod in_tenant;
mod optional;
mod principal_extractor;
mod public;
mod require;
mod require_or;
mod tenant;

pub use access::{Access, AccessRule, GuardedArgs, OptionalRule};
pub(crate) use admitted::{Admitted, Decision};
pub use authenticated::Authenticated;
pub use fresh::Fresh;
pub use in_tenant::InTenant;
pub use optional::Optional;
pub use public::Public;
pub use require::Require;
pub use require_or::{DataRule, RequireOr};
pub use tenant::ForTenant;
pub(crate) use tenant::{TENANT, tenant_of};
