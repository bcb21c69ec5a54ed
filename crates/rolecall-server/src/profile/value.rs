//! Checks of values against the declaration of their field.

use rolecall_core::is_unprintable;
use serde_json::{Number, Value};

use super::field::{FieldKind, ProfileField};

/// 2^53 - 1: the greatest integer that JavaScript reads exactly.
pub(crate) const MAX_INTEGER: i64 = 9_007_199_254_740_991;
/// The digits of a decimal number that every parser keeps.
const MAX_DIGITS: usize = 15;
/// Beyond these, a decimal number of 15 digits is not read exactly everywhere.
const GREATEST_NUMBER: f64 = 1e15;
const SMALLEST_NUMBER: f64 = 1e-6;

/// The reason why a value does not fit a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The `type` of the error in an answer.
    pub(crate) kind: &'static str,
    /// What would fit. It does not quote the value.
    pub(crate) expected: String,
}

impl ProfileField {
    /// Checks a JSON value to be written. What is accepted is stored as it is, and read the same everywhere.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Misfit> {
        self.check_type(value)?;
        let (Some(pattern), Value::String(text)) = (&self.pattern, value) else {
            return Ok(());
        };
        if pattern.matches(text) {
            return Ok(());
        }
        let expected = self.pattern_message.clone().unwrap_or_else(|| {
            format!(
                "expected a text that matches `{}`; null removes it",
                pattern.text()
            )
        });
        Err(Misfit {
            kind: "value_error",
            expected,
        })
    }

    /// Checks a stored value, which may be older than the pattern of the field: it stays readable.
    pub(crate) fn check_type(&self, value: &Value) -> Result<(), Misfit> {
        let is_of_type = match (&self.kind, value) {
            (FieldKind::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (FieldKind::Number, Value::Number(_)) | (FieldKind::Boolean, Value::Bool(_)) => true,
            (FieldKind::Number | FieldKind::Integer | FieldKind::Boolean, _) => false,
            (_, value) => value.is_string(),
        };
        let fits = is_of_type
            && match (&self.kind, value) {
                (FieldKind::Number, Value::Number(number)) => is_exact(number),
                (FieldKind::Integer, Value::Number(number)) => is_safe(number),
                (_, Value::String(text)) => self.fits_text(text),
                _ => true,
            };
        if fits {
            return Ok(());
        }
        Err(Misfit {
            kind: if is_of_type {
                "value_error"
            } else {
                "type_error"
            },
            expected: self.expectation(),
        })
    }

    /// Reads a value from the command line or a CSV file.
    pub(crate) fn parse(&self, text: &str) -> Result<Value, Misfit> {
        let misfit = || Misfit {
            kind: "value_error",
            expected: self.expectation(),
        };
        let trimmed = text.trim();
        let value = match &self.kind {
            FieldKind::Number | FieldKind::Integer => {
                let number: Number = serde_json::from_str(trimmed).map_err(|_| misfit())?;
                Value::Number(number)
            }
            FieldKind::Boolean => match trimmed.to_ascii_lowercase().as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return Err(misfit()),
            },
            FieldKind::Date | FieldKind::Url { .. } | FieldKind::Enum { .. } => trimmed.into(),
            FieldKind::String { .. } => text.into(),
        };
        self.check(&value)?;
        Ok(value)
    }

    fn fits_text(&self, text: &str) -> bool {
        match &self.kind {
            FieldKind::String { max_length } => {
                text.trim() == text
                    && !text.is_empty()
                    && text.chars().count() <= *max_length
                    && !text.chars().any(is_unprintable)
            }
            FieldKind::Url { max_length } => text.len() <= *max_length && is_web_address(text),
            FieldKind::Date => is_date(text),
            FieldKind::Enum { values } => values.iter().any(|value| value == text),
            FieldKind::Number | FieldKind::Integer | FieldKind::Boolean => false,
        }
    }

    /// Describes the values that fit.
    pub(crate) fn expectation(&self) -> String {
        match &self.kind {
            FieldKind::String { max_length } => format!(
                "expected a text of 1 to {max_length} characters in one line, without spaces around it; null removes it"
            ),
            FieldKind::Number => {
                format!("expected a number of at most {MAX_DIGITS} digits; null removes it")
            }
            FieldKind::Integer => {
                format!("expected a whole number up to {MAX_INTEGER}; null removes it")
            }
            FieldKind::Boolean => "expected true or false; null removes it".to_owned(),
            FieldKind::Date => "expected a date such as `2030-01-31`; null removes it".to_owned(),
            FieldKind::Url { max_length } => format!(
                "expected an address such as `https://example.com/picture.png` of at most {max_length} characters; null \
                 removes it"
            ),
            FieldKind::Enum { values } => {
                let values: Vec<String> = values.iter().map(|one| format!("`{one}`")).collect();
                format!("expected one of {}; null removes it", values.join(", "))
            }
        }
    }
}

/// Returns true if every parser reads the number exactly. `serde_json` itself does so only up to 15 digits.
fn is_exact(number: &Number) -> bool {
    let Some(float) = number.as_f64() else {
        return false;
    };
    let size = float.abs();
    let is_in_range = size == 0.0 || (SMALLEST_NUMBER..GREATEST_NUMBER).contains(&size);
    let text = number.to_string();
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let mantissa = mantissa.strip_suffix(".0").unwrap_or(mantissa);
    let digits = mantissa.chars().filter(char::is_ascii_digit);
    let significant = digits.skip_while(|digit| *digit == '0').count();
    is_in_range && significant <= MAX_DIGITS
}

fn is_safe(number: &Number) -> bool {
    let integer = number.as_i64();
    integer.is_some_and(|integer| (-MAX_INTEGER..=MAX_INTEGER).contains(&integer))
}

/// Returns true for a day as RFC 3339 writes it, `full-date`.
fn is_date(text: &str) -> bool {
    let has_form = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    has_form && text.parse::<jiff::civil::Date>().is_ok()
}

/// Returns true for an absolute http or https address without a user. Applications put it into `href` and `src`, so no
/// other scheme may pass.
fn is_web_address(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&byte);
    if !text.bytes().all(is_plain) {
        return false;
    }
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri
        .authority()
        .filter(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    has_scheme && host.is_some()
}
