//! The look of the pages.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::{
    color::Color,
    look::{self, ClientLook, PageLink},
    values,
};

/// Section `pages`: what people see when they sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pages {
    /// The name that stands above each page.
    pub name: String,
    /// A picture above each page, in a PNG or WebP file.
    #[serde(deserialize_with = "values::optional_path")]
    pub logo: Option<PathBuf>,
    /// The picture that browsers show beside the title, in a PNG or WebP file.
    #[serde(deserialize_with = "values::optional_path")]
    pub favicon: Option<PathBuf>,
    /// The colour of buttons and links, such as `#2450b5`.
    #[serde(deserialize_with = "values::optional_parsed")]
    pub color: Option<Color>,
    /// The same where the browser asks for a dark page.
    #[serde(deserialize_with = "values::optional_parsed")]
    pub color_dark: Option<Color>,
    /// The font of the pages, in a WOFF2 file.
    #[serde(deserialize_with = "values::optional_path")]
    pub font: Option<PathBuf>,
    /// Links at the foot of each page.
    #[serde(deserialize_with = "look::links")]
    pub links: Vec<PageLink>,
    /// The look of the pages of single clients, by their ids.
    #[serde(deserialize_with = "look::clients")]
    pub clients: BTreeMap<String, ClientLook>,
    /// A folder with templates that replace those of the same name.
    #[serde(deserialize_with = "values::optional_path")]
    pub templates: Option<PathBuf>,
    /// A folder with texts in other languages, and texts that replace single ones.
    #[serde(deserialize_with = "values::optional_path")]
    pub locales: Option<PathBuf>,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            name: "rolecall".to_owned(),
            logo: None,
            favicon: None,
            color: None,
            color_dark: None,
            font: None,
            links: Vec::new(),
            clients: BTreeMap::new(),
            templates: None,
            locales: None,
        }
    }
}
