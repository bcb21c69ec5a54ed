//! The page that shows the secret of an authenticator application: as a picture, as a text and as an address.

use std::fmt::Write as _;

use minijinja::{Value, context};
use qrcode::{Color, QrCode};

use crate::{
    app::App,
    factors::{totp::Secret, wished::Wished},
};

/// The light margin around the picture, in modules (ISO/IEC 18004).
const MARGIN: usize = 4;

/// Returns the variables of the page in a sign-in, with what the user was about to add. Without a secret, only a passkey is
/// enough.
pub(super) fn in_flow(
    app: &App,
    username: &str,
    secret: Option<&Secret>,
    wished: Option<&Wished>,
) -> Value {
    let values = match secret {
        Some(secret) => values(app, username, secret),
        None => without_application(username),
    };
    context! { ..wish(wished), ..values }
}

/// Returns the variables for what the user was about to add.
pub(super) fn wish(wished: Option<&Wished>) -> Value {
    context! {
        prefers_passkey => wished.is_some_and(|one| one.is_passkey),
        name => wished.map(|one| one.name.as_str()).unwrap_or_default(),
    }
}

/// Returns the variables of the page.
pub(super) fn values(app: &App, username: &str, secret: &Secret) -> Value {
    let uri = secret.uri(&app.own_name(), username);
    let (size, path) = picture(&uri);
    context! {
        username => username,
        secret => grouped(&secret.base32()),
        uri => uri,
        qr_size => size,
        qr_path => path,
    }
}

/// The same where only a passkey is enough.
fn without_application(username: &str) -> Value {
    context! { username => username, secret => "", uri => "", qr_size => 1, qr_path => "" }
}

/// Returns the letters in groups of four, which are easier to type.
fn grouped(text: &str) -> String {
    let mut grouped = String::new();
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(letter);
    }
    grouped
}

/// Returns the width of the picture and the path of its dark modules, as SVG writes it; without a style, which the policy
/// of the pages forbids. An address that is too long for a picture has none.
fn picture(text: &str) -> (usize, String) {
    let Ok(code) = QrCode::new(text) else {
        return (1, String::new());
    };
    let width = code.width();
    let mut path = String::new();
    for (place, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (place % width + MARGIN, place / width + MARGIN);
            // writing to a text never fails
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    (width + 2 * MARGIN, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_margin_and_three_finders() {
        let (size, path) = picture("otpauth://totp/a:b?secret=MZXW6YTBOI&issuer=a");
        assert_eq!((size - 2 * MARGIN) % 4, 1);
        assert!(path.starts_with("M4 4h1v1h-1z"));
        let last = size - MARGIN - 1;
        for (x, y) in [(4, 4), (4, last), (last, 4)] {
            assert!(path.contains(&format!("M{x} {y}h")), "{x} {y}");
        }
        assert!(!path.contains(&format!("M{size} ")) && !path.contains("M3 "));
        assert_eq!(picture(&"x".repeat(4000)), (1, String::new()));
    }

    #[test]
    fn texts_by_table() {
        assert_eq!(grouped("ABCDEFGHI"), "ABCD EFGH I");
        assert_eq!(grouped(""), "");
    }
}
