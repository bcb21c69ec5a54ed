//! Injection and parsing: what is data stays data.

mod headers;
mod parsing;
mod sql;
