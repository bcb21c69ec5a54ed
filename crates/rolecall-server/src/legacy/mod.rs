//! Legacy tokens: those of the application that rolecall replaced. They are HS256 tokens with little more than `sub` and
//! `exp`.
//!
//! Guards never verify them. A server with the user store exchanges a legacy token for an access token of its own, the
//! stand-in. It is valid for a minute and for the application only, and carries what the user holds now except
//! `rolecall.*`. It then passes through the guard like any other token, with floors, era and cache.
//!
//! INVARIANT: a legacy token does not say when or for whom it was issued, and user names can be reused. So it is accepted
//! only for an imported user, under the name of the import, and until access is revoked from that user for the first
//! time. From then on, all legacy tokens of the user are refused (`users.legacy_name`).

pub(crate) mod exchange;
pub(crate) mod old_tokens;
mod stand_in;
pub(crate) mod store;
mod token;

pub(crate) use stand_in::stand_in;
