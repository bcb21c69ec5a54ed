//! A limit on how much strangers may store, counted in bytes.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Room for what strangers store and a clean-up deletes after a while.
///
/// What was stored counts less and less, and no more once it is deleted. So there is never more than twice the room,
/// whatever is stored and when.
#[derive(Debug)]
pub(crate) struct Room {
    /// The bytes that may be stored at once.
    bytes: u32,
    /// The time after which what was stored is deleted.
    kept: Duration,
    /// The monotonic time at which all room is free again.
    free_at: Mutex<Duration>,
}

impl Room {
    pub(crate) const fn new(bytes: u32, kept: Duration) -> Self {
        Self {
            bytes,
            kept,
            free_at: Mutex::new(Duration::ZERO),
        }
    }

    /// Takes room for so many bytes, or returns how long to wait for it.
    pub(crate) fn take(&self, bytes: usize, now: Duration) -> Option<Duration> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let part = f64::from(bytes) / f64::from(self.bytes.max(1));
        let share = self.kept.mul_f64(part.min(1.0));
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let after = (*free_at).max(now).saturating_add(share);
        let excess = after.saturating_sub(now.saturating_add(self.kept));
        if !excess.is_zero() {
            return Some(excess);
        }
        *free_at = after;
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn y260_room_is_used_up_and_becomes_free_with_time() {
        let room = Room::new(1000, Duration::from_secs(1000));
        let at = Duration::from_secs;
        for _ in 0..10 {
            assert_eq!(room.take(100, at(5)), None);
        }
        assert_eq!(room.take(100, at(5)), Some(at(100)));
        assert_eq!(room.take(1, at(5)), Some(at(1)));
        assert_eq!(room.take(100, at(105)), None);
        assert!(room.take(1, at(105)).is_some());
        // what is larger than the room has to wait until it is empty
        assert_eq!(room.take(5000, at(9999)), None);
        assert_eq!(room.take(5000, at(9999)), Some(at(1000)));
    }

    proptest! {
        #[test]
        fn y260_never_more_than_twice_the_room_is_stored(
            steps in prop::collection::vec((0_u64..400, 1_usize..300), 1..200)
        ) {
            let kept = Duration::from_secs(1000);
            let room = Room::new(1000, kept);
            let (mut now, mut stored) = (Duration::ZERO, Vec::new());
            for (pause, bytes) in steps {
                now += Duration::from_secs(pause);
                stored.retain(|(at, _)| *at + kept > now);
                if room.take(bytes, now).is_none() {
                    stored.push((now, bytes));
                }
                let all: usize = stored.iter().map(|(_, bytes)| bytes).sum();
                prop_assert!(all <= 2000, "{all}");
            }
        }
    }
}
