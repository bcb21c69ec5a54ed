//! What an application does with an embedded server in its own code.

mod accounts;
mod clashes;
mod documents;
mod first_admin;
mod log_in;
mod order;
mod policy;
mod prefix;
mod public_url;
mod unheld;
