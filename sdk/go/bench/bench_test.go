// Package bench compares the CPU of checking a token with golang-jwt, in turns in one run:
//
//	go test -v -count=1 -args -rounds=9
//
// golang-jwt verifies the token at each request, as the applications do that use it. The guard verifies a token once, and then
// looks up what may have changed.
package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"rolecall"
	"rolecall/rolecalltest"
)

var (
	rounds = flag.Int("rounds", 3, "how often each row is measured")
	count  = flag.Int("count", 200, "the checks of golang-jwt in a round")
)

type claims struct {
	jwt.RegisteredClaims
	Username string   `json:"username"`
	Roles    []string `json:"roles"`
	Scope    string   `json:"scope"`
}

func withGolangJWT(t *testing.T, issuer *rolecalltest.Issuer, token string) func() error {
	key := publicKey(t, issuer.JWKS())
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithExpirationRequired(), jwt.WithIssuer(rolecalltest.URL),
		jwt.WithAudience(rolecalltest.URL), jwt.WithTimeFunc(issuer.Clock().Now),
	}
	return func() error {
		found := &claims{}
		parsed, err := jwt.ParseWithClaims(token, found, func(*jwt.Token) (any, error) { return key, nil }, options...)
		if err != nil {
			return err
		}
		if parsed.Header["typ"] != "at+jwt" || !slices.Contains(found.Roles, "admin") {
			return errors.New("refused")
		}
		return nil
	}
}

func publicKey(t *testing.T, jwks []byte) *ecdsa.PublicKey {
	var set struct {
		Keys []struct{ X, Y string }
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	point := []byte{4}
	for _, coordinate := range []string{set.Keys[0].X, set.Keys[0].Y} {
		bytes, err := base64.RawURLEncoding.DecodeString(coordinate)
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, bytes...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func withGuard(guard *rolecall.Guard, token string) func() error {
	admin := rolecall.Role("admin")
	return func() error {
		caller, err := guard.Verify(context.Background(), token)
		if err != nil {
			return err
		}
		return caller.Require(admin)
	}
}

// cpu returns the time of the processor that a check takes.
func cpu(t *testing.T, checks []func() error, count int) time.Duration {
	before := used(t)
	for range count {
		for _, check := range checks {
			if err := check(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return (used(t) - before) / time.Duration(count*len(checks))
}

func used(t *testing.T) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(values []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func TestAKnownTokenCostsLessThanTheUsualLibrary(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	token := issuer.Token("alice").Role("admin").Permission("items:read").Sign()
	guard := issuer.Guard()
	usual, known := withGolangJWT(t, issuer, token), withGuard(guard, token)
	first := func() []func() error {
		checks := make([]func() error, *count/10)
		for index := range checks {
			checks[index] = withGuard(guard, issuer.Token(fmt.Sprint("user", index)).Role("admin").Sign())
		}
		return checks
	}
	rows := []struct {
		name    string
		measure func() time.Duration
	}{
		{"golang-jwt", func() time.Duration { return cpu(t, []func() error{usual}, *count) }},
		{"rolecall, a token for the first time", func() time.Duration { return cpu(t, first(), 1) }},
		{"rolecall, a token again", func() time.Duration { return cpu(t, []func() error{known}, 20**count) }},
	}
	samples := make([][]time.Duration, len(rows))
	for range *rounds {
		for index, row := range rows {
			samples[index] = append(samples[index], row.measure())
		}
	}
	base := median(samples[0])
	for index, row := range rows {
		found := median(samples[index])
		ratio := float64(found) / float64(base)
		t.Logf("%s: %.2f us, %.4f of golang-jwt", row.name, float64(found.Nanoseconds())/1e3, ratio)
		if index == 2 && ratio > 0.5 {
			t.Error("a known token costs more than half of a verification")
		}
	}
}
