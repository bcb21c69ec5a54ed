#![doc = include_str!("../README.md")]

mod clock;
pub mod cookie;
mod denial;
mod extract;
mod guard;
mod live;
mod matrix;
#[cfg(feature = "openapi")]
pub mod openapi;
mod problem;
#[cfg(feature = "remote")]
mod remote;
mod requirement;
pub mod routing;
mod rule;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;

pub use clock::{Clock, ManualClock, SystemClock};
pub use cookie::{CookieError, SessionCookie};
pub use denial::Denial;
pub use extract::{
    Access, AccessRule, Authenticated, DataRule, ForTenant, Fresh, GuardedArgs, InTenant, Optional,
    OptionalRule, Public, Require, RequireOr,
};
pub use guard::{CacheUse, Guard, GuardBuilder, GuardError, GuardStatus, OnStale, Principal};
#[doc(hidden)]
pub use guard::{Exchange, Exchanged, Receipts, Tickets};
pub use live::LiveState;
pub use matrix::{AccessMatrix, Caller};
pub use problem::Problem;
pub use requirement::{
    AllOf, AnyOf, Clause, PermissionName, Requirement, Role, Term, are_distinct,
};
pub use routing::{GuardedMethods, GuardedRouter, RequireLayer, RouteAccess};
pub use rule::Rule;

pub use rolecall_core::{
    AccessClaims, Acr, Audience, Floor, FloorKind, GlobalClaims, Permission, Policy, PolicyBuilder,
    Revision, RoleName, SubjectKind, TenantName, Timestamp, is_name, is_permission,
};
