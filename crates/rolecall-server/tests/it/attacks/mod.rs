//! Attacks, each with the number under which docs/attacks.md tells what becomes of it.

mod authorization;
mod injection;
mod login;
mod process;
mod resources;
mod secrets;
mod tokens;
mod usernames;
