//! Who is calling, what they hold, and what they may therefore do.

pub(crate) mod builtin;
pub(crate) mod caller;
pub(crate) mod may;
pub(crate) mod policy_cache;
pub(crate) mod policy_store;
pub(crate) mod reads;
pub(crate) mod rights;
pub(crate) mod subject;
