//! Attacks by an authenticated user.

mod disclosure;
mod mass_assignment;
mod permissions;
