//! An authenticator application, written after RFC 4226 and RFC 4648 for itself.

use aws_lc_rs::hmac;
use rolecall::Timestamp;

/// An application with the secret of one account.
pub(crate) struct Phone {
    secret: Vec<u8>,
}

impl Phone {
    /// Takes over a secret in Base32, as somebody types it.
    pub(crate) fn with(base32: &str) -> Self {
        let mut bits = Vec::new();
        for letter in base32.chars().filter(|letter| *letter != ' ') {
            let value = match letter {
                'A'..='Z' => letter as u32 - 'A' as u32,
                '2'..='7' => letter as u32 - '2' as u32 + 26,
                _ => panic!("{base32}"),
            };
            bits.extend((0..5).rev().map(|bit| value >> bit & 1));
        }
        let bytes = bits.chunks_exact(8);
        let byte = |bits: &[u32]| {
            let byte = bits.iter().fold(0, |byte, bit| byte << 1 | bit);
            u8::try_from(byte).unwrap()
        };
        Self {
            secret: bytes.map(byte).collect(),
        }
    }

    /// The code at a time.
    pub(crate) fn code(&self, now: Timestamp) -> String {
        let step = u64::try_from(now.seconds()).unwrap() / 30;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] % 16);
        let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap());
        format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
    }

    /// Another code than any that counts at a time; one for each number.
    pub(crate) fn wrong(&self, now: Timestamp, number: usize) -> String {
        let near = |seconds: i64| self.code(Timestamp::from_seconds(now.seconds() + seconds));
        let right = [-60, -30, 0, 30, 60].map(near);
        let codes = (0..).map(|code| format!("{code:06}"));
        let mut wrong = codes.filter(|code| !right.contains(code));
        wrong.nth(number).unwrap()
    }
}
