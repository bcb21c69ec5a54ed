//! OAuth clients: how they authenticate, and what they may do.

mod authentication;
mod grants;
mod limits;
mod management;
mod sign_in;
