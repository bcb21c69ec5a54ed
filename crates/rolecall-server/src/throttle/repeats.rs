//! Wrong passwords that are sent again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use rolecall_core::Timestamp;

/// The time in which the same wrong password of the same account counts once. Some clients send it again while they find out
/// how to authenticate, and a person who presses the button twice has not guessed twice.
const WINDOW: Duration = Duration::from_mins(1);

/// Passwords in each of the two generations.
const GENERATION: usize = 20_000;

const TAG: usize = 16;

/// Recognizes wrong passwords that were counted a moment ago. It keeps tags under a key that only this process has and
/// that is never stored, so that nothing can be guessed from them later. Memory is bounded: in a flood, the oldest are
/// forgotten and count again.
pub(crate) struct Repeats {
    key: hmac::Key,
    state: Mutex<Generations>,
    capacity: usize,
}

#[derive(Default)]
struct Generations {
    young: HashMap<[u8; TAG], Timestamp>,
    old: HashMap<[u8; TAG], Timestamp>,
}

impl Repeats {
    /// Remembers nothing yet, under a new key.
    pub(crate) fn new() -> Result<Self, aws_lc_rs::error::Unspecified> {
        Self::with_capacity(GENERATION)
    }

    fn with_capacity(capacity: usize) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret)?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            state: Mutex::default(),
            capacity,
        })
    }

    /// Returns `true` if this wrong password of `slot` was counted less than a minute ago. Otherwise it counts now.
    pub(crate) fn is_repeat(&self, slot: &str, password: &str, now: Timestamp) -> bool {
        let length = (slot.len() as u64).to_be_bytes();
        let message = [&length[..], slot.as_bytes(), password.as_bytes()].concat();
        let message = zeroize::Zeroizing::new(message);
        let tag = hmac::sign(&self.key, &message);
        let Some(tag) = tag.as_ref().first_chunk::<TAG>() else {
            return false;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = state.young.get(tag).or_else(|| state.old.get(tag));
        if counted.is_some_and(|counted| now.since(*counted) < WINDOW) {
            return true;
        }
        if state.young.len() >= self.capacity {
            state.old = std::mem::take(&mut state.young);
        }
        state.young.insert(*tag, now);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_900_000_000 + seconds)
    }

    #[test]
    fn y060_the_same_wrong_password_of_the_same_account_counts_once_a_minute() {
        let repeats = Repeats::new().unwrap();
        let mut counted = 0;
        for second in 0..180 {
            counted += u32::from(!repeats.is_repeat("alice", "wrong", at(second)));
        }
        assert_eq!(counted, 3);
        assert!(!repeats.is_repeat("alice", "Wrong", at(0)));
        assert!(!repeats.is_repeat("bob", "wrong", at(0)));
        assert!(!repeats.is_repeat("alicew", "rong", at(0)));
    }

    #[test]
    fn y060_a_flood_of_passwords_takes_bounded_memory() {
        let repeats = Repeats::with_capacity(100).unwrap();
        for number in 0..1_000 {
            assert!(!repeats.is_repeat("alice", &number.to_string(), at(0)));
        }
        let state = repeats.state.lock().unwrap();
        assert!(state.young.len() <= 100 && state.old.len() <= 100);
    }
}
