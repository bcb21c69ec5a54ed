//! What an application does with an embedded server in its own code.

mod accounts;
mod documents;
mod first_admin;
mod log_in;
mod policy;
mod unheld;
