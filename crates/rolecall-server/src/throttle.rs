//! Limits on guesses: per account, per address, per network, and altogether.
//!
//! Everything here is in memory or pure; the time is a parameter, a monotonic reading since some fixed start. The
//! failures of accounts are stored in the database, so that they outlive a restart; a restart only forgives addresses.

mod address;
mod delay;
mod in_flight;
mod network;
mod repeats;
mod room;
mod turns;

pub use address::{AddressLimiter, Budget, Excess, Source};
pub use delay::{MAX_FAILURES, account_delay};
pub use in_flight::{InFlight, InFlightGuard};
pub use network::Network;
pub(crate) use network::{is_same_place, nearest, network_lane};
pub(crate) use repeats::Repeats;
pub(crate) use room::Room;
pub use turns::{Turn, Turns};
