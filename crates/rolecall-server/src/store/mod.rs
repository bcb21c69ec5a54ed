//! The database: two pools, one SQL text a query, and the only two ways to write.

mod actor;
mod begin;
mod chain;
mod change;
mod codes;
mod conn;
mod counts;
mod details;
mod error;
mod failures;
pub(crate) mod file;
mod floors;
pub(crate) mod gate;
mod head;
pub(crate) mod integrity;
mod known_time;
mod leases;
mod like;
pub(crate) mod migrate;
mod open;
mod open_error;
mod open_file;
pub(crate) mod outbox;
mod pools;
mod probe;
mod query;
mod role_losses;
mod row;
mod target;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tuning;
pub(crate) mod url;

pub(crate) use actor::Actor;
pub(crate) use chain::{BASELINE, Chain, Entry, Mark, TAMPERED, read_seal};
pub(crate) use change::{Change, Changed};
pub(crate) use conn::Conn;
pub(crate) use counts::counts as errors;
pub(crate) use details::{DETAILS, Details};
pub use error::{OpenError, StoreError};
pub(crate) use head::{
    Head, is_ended, prune_floors, read_floors, read_floors_of, read_head, read_mark, read_position,
};
pub(crate) use known_time::{StoredTime, read_known_time, read_time, write_known_time};
pub(crate) use leases::{release_lease, take_lease};
pub(crate) use like::{anywhere, escape_like};
pub use open::Store;
pub(crate) use probe::PING_TIMEOUT;
pub(crate) use query::{Statement, queries, query};
pub(crate) use row::{Columns, FromRow, parse, rows};
pub(crate) use target::{Opening, Target};
pub(crate) use tuning::Tuning;
