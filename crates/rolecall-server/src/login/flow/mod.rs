//! Signing in with a browser, step by step. One function concludes it: [`conclude::conclude`].

pub(crate) mod answer;
mod assurance;
pub(crate) mod begun;
pub(crate) mod choice;
pub(crate) mod choosing;
pub(crate) mod conclude;
mod confirming;
pub(crate) mod consenting;
pub(in crate::login) mod describe;
pub(crate) mod ended;
pub(crate) mod enrolling;
pub(crate) mod kept;
pub(crate) mod mailed;
pub(crate) mod owed;
pub(crate) mod passkey;
mod pending;
pub(crate) mod proof;
pub(crate) mod proven;
mod remembering;
pub(crate) mod request;
pub(crate) mod second;
pub(crate) mod service;
pub(crate) mod showing;
pub(crate) mod step;
pub(crate) mod store;
pub(crate) mod tenant_store;
pub(crate) mod verifying;
