// Package rolecalltest tests applications that use rolecall, without a server: an issuer in memory, its clock, and a test of
// the access matrix.
package rolecalltest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"rolecall"
)

// URL is the iss and aud of the tokens of an [Issuer].
const URL = "https://test.invalid"

const (
	era      = "test"
	kid      = "test-key"
	lifetime = 30 * time.Minute
)

// Issuer is an issuer of access tokens in memory, with a random key and its own clock, which begins at 2030-01-01.
type Issuer struct {
	t     testing.TB
	key   *ecdsa.PrivateKey
	clock *Clock
	state *rolecall.State
}

// NewIssuer returns an issuer. t fails if one of its methods does.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &Issuer{t: t, key: key, clock: &Clock{now: time.Unix(1_893_456_000, 0).UTC()}}
	keys, err := rolecall.ParseJWKS(issuer.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	issuer.state = rolecall.NewState(keys, era, issuer.clock)
	return issuer
}

// Guard returns a guard that accepts the tokens of this issuer and uses its clock. It logs nothing without
// [rolecall.Logger].
func (i *Issuer) Guard(options ...rolecall.Option) *rolecall.Guard {
	i.t.Helper()
	all := []rolecall.Option{rolecall.WithClock(i.clock), rolecall.WithState(i.state), rolecall.Logger(slog.New(slog.DiscardHandler))}
	guard, err := rolecall.New(URL, append(all, options...)...)
	if err != nil {
		i.t.Fatal(err)
	}
	return guard
}

// Clock returns the clock of the issuer and its guards.
func (i *Issuer) Clock() *Clock { return i.clock }

// State returns the state of the guards, to revoke access, or to change keys or era.
func (i *Issuer) State() *rolecall.State { return i.state }

// Revoke ends the tokens of a subject, client, role, session or token id whose revision is below 1, which is that of all
// tokens without [Token.Revision].
func (i *Issuer) Revoke(kind rolecall.FloorKind, key string) {
	i.state.Raise(rolecall.Floor{Kind: kind, Key: key, Revision: 1, Until: i.clock.Now().Add(lifetime)})
}

// JWKS returns the public key as a JWK Set.
func (i *Issuer) JWKS() []byte {
	public, err := i.key.PublicKey.Bytes()
	if err != nil {
		i.t.Fatal(err)
	}
	coordinate := func(from int) string { return base64.RawURLEncoding.EncodeToString(public[from : from+32]) }
	return i.json(map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig", "x": coordinate(1), "y": coordinate(33),
	}}})
}

func (i *Issuer) json(value any) []byte {
	i.t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// Clock is a clock that a test moves.
type Clock struct {
	mutex     sync.Mutex
	now       time.Time
	monotonic time.Duration
}

// Now returns the time of day.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Monotonic returns the time by which the clock was advanced.
func (c *Clock) Monotonic() time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.monotonic
}

// Set changes the time of day alone, as somebody who sets the clock of the machine does.
func (c *Clock) Set(now time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = now
}

// Advance lets time pass.
func (c *Clock) Advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now, c.monotonic = c.now.Add(by), c.monotonic+by
}
