use rolecall_core::Timestamp;

use super::error::CliError;
use crate::times::parse_rfc3339;

/// Parses the RFC 3339 time of an argument; an error names the flag.
pub(super) fn parse_time(flag: &str, text: &str) -> Result<Timestamp, CliError> {
    parse_rfc3339(text).ok_or_else(|| {
        CliError::Refused(format!(
            "{flag} must be an RFC 3339 time, for example 2030-01-01T00:00:00Z"
        ))
    })
}
