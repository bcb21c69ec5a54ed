//! The caller, the roles and permissions that the database gives the caller, and the checks on them.

pub(crate) mod assurance;
pub(crate) mod builtin;
pub(crate) mod caller;
pub(crate) mod may;
pub(crate) mod policy_cache;
pub(crate) mod policy_limits;
pub(crate) mod policy_store;
pub(crate) mod reads;
pub(crate) mod rights;
pub(crate) mod subject;
