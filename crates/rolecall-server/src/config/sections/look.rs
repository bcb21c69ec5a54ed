//! Lists and tables in the section `pages`.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Deserializer, de::Error as _};
use toml::{Table, Value};

use super::{color::Color, values};

/// A link at the foot of each page, such as an imprint.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PageLink {
    /// The text of the link.
    pub label: String,
    /// An address that begins with `https://`.
    pub url: String,
}

/// The look of the pages on which people sign in to one client. Colours that are not set are those of the server.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ClientLook {
    /// The name above the pages, if it differs from the client's.
    pub name: Option<String>,
    /// A picture above the pages, in a PNG or WebP file.
    #[serde(deserialize_with = "values::optional_path")]
    pub logo: Option<PathBuf>,
    /// The colour of buttons and links.
    #[serde(deserialize_with = "values::optional_parsed")]
    pub color: Option<Color>,
    /// The same where the browser asks for a dark page.
    #[serde(deserialize_with = "values::optional_parsed")]
    pub color_dark: Option<Color>,
}

/// Reads the links; in the environment, and as a flag, they are the text of a list.
pub(super) fn links<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PageLink>, D::Error> {
    const EXAMPLE: &str = "`[{ label = \"Privacy\", url = \"https://www.example.com/privacy\" }]`";
    let Value::Array(items) = whole(Value::deserialize(deserializer)?) else {
        return Err(D::Error::custom(format!(
            "expected a list such as {EXAMPLE}"
        )));
    };
    let links = items.into_iter().zip(1..).map(|(item, number)| {
        PageLink::deserialize(item).map_err(|error| {
            let fault = error.message();
            D::Error::custom(format!("link {number}: {fault}; write it as in {EXAMPLE}"))
        })
    });
    links.collect()
}

/// Reads the table of clients; in the environment, and as a flag, it is the text of an inline table.
pub(super) fn clients<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ClientLook>, D::Error> {
    let Value::Table(table) = whole(Value::deserialize(deserializer)?) else {
        let example = "expected a table for each client, such as `{ \"CLIENT_ID\" = { color = \"#2450b5\" } }`";
        return Err(D::Error::custom(example));
    };
    let clients = table.into_iter().map(|(id, look)| {
        let shown: String = id.chars().take(60).flat_map(char::escape_debug).collect();
        let look = ClientLook::deserialize(look);
        let look =
            look.map_err(|error| D::Error::custom(format!("`{shown}`: {}", error.message())));
        look.map(|look| (id, look))
    });
    clients.collect()
}

/// Returns a value whose text may stand for it.
fn whole(value: Value) -> Value {
    let Value::String(text) = &value else {
        return value;
    };
    let parsed = format!("value = {text}").parse::<Table>();
    let mut parsed = parsed.unwrap_or_default();
    match parsed.remove("value") {
        Some(inner) if parsed.is_empty() => inner,
        _ => value,
    }
}
