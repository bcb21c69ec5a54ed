#![doc = include_str!("../README.md")]

mod clock;
pub mod cookie;
mod denial;
#[cfg(feature = "axum")]
mod extract;
mod guard;
mod live;
mod log_hook;
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
#[cfg(feature = "axum")]
pub use extract::{
    Access, AccessRule, Authenticated, DataRule, ForTenant, Fresh, GuardedArgs, InTenant, Optional,
    OptionalRule, Public, Require, RequireOr,
};
#[doc(hidden)]
pub use guard::Receipts;
pub use guard::{
    CacheUse, Guard, GuardBuilder, GuardError, GuardStatus, OnStale, Principal, Refusal,
};
#[cfg(feature = "axum")]
#[doc(hidden)]
pub use guard::{Exchange, Exchanged, Tickets};
pub use live::LiveState;
pub use log_hook::{LogLine, set_log_hook};
pub use matrix::{AccessMatrix, Caller};
pub use problem::Problem;
pub use requirement::{
    AllOf, AnyOf, Clause, PermissionName, Requirement, Role, Term, are_distinct,
};
pub use routing::RouteAccess;
#[cfg(feature = "axum")]
pub use routing::{GuardedMethods, GuardedRouter, RequireLayer};
pub use rule::{Rule, RuleSpec, RuleSpecError};

pub use rolecall_core::{
    AccessClaims, Acr, Audience, Floor, FloorKind, GlobalClaims, Permission, Policy, PolicyBuilder,
    Revision, RoleName, SubjectKind, TenantName, Timestamp, is_name, is_permission,
};
