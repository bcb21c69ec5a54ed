package rolecall

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"time"
)

const (
	// defaultCacheCapacity is the number of verified tokens in the cache.
	defaultCacheCapacity = 10_000
	defaultMaxStaleness  = 30 * time.Second
)

// Option changes a guard that [New] makes.
type Option func(*settings) error

type settings struct {
	guard         *Guard
	sources       int
	client        *credentials
	insecureHTTP  bool
	transport     http.RoundTripper
	cacheCapacity int
}

// Client sets the client id and secret with which the guard reads the issuer's feed of revocations. The client needs the
// role rolecall.resource-server. With the feed, the guard applies revocations within a second; without it, it accepts a
// token until it expires.
func Client(id, secret string) Option {
	return func(s *settings) error {
		if id == "" || secret == "" {
			return errors.New("the client needs an id and a secret: create it with `rolecall client add`")
		}
		s.client = &credentials{id: id, secret: secret}
		return nil
	}
}

// Audience sets the audience that tokens must be for; the issuer by default. Further ones are accepted too, for a gateway
// in front of several applications.
func Audience(audience string, more ...string) Option {
	return func(s *settings) error {
		all := append([]string{audience}, more...)
		for _, one := range all {
			if one == "" {
				return errors.New("an audience is empty")
			}
		}
		s.guard.verifier.audiences = all
		return nil
	}
}

// MaxStaleness sets the age at which the state is too old to decide, 30 seconds by default. Older, the guard answers 503.
func MaxStaleness(age time.Duration) Option {
	return func(s *settings) error {
		if age <= 0 {
			return errors.New("MaxStaleness must be positive")
		}
		s.guard.maxStaleness = age
		return nil
	}
}

// AcceptStale accepts tokens while the state is older than [MaxStaleness], in place of 503: revoked access may then work.
// A state that was never loaded is refused all the same.
func AcceptStale() Option {
	return func(s *settings) error {
		s.guard.acceptsStale = true
		return nil
	}
}

// CacheCapacity sets the number of verified tokens that the guard keeps, 10,000 by default. Zero turns the cache off.
func CacheCapacity(tokens int) Option {
	return func(s *settings) error {
		s.cacheCapacity = tokens
		return nil
	}
}

// Foreign says that the issuer is not rolecall, so that its tokens may lack client_id and jti, which RFC 9068 requires.
func Foreign() Option {
	return func(s *settings) error {
		s.guard.verifier.allowMissingIDs = true
		return nil
	}
}

// InsecureHTTP allows an issuer with a plain http:// URL on another machine. Use it only in a trusted network: whoever can
// intercept the connection can replace the keys and forge tokens.
func InsecureHTTP() Option {
	return func(s *settings) error {
		s.insecureHTTP = true
		return nil
	}
}

// Logger sets the logger, [slog.Default] by default. Refusals are logged at level Info, without tokens.
func Logger(log *slog.Logger) Option {
	return func(s *settings) error {
		s.guard.log = log
		return nil
	}
}

// Transport sets what sends the requests to the issuer, for an own certificate authority or a proxy.
func Transport(transport http.RoundTripper) Option {
	return func(s *settings) error {
		s.transport = transport
		return nil
	}
}

// WithClock sets the source of time; the system's clock by default.
func WithClock(clock Clock) Option {
	return func(s *settings) error {
		s.guard.clock = clock
		return nil
	}
}

// WithKeys sets fixed keys, so that nothing is loaded from the issuer. Revocations are not known then.
func WithKeys(keys *KeySet) Option {
	return func(s *settings) error {
		if keys.Len() == 0 {
			return errors.New("the key set is empty")
		}
		s.sources++
		s.guard.state = newUnknownState(s.guard.clock)
		s.guard.state.SetKeys(keys)
		return nil
	}
}

// WithState uses a state that the application or a test changes, so that nothing is loaded from the issuer.
func WithState(state *State) Option {
	return func(s *settings) error {
		s.sources++
		s.guard.state, s.guard.hasFeed = state, true
		return nil
	}
}

// Probe answers 204 in place of every handler that the guard admits somebody to, so that a test of the access matrix can
// request every route. Never use it outside of tests: no handler runs.
func Probe() Option {
	return func(s *settings) error {
		s.guard.isProbe = true
		return nil
	}
}

// New makes a guard for the tokens of issuer.
//
// Unless it has fixed keys, it loads them from the issuer's URL (RFC 8414) in the background, and with a [Client] it
// follows the feed of revocations. New never waits; until the keys are loaded, the guard answers 503. Stop it with
// [Guard.Close].
func New(issuer string, options ...Option) (*Guard, error) {
	if issuer == "" {
		return nil, errors.New("rolecall: no issuer: name the URL whose tokens the guard accepts")
	}
	g := &Guard{
		verifier:     verifier{issuer: issuer, audiences: []string{issuer}},
		clock:        newSystemClock(),
		log:          slog.Default(),
		maxStaleness: defaultMaxStaleness,
	}
	s := &settings{guard: g, cacheCapacity: defaultCacheCapacity}
	for _, option := range options {
		if err := option(s); err != nil {
			return nil, errors.Join(errors.New("rolecall: the guard cannot be made"), err)
		}
	}
	// a guard with keys of its own would never use the feed
	if s.sources > 1 || s.sources == 1 && s.client != nil {
		return nil, errors.New("rolecall: two sources of keys: take only one of WithKeys, WithState and Client")
	}
	g.verified = newCache(s.cacheCapacity)
	if g.acceptsStale {
		g.log.Warn("the guard accepts tokens while its state is stale (AcceptStale)")
	}
	if s.sources == 1 {
		return g, nil
	}
	g.state = newUnknownState(g.clock)
	g.state.setUsualAge(usualAge(g.maxStaleness))
	g.hasFeed = s.client != nil
	remote, err := newRemote(issuer, s)
	if err != nil {
		return nil, err
	}
	g.remote = remote
	remote.start()
	// for a guard that nobody closes: the remote does not refer to it
	runtime.AddCleanup(g, func(stop context.CancelFunc) { stop() }, remote.stop)
	return g, nil
}
