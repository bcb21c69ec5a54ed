//! The newest revision that a state knows of, and tokens that claim a newer one.
//!
//! Such a token may have been issued a moment ago by another node. It may also be from a revision that the database
//! has lost, for instance in a fail-over to a standby that lagged behind: no later revocation would end it. So the
//! guard asks for the newest revision, and refuses the token if it is still not known afterwards.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use rolecall_core::Revision;
use tokio::sync::watch;

/// The revision while none is known, below which every token is.
const UNKNOWN: Revision = Revision::MAX;
/// The claim while no token has asked.
const NONE: Revision = Revision::MIN;
/// The question of a token that stays refused, although the revision may reach its own later.
const REFUSED: u64 = u64::MAX;

/// The revisions that are known in one era. A token of an earlier era claims nothing in this one.
pub(super) struct Revisions {
    newest: AtomicI64,
    /// The highest revision of a token that asked.
    claimed: AtomicI64,
}

/// What tokens above the newest revision have asked.
pub(super) struct Questions {
    /// The number of the last question. Later questions have higher numbers.
    asked: watch::Sender<u64>,
    /// The number up to which questions are answered.
    answered: watch::Sender<u64>,
}

/// The relation of a token to the newest revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The token is not above it, or none is known.
    Known,
    /// The token is above it, but the state may be older than the token.
    Asked(u64),
    /// The token is above it, and the state is newer than the token.
    Beyond,
}

impl Revisions {
    pub(super) fn unknown() -> Self {
        Self {
            newest: AtomicI64::new(UNKNOWN),
            claimed: AtomicI64::new(NONE),
        }
    }

    pub(super) fn note(&self, revision: Revision) {
        let raised = |known| match known {
            UNKNOWN => Some(revision),
            known => Some(known.max(revision)),
        };
        // the closure always returns a value, so that this cannot fail
        let _ = self
            .newest
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, raised);
    }

    pub(super) fn claimed(&self) -> Option<Revision> {
        Some(self.claimed.load(Ordering::Acquire)).filter(|claimed| *claimed != NONE)
    }

    fn claim(&self, revision: Revision) {
        self.claimed.fetch_max(revision, Ordering::AcqRel);
    }

    fn newest(&self) -> Revision {
        self.newest.load(Ordering::Acquire)
    }
}

impl Questions {
    pub(super) fn none() -> Self {
        Self {
            asked: watch::Sender::new(0),
            answered: watch::Sender::new(0),
        }
    }

    pub(super) fn last(&self) -> u64 {
        *self.asked.borrow()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.asked.subscribe()
    }

    /// Notes that all questions up to the number `question` are answered.
    pub(super) fn answer(&self, question: u64) {
        self.answered.send_if_modified(|answered| {
            let is_later = question > *answered;
            *answered = question.max(*answered);
            is_later
        });
    }

    #[cfg(feature = "remote")]
    pub(super) fn is_asked(&self) -> bool {
        self.last() > *self.answered.borrow()
    }

    /// Resolves when a question is answered.
    pub(super) async fn answered(&self, question: u64) {
        let mut answered = self.answered.subscribe();
        // fails only if the state is dropped
        let _ = answered.wait_for(|answered| *answered >= question).await;
    }

    /// Returns the standing of a token among the revisions of its era, and asks if it is not known. `question` is the
    /// question of this token, 0 before it asked; `now` is the monotonic time.
    pub(super) fn standing(
        &self,
        revisions: &Revisions,
        rev: Revision,
        question: &AtomicU64,
        now: Duration,
    ) -> Standing {
        let mut number = question.load(Ordering::Acquire);
        if number == REFUSED {
            return Standing::Beyond;
        }
        if rev <= revisions.newest() {
            return Standing::Known;
        }
        if number == 0 {
            revisions.claim(rev);
            number = self.ask_for_news(now);
            question.store(number, Ordering::Release);
        }
        if *self.answered.borrow() < number {
            return Standing::Asked(number);
        }
        // between the two look-ups above, the answer may have brought the revision
        if rev <= revisions.newest() {
            return Standing::Known;
        }
        question.store(REFUSED, Ordering::Release);
        Standing::Beyond
    }

    /// Asks for the newest revision, whatever it is, and returns the number of the question.
    pub(super) fn ask_for_news(&self, now: Duration) -> u64 {
        let mut number = 0;
        self.asked.send_modify(|last| {
            // later than the time of asking, also for a clock that stands still: an answer from before is none
            let after_now = u64::try_from(now.as_micros())
                .unwrap_or(0)
                .saturating_add(1);
            number = last.saturating_add(1).max(after_now);
            *last = number;
        });
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    #[test]
    fn y022_a_token_above_the_newest_revision_is_refused_after_the_answer() {
        let (revisions, questions) = (Revisions::unknown(), Questions::none());
        revisions.note(4);
        let question = AtomicU64::new(0);
        let standing = |question: &AtomicU64| questions.standing(&revisions, 16, question, NOW);
        let Standing::Asked(number) = standing(&question) else {
            panic!("the token did not ask");
        };
        assert_eq!((questions.last(), revisions.claimed()), (number, Some(16)));
        assert_eq!(standing(&question), Standing::Asked(number), "it asks once");
        // an answer from before the question
        questions.answer(number - 1);
        assert_eq!(standing(&question), Standing::Asked(number));
        questions.answer(number);
        assert_eq!(standing(&question), Standing::Beyond);
        // the revision reaches that of the token, which was issued in a lost past all the same
        revisions.note(20);
        assert_eq!(standing(&question), Standing::Beyond);
    }

    #[test]
    fn a_token_whose_revision_arrives_with_the_answer_is_known() {
        let (revisions, questions) = (Revisions::unknown(), Questions::none());
        revisions.note(4);
        let question = AtomicU64::new(0);
        let standing = || questions.standing(&revisions, 5, &question, NOW);
        assert!(matches!(standing(), Standing::Asked(_)));
        revisions.note(5);
        questions.answer(questions.last());
        assert_eq!(standing(), Standing::Known);
        revisions.note(3);
        assert_eq!(standing(), Standing::Known);
    }

    #[test]
    fn without_a_revision_no_token_is_above_it() {
        let (revisions, questions) = (Revisions::unknown(), Questions::none());
        let standing = questions.standing(&revisions, 1_000, &AtomicU64::new(0), NOW);
        assert_eq!((standing, revisions.claimed()), (Standing::Known, None));
    }

    #[test]
    fn a_question_is_later_than_the_moment_of_asking() {
        let (revisions, questions) = (Revisions::unknown(), Questions::none());
        revisions.note(1);
        let now = u64::try_from(NOW.as_micros()).unwrap();
        for expected in [now + 1, now + 2] {
            let standing = questions.standing(&revisions, 9, &AtomicU64::new(0), NOW);
            assert_eq!(standing, Standing::Asked(expected));
        }
    }
}
