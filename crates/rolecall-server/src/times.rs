//! Times as people and clients write them: RFC 3339.

use rolecall_core::Timestamp;

/// Parses an RFC 3339 time.
///
/// # Errors
///
/// If `text` is not one.
pub(crate) fn parse_rfc3339(text: &str) -> Result<Timestamp, jiff::Error> {
    let time = text.parse::<jiff::Timestamp>()?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

/// A time as RFC 3339 writes it, in UTC.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| String::new(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(
            rfc3339(Timestamp::from_micros(1_700_000_000_500_000)),
            "2023-11-14T22:13:20.5Z"
        );
    }
}
