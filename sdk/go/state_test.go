package rolecall

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// manualClock is a clock that a test moves.
type manualClock struct {
	mutex     sync.Mutex
	now       time.Time
	monotonic time.Duration
}

func newManualClock() *manualClock {
	return &manualClock{now: time.Unix(1_893_456_000, 0)}
}

func (c *manualClock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *manualClock) Monotonic() time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.monotonic
}

func (c *manualClock) advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now, c.monotonic = c.now.Add(by), c.monotonic+by
}

func TestATokenAboveTheNewestRevisionIsRefusedAfterTheAnswer(t *testing.T) {
	var n newest
	n.init()
	n.note(4)
	var question atomic.Uint64
	standing := func() standing {
		return n.standing(16, &question, func() time.Duration { return 5 * time.Second })
	}
	if standing() != standingAsked {
		t.Fatal("the token did not ask")
	}
	number := question.Load()
	if number != 5_000_001 || standing() != standingAsked || question.Load() != number {
		t.Fatal("it asks once, later than the moment of asking")
	}
	// an answer from before the question
	n.answer(number-1, 4)
	if standing() != standingAsked {
		t.Fatal("the answer is too old")
	}
	n.answer(number, 4)
	if standing() != standingBeyond {
		t.Fatal("the revision is lost")
	}
	// the revision reaches that of the token, which was issued in a lost past all the same
	n.note(20)
	if standing() != standingBeyond {
		t.Fatal("the token stays refused")
	}
}

func TestATokenWhoseRevisionArrivesWithTheAnswerIsKnown(t *testing.T) {
	var n newest
	n.init()
	var question atomic.Uint64
	now := func() time.Duration { return 0 }
	if n.standing(1000, &question, now) != standingKnown {
		t.Fatal("without a revision no token is above it")
	}
	n.note(4)
	if n.standing(5, &question, now) != standingAsked {
		t.Fatal("it does not ask")
	}
	last, isAsked, _ := n.questions()
	if !isAsked {
		t.Fatal("nothing is asked")
	}
	n.answer(last, 5)
	n.note(3)
	if n.standing(5, &question, now) != standingKnown {
		t.Fatal("it is refused")
	}
	n.reset()
	if n.standing(1000, &question, now) != standingKnown {
		t.Fatal("another era begins without a revision")
	}
}

// Floors refuse as a plain list of floors does.
func TestFloorsRefuseLikeAPlainList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	kinds := []FloorKind{FloorSubject, FloorClient, FloorRole, FloorSession, FloorToken}
	for range 300 {
		set, list := &floors{}, []Floor{}
		for range random.IntN(12) {
			floor := Floor{
				Kind: kinds[random.IntN(5)], Key: pick("a", "b", "c"), Tenant: pick("", "", "x", "y"),
				Revision: int64(random.IntN(8)), Until: time.Unix(int64(random.IntN(5)), 0),
			}
			list, set = append(list, floor), set.with([]Floor{floor})
		}
		prunedAt := micros(random.IntN(5)) * 1_000_000
		pruned := set.prune(prunedAt)
		for range 30 {
			tenant, sid := pick("", "x", "y"), pick("a", "b", "c")
			c := &claims{
				sub: pick("a", "b"), clientID: pick("a", "c"), jti: pick("b", "c"), sid: &sid,
				roles: []string{pick("a", "b"), pick("b", "c")}, rev: int64(random.IntN(9)),
			}
			if tenant != "" {
				c.tenant = &tenant
			}
			if want := refusedBy(list, c); set.refuses(c) != want {
				t.Fatalf("%v refuses %+v: %v", list, c, !want)
			}
			if got := pruned.refuses(c); got != refusedAfter(list, c, prunedAt) {
				t.Fatalf("%v pruned at %d refuses %+v: %v", list, prunedAt, c, got)
			}
		}
	}
}

func refusedBy(list []Floor, c *claims) bool {
	return slices.ContainsFunc(list, func(floor Floor) bool { return concerns(floor, c) && c.rev < floor.Revision })
}

func concerns(floor Floor, c *claims) bool {
	if floor.Tenant != "" && floor.Tenant != valueOf(c.tenant) {
		return false
	}
	switch floor.Kind {
	case FloorSubject:
		return floor.Key == c.sub
	case FloorClient:
		return floor.Key == c.clientID
	case FloorSession:
		return floor.Key == *c.sid
	case FloorToken:
		return floor.Key == c.jti
	}
	return floor.Key == c.roles[0] || floor.Key == c.roles[1]
}

// refusedAfter merges the floors of each key first, as the feed asks: the higher revision and the later end hold.
func refusedAfter(list []Floor, c *claims, now micros) bool {
	merged := map[floorKey]Floor{}
	for _, floor := range list {
		key := floorKey{floor.Kind, floor.Key, floor.Tenant}
		if known, has := merged[key]; has {
			floor.Revision = max(floor.Revision, known.Revision)
			if known.Until.After(floor.Until) {
				floor.Until = known.Until
			}
		}
		merged[key] = floor
	}
	for _, floor := range merged {
		if micros(floor.Until.UnixMicro()) > now && concerns(floor, c) && c.rev < floor.Revision {
			return true
		}
	}
	return false
}

func TestTheCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	cache := newCache(320)
	key := func(i int) cacheKey { return cacheKey{byte(i), byte(i >> 8)} }
	kept := &cacheEntry{}
	cache.put(key(3), kept)
	for i := range 10_000 {
		if i%16 == 3 && i != 3 {
			if cache.get(key(3)) != kept {
				t.Fatalf("a token in use was dropped after %d", i)
			}
		}
		if i != 3 {
			cache.put(key(i), &cacheEntry{})
		}
		if cache.len() > 320 {
			t.Fatalf("%d tokens", cache.len())
		}
	}
	if cache.get(key(4)) != nil {
		t.Error("nothing is dropped")
	}
	cache.remove(key(3))
	if cache.get(key(3)) != nil {
		t.Error("it is still there")
	}
	if off := newCache(0); func() bool { off.put(key(1), kept); return off.get(key(1)) != nil }() {
		t.Error("a cache without capacity keeps something")
	}
}

func TestTheAgeOfAStateNeverGrowsByALateAnswer(t *testing.T) {
	clock := newManualClock()
	state := newUnknownState(clock)
	if state.isKnown() || state.Age() < 100*365*24*time.Hour {
		t.Fatalf("a state that was never loaded has an age of %v", state.Age())
	}
	clock.advance(time.Minute)
	for _, row := range []struct{ reported, want time.Duration }{
		{10 * time.Second, 10 * time.Second}, {20 * time.Second, 10 * time.Second}, {1<<63 - 1, 10 * time.Second}, {0, 0},
	} {
		state.markFreshWithAge(row.reported)
		if got := state.Age(); got != row.want {
			t.Errorf("%v: %v", row.reported, got)
		}
	}
}

func ExampleFresh() {
	fmt.Println(Fresh(Role("admin"), 5*time.Minute))
	// Output: role:admin, signed in within 300 s
}
