//! Colours, and how well texts on them can be read.

use std::{fmt, str::FromStr};

/// A colour: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl Color {
    /// The page behind light texts and controls.
    pub(crate) const LIGHT: Self = Self([0xff; 3]);
    /// The page where the browser asks for a dark one.
    pub(crate) const DARK: Self = Self([0x18, 0x1e, 0x2a]);
    /// The text on dark colours and on light ones.
    const TEXTS: [Self; 2] = [Self([0xff; 3]), Self([0x0f, 0x17, 0x30])];

    /// Returns the contrast with another colour, from 1 to 21 (WCAG 2.2, contrast ratio).
    pub(crate) fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Returns the colour of a text on this one.
    pub(crate) fn text(self) -> Self {
        let [light, dark] = Self::TEXTS;
        if self.contrast(light) >= self.contrast(dark) {
            light
        } else {
            dark
        }
    }

    /// Returns the relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is not a colour; write one such as `#2450b5`");
        let digits = text.strip_prefix('#').ok_or_else(refused)?;
        let is_hex = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        let [_, red, green, blue] = number.ok_or_else(refused)?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(text: &str) -> Color {
        text.parse().unwrap()
    }

    #[test]
    fn a_color_is_six_digits() {
        for text in ["#2450b5", "#ffffff", "#000000"] {
            assert_eq!(color(text).to_string(), text);
        }
        for wrong in [
            "2450b5",
            "#2450b",
            "#2450b55",
            "#+450b5",
            "blue",
            "#2450g5",
            "",
            "#\u{e4}\u{e4}\u{e4}",
        ] {
            assert!(wrong.parse::<Color>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn contrasts_are_those_of_the_specification() {
        let [black, white] = ["#000000", "#ffffff"].map(color);
        assert!((black.contrast(white) - 21.0).abs() < 0.01);
        assert!((white.contrast(white) - 1.0).abs() < 0.01);
        assert!((color("#777777").contrast(white) - 4.48).abs() < 0.01);
        assert_eq!(color("#2450b5").text(), white);
        assert_eq!(color("#9db9ff").text().to_string(), "#0f1730");
        // one of the two texts can be read on any colour
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let any = Color([red, green, blue]);
                    assert!(any.contrast(any.text()) >= 4.2, "{any}");
                }
            }
        }
    }
}
