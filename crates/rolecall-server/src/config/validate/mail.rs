//! Checks the section `mail`.

use std::time::Duration;

use super::bounds;
use crate::config::Mail;

/// Returns one line for each fault, none if the settings are valid.
pub(crate) fn faults(mail: &Mail) -> Vec<String> {
    let day = Duration::from_hours(24);
    let lifetimes = [
        ("mail.reset_ttl", mail.reset_ttl, day, "1m and 1d"),
        ("mail.verify_ttl", mail.verify_ttl, day * 30, "1m and 30d"),
        (
            "mail.invitation_ttl",
            mail.invitation_ttl,
            day * 90,
            "1m and 90d",
        ),
    ];
    let lifetimes = lifetimes
        .into_iter()
        .filter_map(|(key, ttl, longest, range)| {
            bounds::duration(key, ttl, Duration::from_mins(1)..=longest, range)
        });
    let settings = mail.settings().err().unwrap_or_default();
    settings.into_iter().chain(lifetimes).collect()
}
