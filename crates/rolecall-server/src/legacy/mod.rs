//! Tokens of an application that was there before: HS256, with `sub` and `exp` and little else.
//!
//! They are never verified by a guard. Where the user store is at hand, such a token is exchanged for an access
//! token of this server that lasts a minute, is for the application alone, carries what the user holds now and
//! nothing of `rolecall.*`, and then passes through the guard like every other: with its floors, its era and
//! its cache.
//!
//! INVARIANT: such a token says neither when it was issued nor for whom, and names can change hands. So it
//! counts only for a user who was imported, under the very name that they were imported with, and until
//! something is taken from that user for the first time: from then on none of theirs counts, whenever it was
//! issued (`users.legacy_name`).

pub(crate) mod exchange;
pub(crate) mod old_tokens;
mod stand_in;
pub(crate) mod store;
mod token;

pub(crate) use stand_in::stand_in;
