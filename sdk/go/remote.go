package rolecall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// loadInterval is the least time between two loads of the keys because of tokens with unknown keys.
const loadInterval = 10 * time.Second

// remote follows an issuer: it loads the keys and reads the feed.
type remote struct {
	issuer       *issuer
	http         *fetcher
	state        *State
	clock        Clock
	log          *slog.Logger
	maxStaleness time.Duration
	client       *clientToken // nil without a feed
	reader       feedReader

	ctx  context.Context
	stop context.CancelFunc
	// running counts the goroutines.
	running sync.WaitGroup
	// unknownKey holds a value when a token has an unknown key, and keysChanged when the feed reports other keys.
	unknownKey  chan struct{}
	keysChanged chan struct{}

	mutex    sync.Mutex
	metadata *metadata
	// known is closed, and replaced, when the metadata is loaded.
	known    chan struct{}
	progress progress
}

// progress is what the status shows, and what decides about loading keys.
type progress struct {
	status        Status
	keysFailure   string
	feedFailure   string
	isLoading     bool
	keysRequested bool
	// triedAt and loadedAt are monotonic times; nil if there was none.
	triedAt, loadedAt *time.Duration
}

// Status is the state of a guard, for a health check or metrics.
type Status struct {
	// Keys, CachedTokens and Floors are numbers of each.
	Keys, CachedTokens, Floors int
	// Age is the age of the state. IsKnown is false if it was never loaded, and without a feed.
	Age     time.Duration
	IsKnown bool
	// IsConnected is true if the last request for the feed was answered.
	IsConnected bool
	// KeyLoads, FeedAnswers and Failures count since the guard was made.
	KeyLoads, FeedAnswers, Failures uint64
	// Cursor is the position in the feed.
	Cursor string
	// LastFailure is the reason for the last failure that is not over. It contains no secret.
	LastFailure string
}

// Status returns the state of the guard.
func (g *Guard) Status() Status {
	var status Status
	if g.remote != nil {
		g.remote.mutex.Lock()
		status = g.remote.progress.status
		status.LastFailure = g.remote.progress.keysFailure
		if status.LastFailure == "" {
			status.LastFailure = g.remote.progress.feedFailure
		}
		g.remote.mutex.Unlock()
	}
	snapshot := g.state.current.Load()
	status.Keys, status.CachedTokens = snapshot.keys.Len(), g.verified.len()
	if g.hasFeed {
		status.Floors, status.IsKnown = snapshot.floors.count, g.state.isKnown()
	}
	if status.IsKnown {
		status.Age = g.state.Age()
	}
	return status
}

func newRemote(name string, s *settings) (*remote, error) {
	issuer, err := newIssuer(name, s.insecureHTTP)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &remote{
		issuer: issuer, http: newFetcher(s.transport), state: s.guard.state, clock: s.guard.clock, log: s.guard.log,
		maxStaleness: s.guard.maxStaleness, ctx: ctx, stop: stop,
		unknownKey: make(chan struct{}, 1), keysChanged: make(chan struct{}, 1), known: make(chan struct{}),
	}
	if s.client != nil {
		r.client = &clientToken{credentials: *s.client}
	}
	return r, nil
}

func (r *remote) start() {
	r.running.Go(r.followKeys)
	if r.client != nil {
		r.running.Go(r.followFeed)
	}
}

// pause waits, at most until the guard is closed.
func (r *remote) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
	case <-timer.C:
	}
}

// requestKeys requests a load of the keys for a token with an unknown key, unless they were loaded recently. It returns
// true if keys are being loaded or will be, so that the caller should try again.
func (r *remote) requestKeys() bool {
	now := r.clock.Monotonic()
	isRecent := func(at *time.Duration) bool { return at != nil && now < *at+loadInterval }
	r.mutex.Lock()
	defer r.mutex.Unlock()
	p := &r.progress
	if p.isLoading {
		return true
	}
	if isRecent(p.loadedAt) {
		return false
	}
	// one notification is enough for all requests until the next attempt
	if !isRecent(p.triedAt) && !p.keysRequested {
		p.keysRequested = true
		notify(r.unknownKey)
	}
	return true
}

// notify puts a value into a channel that keeps one.
func notify(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

func (r *remote) beginLoad() {
	now := r.clock.Monotonic()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.progress.isLoading, r.progress.keysRequested, r.progress.triedAt = true, false, &now
}

// endLoad notes the end of an attempt to load the keys.
func (r *remote) endLoad(err error) {
	now := r.clock.Monotonic()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	p := &r.progress
	p.isLoading = false
	if err == nil {
		isNews := p.loadedAt == nil || p.keysFailure != ""
		p.status.KeyLoads++
		p.loadedAt, p.keysFailure = &now, ""
		if isNews {
			r.log.Info("the issuer's keys are loaded", "issuer", r.issuer.name)
		}
		return
	}
	// the URLs may have changed
	r.metadata = nil
	if r.ctx.Err() == nil {
		p.status.Failures++
		r.logNews(&p.keysFailure, err, "the issuer's keys cannot be loaded")
	}
}

func (r *remote) recordAnswer(cursor string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	p := &r.progress
	p.status.FeedAnswers++
	p.status.Cursor, p.feedFailure = cursor, ""
	if !p.status.IsConnected {
		p.status.IsConnected = true
		r.log.Info("connected to the issuer's feed", "issuer", r.issuer.name)
	}
}

func (r *remote) recordFeedFailure(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	p := &r.progress
	p.status.Failures++
	p.status.IsConnected = false
	r.logNews(&p.feedFailure, err, "the issuer's feed cannot be read")
}

// logNews logs a failure only when its reason changes.
func (r *remote) logNews(last *string, err error, message string) {
	if *last != err.Error() {
		*last = err.Error()
		r.log.Warn(message, "issuer", r.issuer.name, "failure", err.Error())
	}
}

// knownMetadata returns the metadata, or a channel that is closed when it is loaded.
func (r *remote) knownMetadata() (*metadata, <-chan struct{}) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.metadata, r.known
}

func (r *remote) setMetadata(found *metadata) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.metadata = found
	close(r.known)
	r.known = make(chan struct{})
}

// statusError is an answer of the issuer other than 200.
type statusError struct {
	request string
	status  int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the issuer answered %d %s to %s", e.status, http.StatusText(e.status), e.request)
}

// isRefusal returns true if the issuer refused the request, so that trying again soon will not help.
func isRefusal(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.status >= 400 && status.status < 500
}
