//! The settings, and where each comes from.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, value};

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SettingsPage {
    /// An application sets them in its code.
    pub(crate) is_embedded: bool,
    pub(crate) sections: Vec<Section>,
}

/// The settings whose keys begin alike.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    /// Empty for keys without a section.
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

/// A setting.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) key: String,
    /// The value as a file would have it; empty if it is not set, or a secret.
    pub(crate) value: String,
    pub(crate) is_secret: bool,
    /// The key of the text for the source.
    pub(crate) origin: &'static str,
    /// The file or variable; empty for others.
    pub(crate) place: String,
}

/// The texts for sources.
pub(crate) const ORIGINS: [&str; 5] = [
    "admin-origin-default",
    "admin-origin-file",
    "admin-origin-environment",
    "admin-origin-flag",
    "admin-origin-secret-file",
];

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let row = |origin, value: &str, is_secret| Row {
        key: TEXT.to_owned(),
        value: value.to_owned(),
        is_secret,
        origin,
        place: TEXT.to_owned(),
    };
    let section = |name: &str| {
        let full = ORIGINS.map(|origin| row(origin, TEXT, false));
        let other = [row(ORIGINS[0], "", false), row(ORIGINS[1], "", true)];
        Section {
            name: name.to_owned(),
            rows: full.into_iter().chain(other).collect(),
        }
    };
    let full = SettingsPage {
        is_embedded: false,
        sections: vec![section(""), section(TEXT)],
    };
    let embedded = SettingsPage {
        is_embedded: true,
        ..SettingsPage::default()
    };
    [full, embedded, SettingsPage::default()]
        .iter()
        .map(value)
        .collect()
}
