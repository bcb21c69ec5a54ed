package rolecall

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// State is what a guard knows and what changes while it runs: keys, floors, era and how current they are. A guard that
// follows an issuer keeps its own. Tests make one to revoke access without a server: see the package rolecalltest.
type State struct {
	current atomic.Pointer[snapshot]
	writing sync.Mutex
	// changed is closed, and replaced, with each change.
	changed atomic.Pointer[chan struct{}]
	clock   Clock
	// freshAt is the monotonic time at which the state was last current, and freshAtDay the time of day.
	freshAt    atomic.Int64
	freshAtDay atomic.Int64
	usualAge   atomic.Int64
	// isSilent is true after nobody answered in time.
	isSilent atomic.Bool
	newest   newest
}

// snapshot is a consistent view of the state, for one request.
type snapshot struct {
	keys   *KeySet
	era    string
	floors *floors
}

// never is the time at which a state was current that never was.
const never = math.MinInt64 / 2

// NewState returns a state that is current now.
func NewState(keys *KeySet, era string, clock Clock) *State {
	state := newUnknownState(clock)
	state.update(func(s *snapshot) { s.keys, s.era = keys, era })
	state.MarkFresh()
	return state
}

// newUnknownState returns a state without keys that was never current.
func newUnknownState(clock Clock) *State {
	state := &State{clock: clock}
	state.current.Store(&snapshot{keys: &KeySet{}, floors: &floors{}})
	changed := make(chan struct{})
	state.changed.Store(&changed)
	state.freshAt.Store(never)
	state.freshAtDay.Store(never)
	state.usualAge.Store(math.MaxInt64)
	state.newest.init()
	return state
}

func (s *State) update(change func(*snapshot)) {
	s.writing.Lock()
	defer s.writing.Unlock()
	next := *s.current.Load()
	change(&next)
	s.current.Store(&next)
	changed := make(chan struct{})
	close(*s.changed.Swap(&changed))
}

// SetKeys replaces the keys.
func (s *State) SetKeys(keys *KeySet) {
	s.update(func(s *snapshot) { s.keys = keys })
}

// Raise adds floors.
func (s *State) Raise(more ...Floor) {
	if len(more) > 0 {
		s.update(func(s *snapshot) { s.floors = s.floors.with(more) })
	}
}

// Replace begins another era with these floors. Tokens of the era before are refused.
func (s *State) Replace(era string, all ...Floor) {
	s.update(func(s *snapshot) { s.era, s.floors = era, (&floors{}).with(all) })
	s.newest.reset()
}

func (s *State) prune(now micros) {
	s.update(func(s *snapshot) { s.floors = s.floors.prune(now) })
}

// Era returns the era. Tokens of another are refused.
func (s *State) Era() string {
	return s.current.Load().era
}

// MarkFresh notes that the state is current.
func (s *State) MarkFresh() {
	s.markFreshWithAge(0)
}

func (s *State) markFreshWithAge(age time.Duration) {
	freshAt := int64(s.clock.Monotonic()) - int64(age)
	// a delayed answer must not make the state older than an earlier one has shown
	for known := s.freshAt.Load(); known < freshAt; known = s.freshAt.Load() {
		if s.freshAt.CompareAndSwap(known, freshAt) {
			break
		}
	}
	s.freshAtDay.Store(int64(nowOf(s.clock)) - age.Microseconds())
	if !s.isUnusuallyOld() {
		s.isSilent.Store(false)
	}
}

// Age returns the time since the state was last known to be current.
func (s *State) Age() time.Duration {
	return max(0, s.clock.Monotonic()-time.Duration(s.freshAt.Load()))
}

// isKnown returns true if the state was ever current.
func (s *State) isKnown() bool {
	return s.freshAt.Load() != never
}

// setUsualAge sets the age beyond which requests ask for news and wait for it: older than the state becomes while all is
// well. Then the process or its machine stood still and does not know what was revoked meanwhile.
func (s *State) setUsualAge(age time.Duration) {
	s.usualAge.Store(int64(age))
}

func (s *State) isUnusuallyOld() bool {
	byDay := nowOf(s.clock).since(micros(s.freshAtDay.Load()))
	// a clock that is set forward causes one question too many
	return int64(max(s.Age(), byDay)) > s.usualAge.Load()
}

// askIfOld asks for news if the state is older than usual, and returns the number of the question.
func (s *State) askIfOld() (question uint64, asked bool) {
	if !s.isUnusuallyOld() || s.isSilent.Load() {
		return 0, false
	}
	return s.newest.ask(s.clock.Monotonic()), true
}

// hasEnded returns true if the token is of another era or was issued before a floor.
func (s *snapshot) hasEnded(c *claims) bool {
	return s.era != c.era || s.floors.refuses(c)
}
