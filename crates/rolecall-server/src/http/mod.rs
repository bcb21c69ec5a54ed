//! HTTP without the handlers: connections and their time-outs, and the layers around the
//! routes.

pub mod client_address;
pub mod cors;
pub mod layers;
pub(crate) mod open_files;
mod own_names;
pub mod runtime;
mod stream;
mod until_signal;

pub use client_address::ClientAddress;
pub use cors::CorsOrigins;
pub use layers::{LayerOptions, LoggedSubject, RequestId, wrap};
pub(crate) use own_names::refuse_other_hosts;
pub(crate) use runtime::Stopping;
pub use runtime::{Limits, serve};
pub use until_signal::serve_until_signal;
