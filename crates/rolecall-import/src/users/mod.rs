//! The users of another application with their password hashes, as CSV or JSON lines.
//!
//! [`parse`] splits a text into [`Record`]s, and [`check`] turns them into [`Row`]s. Both report every [`Problem`] of
//! every line, so that a file can be corrected in one go. Messages contain no hash, and name the options of
//! `rolecall import users`.

mod check;
mod csv;
mod parse;
mod record;

pub use check::check;
pub use parse::parse;
pub use record::{Columns, Format, Problem, ProfileValue, Record, Row};
