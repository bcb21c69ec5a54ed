//! Log-out: what ends it, where it leads, and who is told.

mod backlogs;
mod delivery;
mod endings;
mod meetings;
mod model;
mod registration;
mod requests;
mod support;
mod tokens;
