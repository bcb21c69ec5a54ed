//! The whole policy as one document: shown, compared, and put in force in one transaction.

mod affected;
pub(crate) mod apply;
pub(crate) mod at_start;
pub(crate) mod body;
pub(crate) mod cells;
pub(crate) mod handlers;
pub(crate) mod history;
pub(crate) mod history_store;
pub(crate) mod import;
pub(crate) mod plan;
pub(crate) mod plan_effects;
pub(crate) mod service;
pub(crate) mod store;
