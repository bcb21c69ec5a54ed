use rolecall_core::Timestamp;

use super::CliError;

/// The time that an argument says.
pub(super) fn time(flag: &str, text: &str) -> Result<Timestamp, CliError> {
    let parsed = text.parse::<jiff::Timestamp>();
    let parsed = parsed.map_err(|_| {
        CliError::Refused(format!(
            "{flag} is an RFC 3339 time, such as 2030-01-01T00:00:00Z"
        ))
    })?;
    Ok(Timestamp::from_micros(parsed.as_microsecond()))
}
