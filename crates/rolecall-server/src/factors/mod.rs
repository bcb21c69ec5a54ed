//! Second factors: what an account has beside its password.

pub(crate) mod admin_handlers;
pub(crate) mod enrolment;
pub(crate) mod handlers;
mod names;
pub(crate) mod notices;
pub(crate) mod owner;
pub(crate) mod passkeys;
pub(crate) mod recovery_codes;
pub(crate) mod remembered;
pub(crate) mod remembered_store;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod totp;
pub(crate) mod typed;
pub(crate) mod views;
pub(crate) mod wished;
