//! What a user who is known may not do.

mod disclosure;
mod mass_assignment;
mod permissions;
