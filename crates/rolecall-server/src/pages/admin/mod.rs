//! The pages for administrators, under `/admin`. They call the services that `/api` calls, as the token of their browser
//! session would: nothing is possible in a page that the API would refuse.
//!
//! To add a page: a template in `assets/pages/admin`, its view with samples in `views`, a row in `templates.rs`, a handler,
//! and a row in `routes.rs`. Each path that takes a form also shows it, so that a sign-in in between comes back to it.

mod answer;
mod assign;
mod audit;
mod audit_export;
mod audit_verify;
mod bulk;
mod client_actions;
mod client_form;
mod client_test;
mod clients;
mod constraints;
mod decisions;
mod events;
mod faults;
mod frame;
mod hierarchy;
mod history;
mod invitations;
mod kept;
mod keys;
pub(crate) mod links;
mod mail;
mod matrix;
mod names;
pub(crate) mod nowhere;
mod people;
mod permissions;
mod picture;
mod policy;
mod presets;
mod requests;
mod resources;
mod role_edit;
mod role_form;
mod roles;
pub(crate) mod routes;
mod seen;
mod settings;
mod setup;
mod start;
pub(crate) mod table;
pub(super) mod templates;
mod tenant;
mod undo;
mod user;
mod user_actions;
mod user_form;
mod user_sessions;
mod users;
pub(super) mod views;
pub(crate) mod visit;
mod whose;
