//! The files of the pages: style sheets, the script, pictures and the font, each read once at the start.

use std::path::Path;

use axum::{
    body::Bytes,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};

use super::{assets::version, fault::Fault, font};
use crate::files::read_bounded;

/// The largest picture, in bytes.
const MAX_PICTURE: u64 = 256 * 1024;
/// The largest font, in bytes.
const MAX_FONT: u64 = 1024 * 1024;

/// The files, by name and version.
#[derive(Default)]
pub(super) struct Files(Vec<File>);

struct File {
    name: &'static str,
    version: String,
    /// True for the file of the server, false for that of a single client.
    is_default: bool,
    body: Content,
}

/// A file with its media type.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) kind: &'static str,
    pub(super) bytes: Bytes,
}

impl Content {
    pub(super) fn text(kind: &'static str, text: String) -> Self {
        let bytes = text.into();
        Self { kind, bytes }
    }
}

impl Files {
    /// Adds a file of the server and returns its version, which its URLs end in.
    pub(super) fn add(&mut self, name: &'static str, body: Content) -> String {
        self.push(name, body, true)
    }

    /// Adds a file of the server that may be missing, and returns its version; empty without one.
    pub(super) fn add_optional(&mut self, name: &'static str, body: Option<Content>) -> String {
        body.map_or_else(String::new, |body| self.add(name, body))
    }

    /// Adds a file of the same name for a single client.
    pub(super) fn add_other(&mut self, name: &'static str, body: Content) -> String {
        self.push(name, body, false)
    }

    fn push(&mut self, name: &'static str, body: Content, is_default: bool) -> String {
        let version = version(&body.bytes);
        let file = File {
            name,
            version: version.clone(),
            is_default,
            body,
        };
        self.0.push(file);
        version
    }

    /// Answers a request for a file; `None` if there is none of this name. Without a version that exists, it is the file of
    /// the server.
    pub(super) fn answer(&self, name: &str, version: &str) -> Option<Response> {
        let mut named = self.0.iter().filter(|file| file.name == name);
        let default = named.clone().find(|file| file.is_default);
        let file = named.find(|file| file.version == version).or(default)?;
        let headers = [
            (header::CONTENT_TYPE, file.body.kind),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            // a file that somebody opens by itself is no page
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; sandbox",
            ),
        ];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Some((headers, file.body.bytes.clone()).into_response())
    }
}

/// Reads a picture. Other formats can hold scripts.
pub(super) fn read_picture(key: &str, path: &Path) -> Result<Content, Fault> {
    let wanted = "is no PNG or WebP file of at most 256 KiB";
    read(key, path, MAX_PICTURE, wanted, picture_kind)
}

/// Reads a font, and returns also whether it has several weights.
pub(super) fn read_font(key: &str, path: &Path) -> Result<(Content, bool), Fault> {
    let wanted = "is no WOFF2 file of at most 1 MiB; convert the font, or leave out glyphs that you do not need";
    let mut has_weights = false;
    let font = read(key, path, MAX_FONT, wanted, |bytes| {
        has_weights = font::has_weights(bytes)?;
        Some("font/woff2")
    })?;
    Ok((font, has_weights))
}

fn read(
    key: &str,
    path: &Path,
    most: u64,
    wanted: &str,
    kind: impl FnOnce(&[u8]) -> Option<&'static str>,
) -> Result<Content, Fault> {
    let read = read_bounded(path, most);
    let read = read.map_err(|error| Fault::unreadable(key, path, &error))?;
    let content = read.and_then(|bytes| {
        Some(Content {
            kind: kind(&bytes)?,
            bytes: bytes.into(),
        })
    });
    content.ok_or_else(|| Fault::of(key, format!("{} {wanted}", path.display())))
}

/// Returns the media type that the first bytes of a picture show.
fn picture_kind(bytes: &[u8]) -> Option<&'static str> {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else {
        is_webp.then_some("image/webp")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written<T>(
        bytes: &[u8],
        read: impl Fn(&str, &Path) -> Result<T, Fault>,
    ) -> Result<T, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        read("pages.x", &path).map_err(|fault| fault.to_string())
    }

    #[test]
    fn i131_a_picture_that_is_no_png_or_webp_is_refused() {
        let kind = |bytes: &[u8]| written(bytes, read_picture).map(|picture| picture.kind);
        let png = b"\x89PNG\r\n\x1a\nrest".to_vec();
        assert_eq!(kind(&png), Ok("image/png"));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 "), Ok("image/webp"));
        let long = [png, vec![0; 256 * 1024]].concat();
        for wrong in [&b"<svg onload=alert(1)>"[..], b"", b"GIF89a", &long] {
            let refused = kind(wrong).unwrap_err();
            assert!(
                refused.starts_with("`pages.x`: ") && refused.contains("no PNG or WebP"),
                "{refused}"
            );
        }
        let missing = read_picture("pages.x", Path::new("no/such/file"))
            .err()
            .unwrap();
        assert!(
            missing
                .to_string()
                .starts_with("`pages.x`: cannot read no/such/file: ")
        );
    }

    #[test]
    fn a_font_is_a_woff2_file_of_limited_length() {
        let read =
            |bytes: &[u8]| written(bytes, read_font).map(|(font, weights)| (font.kind, weights));
        assert_eq!(
            read(&font::tests::font(&[&[5, 8]])),
            Ok(("font/woff2", false))
        );
        assert_eq!(
            read(&font::tests::font(&[&[47, 8]])),
            Ok(("font/woff2", true))
        );
        let long = font::tests::font(&[&vec![0; 1024 * 1024]]);
        for wrong in [&b"\0\x01\0\0 a TrueType font"[..], b"<svg>", b"", &long] {
            assert!(read(wrong).unwrap_err().contains("no WOFF2 file"));
        }
    }

    #[tokio::test]
    async fn a_file_is_found_by_its_version_and_otherwise_the_one_of_the_server() {
        let mut files = Files::default();
        let style = |text: &'static str| Content {
            kind: "text/css",
            bytes: Bytes::from(text),
        };
        let versions = [
            files.add_other("style.css", style("b")),
            files.add("style.css", style("a")),
            files.add_other("logo", style("c")),
        ];
        for (version, wanted) in [
            (versions[0].as_str(), "b"),
            (&versions[1], "a"),
            ("none", "a"),
        ] {
            let response = files.answer("style.css", version).unwrap();
            let header = |name: &str| response.headers()[name].to_str().unwrap();
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(
                header("content-security-policy"),
                "default-src 'none'; sandbox"
            );
            let body = axum::body::to_bytes(response.into_body(), 10)
                .await
                .unwrap();
            assert_eq!(body, wanted);
        }
        assert!(files.answer("logo", &versions[2]).is_some());
        assert!(files.answer("logo", &versions[0]).is_none());
        assert!(files.answer("font", &versions[0]).is_none());
    }
}
