//! Reads single values: durations, lists, secrets.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use rolecall_core::Timestamp;
use secrecy::SecretString;
use serde::de::{Deserialize as _, Deserializer, Error};
use toml::Value;

use crate::{store::url::SchemaName, times::parse_rfc3339, vault::MasterKey};

/// Parses `30m`, `1h30m`, `1800s`, `250ms` or a number of seconds.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail.find(|letter: char| letter.is_ascii_digit());
        let (unit, tail) = tail.split_at(unit_end.unwrap_or(tail.len()));
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(milliseconds)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Writes a duration in the form that [`parse_duration`] reads.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ]
    .into_iter()
    .find(|(size, _)| milliseconds.is_multiple_of(*size))
    .map_or_else(
        || format!("{milliseconds}ms"),
        |(size, unit)| format!("{}{unit}", milliseconds / size),
    )
}

/// Returns a value that is no list and no table as a text. Flags and variables are texts already.
fn scalar(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(_) | Value::Table(_) => {
            let kind = value.type_str();
            Err(format!("expected one value, found {kind}"))
        }
        other => Ok(other.to_string()),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    scalar(Value::deserialize(deserializer)?).map_err(Error::custom)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = text(deserializer)?;
    parse_duration(&text).ok_or_else(|| {
        Error::custom(format!(
            "`{text}` is not a duration; write one such as `30m`, `1h30m` or `90s`"
        ))
    })
}

pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// Reads a duration; `None` for `off`.
pub(super) fn duration_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = text(deserializer)?;
    if text == "off" || text == "false" {
        return Ok(None);
    }
    let duration = parse_duration(&text).ok_or_else(|| {
        Error::custom(format!(
            "`{text}` is neither `off` nor a duration; write one such as `30d` or `12h`"
        ))
    })?;
    Ok(Some(duration))
}

/// Parses an RFC 3339 time, or a date, which means its first moment in UTC.
fn parse_time(text: &str) -> Option<Timestamp> {
    parse_rfc3339(text).or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        parse_rfc3339(&format!("{date}T00:00:00Z"))
    })
}

pub(super) fn optional_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = text(deserializer)?;
    parse_time(&text).map(Some).ok_or_else(|| {
        Error::custom(format!(
            "`{text}` is not a time; write one such as `2030-01-31T12:00:00Z` or `2030-01-31`"
        ))
    })
}

pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    text(deserializer).map(SecretString::from)
}

pub(super) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    secret(deserializer).map(Some)
}

/// Reads the name of a schema; an empty one means the default schema, so that a flag can clear it.
pub(super) fn schema<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SchemaName>, D::Error> {
    let name = text(deserializer)?;
    let name = (!name.is_empty()).then(|| name.parse());
    name.transpose().map_err(Error::custom)
}

pub(super) fn master_key<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MasterKey>, D::Error> {
    let text = zeroize::Zeroizing::new(text(deserializer)?);
    text.parse().map(Some).map_err(Error::custom)
}

pub(super) fn switch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = text(deserializer)?;
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(Error::custom(format!(
            "`{text}` is neither `true` nor `false`"
        ))),
    }
}

pub(super) fn number<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = text(deserializer)?;
    text.parse().map_err(|_| {
        Error::custom(format!(
            "`{text}` is not a whole number, or it is out of range"
        ))
    })
}

/// Reads a text that the type can parse.
pub(super) fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    text(deserializer)?.parse().map_err(Error::custom)
}

/// Reads a text that the type can parse, for something that may be missing.
pub(super) fn optional_parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    parsed(deserializer).map(Some)
}

/// Reads a path; an empty one means none, so that a flag can clear it.
pub(super) fn optional_path<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
    let path = text(deserializer)?;
    Ok((!path.is_empty()).then(|| path.into()))
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = text(deserializer)?;
    text.parse().map_err(|_| {
        Error::custom(format!(
            "`{text}` is not an address with a port; write one such as `127.0.0.1:8000`"
        ))
    })
}

pub(super) fn optional_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    address(deserializer).map(Some)
}

/// Returns the message for a word that is none of `words`.
pub(super) fn not_among(word: &str, words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("`{word}` is not one of {}", words.join(", "))
}

/// Reads a list, or a text with commas between its items, as in the environment.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let items: Vec<String> = match Value::deserialize(deserializer)? {
        Value::Array(items) => {
            let items = items.into_iter().map(scalar);
            items.collect::<Result<_, _>>().map_err(Error::custom)?
        }
        Value::String(text) => {
            let items = text.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            items.map(str::to_owned).collect()
        }
        other => {
            let kind = other.type_str();
            return Err(Error::custom(format!("expected a list, found {kind}")));
        }
    };
    let items = items.iter().map(|item| item.parse().map_err(Error::custom));
    items.collect()
}

pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let items: Vec<String> = list(deserializer)?;
    items
        .iter()
        .map(|text| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| {
                    Error::custom(format!(
                        "`{text}` is neither an address nor a network; write `10.0.0.7` or `10.0.0.0/8`"
                    ))
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_written_form() {
        for (text, milliseconds) in [
            ("0", 0),
            ("90", 90_000),
            ("90s", 90_000),
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("2d", 172_800_000),
            ("250ms", 250),
            ("1s500ms", 1_500),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_malformed_duration_is_refused() {
        for text in [
            "",
            " ",
            "m",
            "30 m",
            "30min",
            "-5s",
            "1.5h",
            "30m5",
            "99999999999999999999s",
            "18446744073709551615d",
            "\u{663}s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_shown_duration_is_read_back(milliseconds in 0_u64..10_000_000_000) {
            let duration = Duration::from_millis(milliseconds);
            proptest::prop_assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
        }
    }
}
