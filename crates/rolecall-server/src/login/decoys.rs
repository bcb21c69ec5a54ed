//! Hashes to verify where there is none: so that unknown names take as long as real ones.
//!
//! An imported hash is computed in addition to a current one, so its user answers later than others until the first
//! login. An unknown name that always cost one current hash would answer sooner, which shows that it is unknown. Each
//! unknown name therefore behaves like some user: a sample of the stored hashes is kept, without their outputs, and the
//! name decides which of them it costs.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The interval at which a sample is taken. It reads all users.
const INTERVAL: Duration = Duration::from_hours(1);

/// The sample of this process.
#[derive(Debug, Default)]
pub(crate) struct Decoys(RwLock<Sample>);

#[derive(Clone, Debug, Default)]
struct Sample {
    hashes: Arc<[Option<String>]>,
    taken_at: Option<Duration>,
}

impl Decoys {
    /// Returns the hash that a name without one costs; `None` for a current hash. The same account gets the same one
    /// while the sample lasts.
    pub(crate) fn pick(&self, account: &str) -> Option<String> {
        let hashes = Arc::clone(&self.read().hashes);
        // the account is a keyed hash: nobody can choose its bytes
        let number = account.bytes().fold(0_usize, |number, byte| {
            number.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        let place = number.checked_rem(hashes.len())?;
        hashes.get(place)?.clone()
    }

    /// Returns true if there is no sample yet, or an old one.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let taken_at = self.read().taken_at;
        taken_at.is_none_or(|at| now.saturating_sub(at) >= INTERVAL)
    }

    /// Replaces the sample. A hash is `None` if it costs as much as the hash of nobody.
    pub(crate) fn replace(&self, hashes: impl IntoIterator<Item = Option<String>>, now: Duration) {
        let sample = Sample {
            hashes: hashes.into_iter().collect(),
            taken_at: Some(now),
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sample;
    }

    fn read(&self) -> Sample {
        let sample = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sample.clone()
    }
}
