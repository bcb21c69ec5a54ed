//! HTTP as the API speaks it: bodies, queries, pages, errors and the document about them.

pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod document;
mod examples;
mod faults;
pub(crate) mod joined;
pub(crate) mod late_document;
pub(crate) mod page;
pub(crate) mod page_operations;
pub(crate) mod params;
pub(crate) mod problem;
pub(crate) mod profiles;
mod schemas;
