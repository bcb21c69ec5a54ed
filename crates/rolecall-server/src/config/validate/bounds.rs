//! Values that must lie in a range.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use crate::config::values::show_duration;

/// Returns a fault if the number `value` of the setting `key` is outside `range`.
pub(super) fn number<T: Copy + Display + PartialOrd>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Option<String> {
    let (least, most) = (range.start(), range.end());
    (!range.contains(&value)).then(|| format!("`{key}`: {value} is not between {least} and {most}"))
}

/// Returns a fault if the duration `value` of the setting `key` is outside `range`, which the fault calls `shown`.
pub(super) fn duration(
    key: &str,
    value: Duration,
    range: RangeInclusive<Duration>,
    shown: &str,
) -> Option<String> {
    (!range.contains(&value))
        .then(|| format!("`{key}`: {} is not between {shown}", show_duration(value)))
}
