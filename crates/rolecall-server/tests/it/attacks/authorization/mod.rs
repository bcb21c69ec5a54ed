//! Attacks by an authenticated user.

mod administrators;
mod disclosure;
mod mass_assignment;
mod permissions;
