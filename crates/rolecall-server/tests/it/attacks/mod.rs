//! Attacks, numbered as in docs/attacks.md.

mod audit_log;
mod authorization;
mod files;
mod injection;
mod login;
mod logs;
mod process;
mod resources;
mod secrets;
mod sign_in_crash;
mod storage;
mod tokens;
mod usernames;
