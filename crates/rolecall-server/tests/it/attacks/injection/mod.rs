//! Injection and parsing: data stays data.

mod headers;
mod parsing;
mod sql;
