//! The look of the pages: name, picture, colours and templates, read once at the start.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use axum::{
    body::Bytes,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use minijinja::{Environment, Error};

use super::{
    assets::{SCRIPT, STYLE, version},
    samples, templates,
};
use crate::{config::Pages, files};

/// The largest picture, in bytes.
const MAX_LOGO: usize = 256 * 1024;
/// The largest template, in bytes.
const MAX_TEMPLATE: u64 = 256 * 1024;

/// The look of the pages.
pub(crate) struct Look {
    /// The name above each page.
    pub(super) name: String,
    pub(super) versions: Versions,
    style: Bytes,
    logo: Option<Logo>,
    pub(super) environment: Environment<'static>,
}

/// The versions of the files, which their URLs end in; that of the picture is empty without one.
pub(super) struct Versions {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) logo: String,
}

/// A picture with its media type, which its first bytes show.
struct Logo {
    kind: &'static str,
    bytes: Bytes,
}

/// The reason why the pages cannot look as configured.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// A file cannot be read.
    #[error("`{key}`: cannot read {path}: {source}", path = path.display())]
    File {
        /// The setting.
        key: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The picture has another format, or is too large.
    #[error("`pages.logo`: {path} is no PNG or WebP file of at most 256 KiB", path = .0.display())]
    Logo(PathBuf),
    /// A file in the folder replaces no template.
    #[error(
        "`pages.templates`: {name} replaces no template; those that can be replaced are {known}"
    )]
    Unknown {
        /// The file.
        name: String,
        /// The names of the templates.
        known: String,
    },
    /// A template has a fault.
    #[error("`pages.templates`: {0}")]
    Template(String),
}

impl Look {
    /// Reads what is configured. If a template is replaced, tries each with sample data in each language.
    pub(crate) fn new(pages: &Pages) -> Result<Self, LookError> {
        let mut environment = templates::environment().map_err(|error| fault(&error))?;
        // a test tries those that are built in
        if let Some(folder) = &pages.templates {
            replace(&mut environment, folder)?;
            samples::try_all(&environment).map_err(|error| fault(&error))?;
        }
        let style = Bytes::from(style(pages));
        let logo = pages.logo.as_deref().map(read_logo).transpose()?;
        let versions = Versions {
            style: version(&style),
            script: version(SCRIPT.as_bytes()),
            logo: logo
                .as_ref()
                .map_or_else(String::new, |logo| version(&logo.bytes)),
        };
        Ok(Self {
            name: pages.name.clone(),
            versions,
            style,
            logo,
            environment,
        })
    }

    /// Answers a request for a file of the pages; `None` if there is none of this name.
    pub(super) fn file(&self, name: &str) -> Option<Response> {
        let (kind, body) = match name {
            "style.css" => ("text/css; charset=utf-8", self.style.clone()),
            "form-post.js" => ("text/javascript; charset=utf-8", Bytes::from(SCRIPT)),
            "logo" => {
                let logo = self.logo.as_ref()?;
                (logo.kind, logo.bytes.clone())
            }
            _ => return None,
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (
                header::CACHE_CONTROL,
                HeaderValue::from_static("public, max-age=31536000, immutable"),
            ),
        ];
        Some((headers, body).into_response())
    }
}

/// Describes a fault with the template and the line.
fn fault(error: &Error) -> LookError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    LookError::Template(text)
}

/// Returns the style sheet with the configured colours.
fn style(pages: &Pages) -> String {
    let mut style = STYLE.to_owned();
    if let Some(color) = pages.color {
        let text = color.text();
        let _ = writeln!(style, ":root {{ --accent: {color}; --on-accent: {text}; }}");
    }
    // without a colour of its own, a dark page keeps the one that is built in
    let dark = pages
        .color_dark
        .map(|color| (color.to_string(), color.text().to_string()));
    let built_in = || ("#9db9ff".to_owned(), "#0f1730".to_owned());
    let dark = dark.or_else(|| pages.color.map(|_| built_in()));
    if let Some((color, text)) = dark {
        let _ = writeln!(
            style,
            "@media (prefers-color-scheme: dark) {{ :root {{ --accent: {color}; --on-accent: {text}; }} }}"
        );
    }
    style
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, LookError> {
    files::read(path).map_err(|source| LookError::File {
        key,
        path: path.to_owned(),
        source,
    })
}

/// Reads the picture. Other formats can hold scripts.
fn read_logo(path: &Path) -> Result<Logo, LookError> {
    let bytes = read("pages.logo", path)?;
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let kind = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else if is_webp {
        "image/webp"
    } else {
        return Err(LookError::Logo(path.to_owned()));
    };
    if bytes.len() > MAX_LOGO {
        return Err(LookError::Logo(path.to_owned()));
    }
    Ok(Logo {
        kind,
        bytes: bytes.into(),
    })
}

/// Replaces the templates that are in a folder.
fn replace(environment: &mut Environment<'static>, folder: &Path) -> Result<(), LookError> {
    let unreadable = |source| LookError::File {
        key: "pages.templates",
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if !templates::NAMES.contains(&name.as_str()) {
            let known = templates::NAMES.join(", ");
            return Err(LookError::Unknown { name, known });
        }
        if entry.metadata().map_err(unreadable)?.len() > MAX_TEMPLATE {
            return Err(LookError::Template(format!(
                "{name} is longer than 256 KiB"
            )));
        }
        let text = String::from_utf8(read("pages.templates", &entry.path())?);
        let text = text.map_err(|_| LookError::Template(format!("{name} is not UTF-8")))?;
        let added = environment.add_template_owned(name, text);
        added.map_err(|error| fault(&error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(change: impl FnOnce(&mut Pages, &Path)) -> Result<Look, LookError> {
        let folder = tempfile::tempdir().unwrap();
        let mut pages = Pages::default();
        change(&mut pages, folder.path());
        Look::new(&pages)
    }

    fn with_template(name: &str, text: &str) -> Result<Look, LookError> {
        looks(|pages, folder| {
            fs::write(folder.join(name), text).unwrap();
            pages.templates = Some(folder.to_owned());
        })
    }

    #[test]
    fn a_template_is_replaced_and_tried_at_the_start() {
        let page = r#"{% extends "layout.html" %}{% block content %}<p>our own {{ t(heading) }}</p>{% endblock %}"#;
        let look = with_template("message.html", page).unwrap();
        let template = look.environment.get_template("message.html").unwrap();
        let html = samples::render(&template, "message.html").unwrap();
        assert!(html.contains("our own"), "{html}");
        for (name, wrong, why) in [
            ("message.html", "{{ heading", "message.html"),
            ("message.html", "{{ no_such_variable }}", "undefined"),
            ("message.html", "{{ t(\"no-such-text\") }}", "no-such-text"),
            ("messages.html", "x", "replaces no template"),
        ] {
            let error = with_template(name, wrong).err().unwrap().to_string();
            assert!(
                error.contains(why) && error.contains("pages.templates"),
                "{error}"
            );
        }
    }

    #[test]
    fn i131_a_picture_that_is_no_png_or_webp_is_refused() {
        let with_logo = |bytes: &[u8]| {
            looks(|pages, folder| {
                let path = folder.join("logo.png");
                fs::write(&path, bytes).unwrap();
                pages.logo = Some(path);
            })
        };
        let png = b"\x89PNG\r\n\x1a\nrest".to_vec();
        assert_eq!(with_logo(&png).unwrap().logo.unwrap().kind, "image/png");
        let webp = with_logo(b"RIFF\0\0\0\0WEBPVP8 ").unwrap();
        assert_eq!(webp.logo.unwrap().kind, "image/webp");
        let long = [png, vec![0; MAX_LOGO]].concat();
        for wrong in [&b"<svg onload=alert(1)>"[..], b"", b"GIF89a", &long] {
            assert!(matches!(with_logo(wrong), Err(LookError::Logo(_))));
        }
        let missing = looks(|pages, folder| pages.logo = Some(folder.join("none.png")));
        assert!(matches!(
            missing,
            Err(LookError::File {
                key: "pages.logo",
                ..
            })
        ));
    }

    #[test]
    fn colors_are_added_to_the_style_sheet() {
        let look = looks(|pages, _| pages.color = Some("#7a1fa2".parse().unwrap())).unwrap();
        let text = std::str::from_utf8(&look.style).unwrap();
        assert!(text.contains("--accent: #7a1fa2; --on-accent: #ffffff"));
        // the dark page keeps its own
        assert!(
            text.trim_end()
                .ends_with("--accent: #9db9ff; --on-accent: #0f1730; } }")
        );
        let plain = looks(|_, _| ()).unwrap();
        assert_eq!(plain.style, STYLE);
    }
}
