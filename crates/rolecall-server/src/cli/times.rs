use rolecall_core::Timestamp;

use super::error::CliError;

/// Parses the RFC 3339 time of an argument; an error names the flag.
pub(super) fn parse_time(flag: &str, text: &str) -> Result<Timestamp, CliError> {
    let parsed = text.parse::<jiff::Timestamp>();
    let parsed = parsed.map_err(|_| {
        CliError::Refused(format!(
            "{flag} must be an RFC 3339 time, for example 2030-01-01T00:00:00Z"
        ))
    })?;
    Ok(Timestamp::from_micros(parsed.as_microsecond()))
}
