package rolecall

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// newest is the newest revision that a state knows of, and the questions about tokens that claim a newer one.
//
// Such a token may have been issued a moment ago by another node. It may also be from a revision that the database has
// lost, for instance in a fail-over to a standby that lagged behind: no later revocation would end it. So the guard asks
// for the newest revision, and refuses the token if it is still not known afterwards.
type newest struct {
	revision atomic.Int64

	mutex sync.Mutex
	// asked is the number of the last question, and answered that up to which questions are answered.
	asked    uint64
	answered uint64
	// wake is closed, and replaced, with each question and each answer.
	wake chan struct{}
}

const (
	// unknownRevision is the revision while none is known, below which every token is.
	unknownRevision = math.MaxInt64
	// refusedQuestion marks a token that stays refused, although the revision may reach its own later.
	refusedQuestion = math.MaxUint64
)

// standing is the relation of a token to the newest revision.
type standing int

const (
	// standingKnown means that the token is not above it, or that none is known.
	standingKnown standing = iota
	// standingAsked means that the token is above it, but the state may be older than the token.
	standingAsked
	// standingBeyond means that the token is above it, and the state is newer than the token.
	standingBeyond
)

func (n *newest) init() {
	n.revision.Store(unknownRevision)
	n.wake = make(chan struct{})
}

// reset forgets the revision, because another era has begun.
func (n *newest) reset() {
	n.revision.Store(unknownRevision)
}

func (n *newest) note(revision int64) {
	for {
		known := n.revision.Load()
		if known != unknownRevision && known >= revision || n.revision.CompareAndSwap(known, revision) {
			return
		}
	}
}

// signal wakes whoever waits. The caller holds the mutex.
func (n *newest) signal() {
	close(n.wake)
	n.wake = make(chan struct{})
}

// ask asks for the newest revision, whatever it is, and returns the number of the question.
func (n *newest) ask(now time.Duration) uint64 {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	// later than the time of asking, also for a clock that stands still: an answer from before is none
	n.asked = max(n.asked+1, uint64(max(0, now.Microseconds()))+1)
	n.signal()
	return n.asked
}

// answer answers all questions up to this number with the newest revision, which was read after they were asked.
func (n *newest) answer(question uint64, revision int64) {
	n.note(revision)
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if question > n.answered {
		n.answered = question
		n.signal()
	}
}

// questions returns the number of the last question, true if it is not answered yet, and a channel that is closed with
// the next question or answer.
func (n *newest) questions() (last uint64, isAsked bool, next <-chan struct{}) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.asked, n.asked > n.answered, n.wake
}

func (n *newest) isAnswered(question uint64) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.answered >= question
}

// await returns true when a question is answered, and false if that takes longer than wait or done is closed before.
func (n *newest) await(question uint64, wait time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		n.mutex.Lock()
		isAnswered, next := n.answered >= question, n.wake
		n.mutex.Unlock()
		if isAnswered {
			return true
		}
		select {
		case <-next:
		case <-timer.C:
			return false
		case <-done:
			return true
		}
	}
}

// standing returns the standing of a token, and asks if it is not known. question is the question of this token, 0 before
// it asked; now is the monotonic time.
func (n *newest) standing(rev int64, question *atomic.Uint64, now func() time.Duration) standing {
	number := question.Load()
	if number == refusedQuestion {
		return standingBeyond
	}
	if rev <= n.revision.Load() {
		return standingKnown
	}
	if number == 0 {
		number = n.ask(now())
		question.Store(number)
	}
	if !n.isAnswered(number) {
		return standingAsked
	}
	// between the two look-ups above, the answer may have brought the revision
	if rev <= n.revision.Load() {
		return standingKnown
	}
	question.Store(refusedQuestion)
	return standingBeyond
}
