package rolecall

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"
)

const (
	maxFeedBytes = 16 * 1024 * 1024
	// maxFeedWait is the longest time for which the issuer may hold a request. A dead connection is noticed one
	// answerTimeout later.
	maxFeedWait    = 10 * time.Second
	firstFeedRetry = 50 * time.Millisecond
	maxFeedRetry   = 2 * time.Second
	// maxRefusedRetry is the longest wait after a refusal, which does not go away until someone changes the client.
	maxRefusedRetry = 15 * time.Second
	// maxFeedPause is the longest pause between requests that are not held, so that revocations are read within a second.
	maxFeedPause = 250 * time.Millisecond
	// late is the time that an answer may be late, beyond the time for which the issuer holds the request.
	late = 2 * time.Second
	// waitWhenOld is the time for which the issuer may hold a request while the state is getting old, since even an answer
	// without news makes it fresh.
	waitWhenOld = time.Second
	// minFeedPause is the pause after an answer, so that an issuer that always answers at once does not keep the guard busy.
	minFeedPause = 10 * time.Millisecond
	// askedPause is the pause between requests while a token asks for the newest revision.
	askedPause    = 100 * time.Millisecond
	pruneInterval = time.Minute
)

var errFeed = errors.New("the issuer's feed cannot be parsed")

// feedAnswer is an answer of GET /api/feed.
type feedAnswer struct {
	cursor, era  string
	age          time.Duration
	floors       []Floor
	revision     *int64
	forgetBefore *string
	keysRevision *int64
	// more is true if there is more to read immediately.
	more bool
}

// feedReader is the position in the feed.
type feedReader struct {
	cursor string
	// pendingEra and pending are an era and the floors of it that were read so far, while a new era is being read.
	isPending    bool
	pendingEra   string
	pending      []Floor
	keysRevision *int64
	prunedAt     time.Duration
}

// followFeed reads the feed until the guard is closed.
func (r *remote) followFeed() {
	retry := backoff{first: firstFeedRetry}
	usualPause := pauseBetween(r.maxStaleness)
	for r.ctx.Err() == nil {
		err := r.readFeed()
		if r.ctx.Err() != nil {
			return
		}
		pause := usualPause
		if err != nil {
			r.recordFeedFailure(err)
			longest := maxFeedRetry
			if isRefusal(err) {
				longest = maxRefusedRetry
			}
			pause = retry.next(longest)
		} else {
			retry.reset()
			if _, isAsked, _ := r.state.newest.questions(); isAsked {
				pause = askedPause
			}
		}
		r.pause(pause)
	}
}

// usualAge returns the greatest age of the state while the issuer answers.
func usualAge(maxStaleness time.Duration) time.Duration {
	return min(waitWithin(maxStaleness)+late, maxStaleness)
}

// waitWithin returns the time for which the issuer is asked to hold a request. Several requests must fit into
// maxStaleness, since the age of an answer counts from when the request was sent.
func waitWithin(maxStaleness time.Duration) time.Duration {
	return min((maxStaleness / 6).Truncate(time.Second), maxFeedWait)
}

// pauseBetween returns the pause between two requests.
func pauseBetween(maxStaleness time.Duration) time.Duration {
	if waitWithin(maxStaleness) > 0 {
		return minFeedPause
	}
	return min(maxStaleness/6, maxFeedPause)
}

// nextWait returns the time for which the issuer is asked to hold the next request.
func (r *remote) nextWait(isAsked bool) time.Duration {
	wait := waitWithin(r.maxStaleness)
	if isAsked {
		return 0
	}
	if r.state.Age() > r.maxStaleness/2 {
		return min(wait, waitWhenOld)
	}
	return wait
}

// readFeed sends one request, with a new token if necessary, and applies the answer.
func (r *remote) readFeed() error {
	token, err := r.client.get(r)
	if err != nil {
		return err
	}
	sentAt := r.clock.Monotonic()
	last, isAsked, _ := r.state.newest.questions()
	wait := r.nextWait(isAsked)
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	interrupted := make(chan struct{})
	if wait > 0 {
		go r.interrupt(ctx, last, func() { close(interrupted); cancel() })
	}
	body, err := r.requestFeed(ctx, token, wait)
	if err == nil {
		return r.applyFeed(body, sentAt)
	}
	select {
	case <-interrupted:
		// a token asks: the next request is not held
		return nil
	default:
	}
	// the token may be the reason, so the next attempt uses a new one
	if isRefusal(err) {
		r.client.forget(token)
	}
	return err
}

// interrupt calls stop when a question is asked after the last one. It ends with ctx.
func (r *remote) interrupt(ctx context.Context, last uint64, stop func()) {
	for {
		asked, _, next := r.state.newest.questions()
		if asked > last {
			stop()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-next:
		}
	}
}

func (r *remote) requestFeed(ctx context.Context, token string, wait time.Duration) ([]byte, error) {
	address := r.issuer.urlOf(fmt.Sprintf("/api/feed?after=%s&wait=%d", url.QueryEscape(r.reader.cursor), wait/time.Second))
	header := http.Header{"Authorization": {"Bearer " + token}}
	answer, err := r.http.send(ctx, http.MethodGet, address, header, nil, maxFeedBytes, wait+answerTimeout)
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK {
		return nil, &statusError{"the request for the feed", answer.status}
	}
	return answer.body, nil
}

func parseFeed(text []byte) (*feedAnswer, error) {
	members, err := parseObject(text, maxAnswerDepth)
	if err != nil {
		return nil, errFeed
	}
	r := claimReader{members: members}
	ageMillis := r.requiredInteger("age_ms")
	r.requiredSigned("policy_revision")
	answer := &feedAnswer{
		cursor:       r.required("cursor"),
		era:          r.required("era"),
		age:          time.Duration(min(ageMillis, math.MaxInt64/1_000_000)) * time.Millisecond,
		revision:     r.nullableInteger("revision"),
		forgetBefore: r.nullable("forget_before"),
		keysRevision: r.nullableInteger("keys_revision"),
		more:         r.boolean("more"),
	}
	items, has := r.take("floors")
	if !has || r.isInvalid {
		return nil, errFeed
	}
	for _, item := range checked[[]any](&r, items) {
		floor, ok := parseFloor(item)
		if !ok {
			return nil, errFeed
		}
		answer.floors = append(answer.floors, floor)
	}
	if r.isInvalid {
		return nil, errFeed
	}
	return answer, nil
}

// parseFloor reads a floor.
//
// INVARIANT: an unknown kind makes the whole answer invalid, so that no revocation is ignored.
func parseFloor(item any) (Floor, bool) {
	members, ok := item.(object)
	r := claimReader{members: members}
	floor := Floor{Kind: FloorKind(r.required("kind")), Key: r.required("key"), Revision: r.requiredSigned("revision")}
	// older issuers send no tenant; a floor for no tenant is one for all tokens
	floor.Tenant = valueOf(r.nullable("tenant"))
	until, err := time.Parse(time.RFC3339Nano, r.required("until"))
	floor.Until = until
	return floor, ok && err == nil && !r.isInvalid && floor.Kind.isKnown()
}

// requiredInteger takes an integer of up to 64 bits without a sign; one beyond 63 bits counts as the largest.
func (r *claimReader) requiredInteger(name string) int64 {
	value, has := r.members[name].(number)
	if has && !value.isInt && value.isWhole && value.float > 0 {
		r.take(name)
		return math.MaxInt64
	}
	if _, has := r.members[name]; !has {
		r.isInvalid = true
	}
	return r.integer(name)
}

// requiredSigned takes an integer of 64 bits with a sign.
func (r *claimReader) requiredSigned(name string) int64 {
	value, has := r.take(name)
	number := checked[number](r, value)
	r.isInvalid = r.isInvalid || !has || !number.isInt
	return number.integer
}

func (r *claimReader) nullableInteger(name string) *int64 {
	if value, has := r.members[name]; !has || value == nil {
		return nil
	}
	integer := r.requiredSigned(name)
	return &integer
}

// applyFeed applies an answer to the state; sentAt is the monotonic time at which the request was sent.
func (r *remote) applyFeed(body []byte, sentAt time.Duration) error {
	answer, err := parseFeed(body)
	if err != nil {
		return err
	}
	reader := &r.reader
	reader.applyFloors(r.state, answer)
	reader.cursor = answer.cursor
	if !sameRevision(reader.keysRevision, answer.keysRevision) {
		reader.keysRevision = answer.keysRevision
		notify(r.keysChanged)
	}
	now := r.clock.Monotonic()
	if !answer.more {
		// INVARIANT: the node may have answered from what it knew when the request was sent, so the state is at least as old
		// as the request
		age := answer.age
		if took := now - sentAt; took > 0 && age < math.MaxInt64-took {
			age += took
		}
		r.state.markFreshWithAge(age)
		if answer.revision != nil {
			// questions are numbered by their time; only the earlier ones are answered
			readAt := max(0, sentAt-answer.age)
			r.state.newest.answer(uint64(readAt.Microseconds()), *answer.revision)
		}
	}
	if now-reader.prunedAt >= pruneInterval {
		reader.prunedAt = now
		r.state.prune(forgetBefore(answer.forgetBefore, nowOf(r.clock)))
	}
	r.recordAnswer(reader.cursor)
	return nil
}

// applyFloors adds the floors of the answer. The era is replaced only once all of its floors are known.
func (f *feedReader) applyFloors(state *State, answer *feedAnswer) {
	if answer.era == state.Era() {
		f.isPending, f.pending = false, nil
		state.Raise(answer.floors...)
		return
	}
	var all []Floor
	if f.isPending && f.pendingEra == answer.era {
		all = f.pending
	}
	all = append(all, answer.floors...)
	if answer.more {
		f.isPending, f.pendingEra, f.pending = true, answer.era, all
		return
	}
	f.isPending, f.pending = false, nil
	state.Replace(answer.era, all...)
}

func sameRevision(one, other *int64) bool {
	if one == nil || other == nil {
		return one == other
	}
	return *one == *other
}

// forgetBefore returns the time before which floors must have ended to be forgotten: the issuer's, since this clock may be
// wrong. Without it, floors stay for as long as a token may live.
func forgetBefore(issuers *string, now micros) micros {
	if issuers == nil {
		return now - micros(maxLifetime.Microseconds())
	}
	if at, err := time.Parse(time.RFC3339Nano, *issuers); err == nil {
		return micros(at.UnixMicro())
	}
	return 0
}
