//! Users: registration, own account, administration, passwords and reset codes.

pub(crate) mod email_store;
pub(crate) mod emails;
pub(crate) mod find_service;
pub(crate) mod find_store;
pub(crate) mod first_code;
pub(crate) mod first_run;
pub(crate) mod handlers;
pub(crate) mod import;
pub(crate) mod import_rules;
pub(crate) mod leaving;
pub(crate) mod mailed_reset;
pub(crate) mod me_handlers;
pub(crate) mod me_service;
pub(crate) mod naming;
mod profiles;
pub(crate) mod registration;
pub(crate) mod reset;
pub(crate) mod reset_confirmation;
pub(crate) mod reset_store;
pub(crate) mod search;
pub(crate) mod search_store;
pub(crate) mod service;
pub(crate) mod shown;
pub(crate) mod store;
pub(crate) mod views;
mod withheld;
