//! One-time codes by time (TOTP, RFC 6238), as authenticator applications show them: SHA-1, six digits, 30 seconds.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use rolecall_core::Timestamp;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::ids::{self, NoRandomness};

/// The seconds for which one code is shown.
const PERIOD: i64 = 30;
const DIGITS: usize = 6;
/// As long as the output of SHA-1 (RFC 4226 section 4, R6).
const SECRET_BYTES: usize = 20;
/// RFC 4648 section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret that an application and the server share.
#[derive(Clone)]
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Makes a secret.
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        let bytes: [u8; SECRET_BYTES] = ids::random_bytes()?;
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    pub(crate) const fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the secret as people type it into an application: Base32 without padding.
    pub(crate) fn base32(&self) -> String {
        let (mut text, mut bits, mut count) = (String::new(), 0_u32, 0_u32);
        let mut push = |bits: u32| {
            let letter = ALPHABET.get((bits & 31) as usize);
            text.push(letter.map_or('A', |letter| char::from(*letter)));
        };
        for byte in self.0.iter() {
            bits = (bits << 8) | u32::from(*byte);
            count += 8;
            while count >= 5 {
                count -= 5;
                push(bits >> count);
            }
            bits &= (1 << count) - 1;
        }
        if count > 0 {
            push(bits << (5 - count));
        }
        text
    }

    /// Returns the address that an application reads from a picture (the key URI format).
    pub(crate) fn uri(&self, issuer: &str, account: &str) -> String {
        // a colon separates the two
        let issuer = encoded(&issuer.replace(':', " "));
        let (account, secret) = (encoded(account), self.base32());
        format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
    }

    /// Returns the time step after `last` whose code was typed: the present one, or one beside it, since clocks differ.
    /// A code is compared with all three whatever matches.
    pub(crate) fn step_of(&self, typed: &str, now: Timestamp, last: i64) -> Option<i64> {
        let digits: String = typed.split_whitespace().collect();
        let present = now.seconds().div_euclid(PERIOD);
        let mut found = None;
        for step in present - 1..=present + 1 {
            let is_equal = bool::from(self.code(step).as_bytes().ct_eq(digits.as_bytes()));
            if is_equal && step > last {
                found = Some(step);
            }
        }
        found
    }

    /// Returns the code of a time step (RFC 4226 section 5.3).
    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let offset = usize::from(tag.as_ref().last().copied().unwrap_or_default() & 0xf);
        let four = tag.as_ref().get(offset..offset + 4).unwrap_or_default();
        let number = four
            .iter()
            .fold(0, |all, byte| (all << 8) | u32::from(*byte));
        let number = (number & 0x7fff_ffff) % 1_000_000;
        format!("{number:0DIGITS$}")
    }
}

/// Percent-encodes what is not unreserved (RFC 3986 section 2.3). Applications show a plus sign as it is.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // writing to a text never fails
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    impl Secret {
        /// The code that an application shows.
        pub(crate) fn shown(&self, now: Timestamp) -> String {
            self.code(now.seconds().div_euclid(PERIOD))
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::from_bytes(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn rfc() -> Secret {
        secret("12345678901234567890")
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // appendix B, the last six of eight digits
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().shown(Timestamp::from_seconds(seconds)), code);
        }
        // RFC 4226 appendix D
        let codes = ["755224", "287082", "359152", "969429", "338314", "254676"];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(rfc().code(step), code);
        }
    }

    #[test]
    fn a_code_counts_one_step_before_and_after_and_never_again() {
        let at = |seconds| Timestamp::from_seconds(seconds);
        let step = |seconds: i64, last| rfc().step_of("287082", at(seconds), last);
        for (seconds, is_right) in [(0, true), (29, true), (30, true), (89, true), (90, false)] {
            assert_eq!(step(seconds, -1), is_right.then_some(1), "{seconds}");
        }
        assert_eq!(step(59, 0), Some(1));
        assert_eq!(step(59, 1), None);
        assert_eq!(step(59, 2), None);
        assert_eq!(step(-31, -9), None);
    }

    #[test]
    fn what_is_no_code_matches_nothing() {
        let now = Timestamp::from_seconds(59);
        for typed in ["287 082", " 287082\n", "\t28 70 82"] {
            assert_eq!(rfc().step_of(typed, now, -1), Some(1), "{typed}");
        }
        for typed in [
            "",
            "0",
            "28708",
            "2870820",
            "94287082",
            "287083",
            "287082'",
            "\u{662}87082",
            "287082\0",
            "+287082",
            "２８７０８２",
        ] {
            assert_eq!(rfc().step_of(typed, now, -1), None, "{typed}");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (text, encoded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(secret(text).base32(), encoded);
        }
        assert_eq!(Secret::generate().unwrap().base32().len(), 32);
    }

    #[test]
    fn the_address_names_issuer_and_account() {
        assert_eq!(
            secret("foobar").uri("Example: Ltd & Co", "ä@b.example"),
            "otpauth://totp/Example%20%20Ltd%20%26%20Co:%C3%A4%40b.example?secret=MZXW6YTBOI&issuer=Example%20%20Ltd%20%26%20Co"
        );
    }
}
