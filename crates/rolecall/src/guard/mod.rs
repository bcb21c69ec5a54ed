//! The guard: identifies the caller of a request by its access token, and applies access rules.

mod admission;
mod builder;
mod checks;
mod credential;
mod error;
mod evaluate;
#[cfg(feature = "axum")]
mod exchange;
mod held;
mod lost;
mod other_claims;
mod principal;
mod receipts;
mod session_cookie;
mod status;
mod step_up;
#[cfg(feature = "axum")]
mod tickets;
mod verify;

pub use admission::Refusal;
#[cfg(feature = "axum")]
pub(crate) use admission::explain;
pub use builder::GuardBuilder;
pub use checks::OnStale;
pub use error::GuardError;
#[cfg(feature = "axum")]
#[doc(hidden)]
pub use exchange::{Exchange, Exchanged, Tickets};
pub use principal::Principal;
#[doc(hidden)]
pub use receipts::Receipts;
pub use status::GuardStatus;
#[cfg(feature = "testing")]
pub(crate) use step_up::{StepUp, step_up};
pub use verify::{CacheUse, Guard};
