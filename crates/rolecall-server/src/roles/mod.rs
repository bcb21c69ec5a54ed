//! Roles, permissions, the role hierarchy, constraints, role assignments and requests for them.

pub(crate) mod assigning;
pub(crate) mod assignment_handlers;
pub(crate) mod assignment_store;
pub(crate) mod assignments;
pub(crate) mod constraint_handlers;
pub(crate) mod constraint_store;
pub(crate) mod constraints;
pub(crate) mod definition;
pub(crate) mod details;
pub(crate) mod ended_store;
pub(crate) mod handlers;
pub(crate) mod holder_store;
pub(crate) mod names;
pub(crate) mod open_roles;
pub(crate) mod permission_handlers;
pub(crate) mod permissions;
pub(crate) mod request_handlers;
pub(crate) mod request_store;
pub(crate) mod requests;
pub(crate) mod review;
pub(crate) mod review_handlers;
pub(crate) mod separation;
pub(crate) mod service;
pub(crate) mod store;
pub(crate) mod transition;
pub(crate) mod views;
