//! HTTP below the handlers: connections with their time-outs, and the layers around all routes. Nothing here knows
//! a feature of the server.

mod agent;
pub mod client_address;
mod connections;
pub(crate) mod cookies;
pub mod cors;
mod device;
mod free_port;
mod host;
pub mod layers;
mod loopback_names;
pub(crate) mod open_files;
pub mod runtime;
mod stopping;
mod stream;
mod time_limit;
mod unread;
mod until_signal;

pub(crate) use agent::Agent;
pub use client_address::ClientAddress;
pub use cors::CorsOrigins;
pub(crate) use cors::NoCors;
pub(crate) use device::{DEVICE_HEADER, DeviceToken};
pub(crate) use free_port::bind_next_free;
#[cfg(feature = "cli")]
pub(crate) use free_port::reserve_next_free;
pub use layers::{LayerOptions, LoggedSubject, PathRule, RequestId, wrap};
pub(crate) use loopback_names::refuse_other_hosts;
pub use runtime::{Limits, serve};
pub use stopping::Stopping;
pub use until_signal::serve_until_signal;
#[cfg(feature = "cli")]
pub(crate) use until_signal::{StopSignal, outlive_limit_on_size, serve_until_stopped};
