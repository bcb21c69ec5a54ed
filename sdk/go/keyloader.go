package rolecall

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	minKeysAge = time.Minute
	maxKeysAge = time.Hour
	// defaultKeysAge is the time after which keys are loaded again if the issuer sends no max-age.
	defaultKeysAge = 5 * time.Minute
	firstKeysRetry = 100 * time.Millisecond
	maxKeysRetry   = 5 * time.Second
	// secondLoad is the time after which keys are loaded a second time after the feed reported a change, because the node
	// that answers may learn of it a quarter of a second later.
	secondLoad = 400 * time.Millisecond
)

// followKeys loads the keys until the guard is closed: when they are old, when a token has an unknown key, and when the
// feed reports a change.
func (r *remote) followKeys() {
	retry := backoff{first: firstKeysRetry}
	for {
		wait, err := r.loadKeys()
		if err != nil {
			wait = retry.next(maxKeysRetry)
		} else {
			retry.reset()
		}
		if !r.awaitKeys(wait) {
			return
		}
	}
}

// awaitKeys waits until the keys should be loaded, and returns false when the guard is closed.
func (r *remote) awaitKeys(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-r.unknownKey:
			// one from before the last load would cause another load immediately
			r.mutex.Lock()
			isRequested := r.progress.keysRequested
			r.mutex.Unlock()
			if isRequested {
				return true
			}
		case <-r.keysChanged:
			return r.loadChangedKeys()
		}
	}
}

// loadChangedKeys loads the keys after the feed reported a change, and again for each further change. The caller then
// loads them once more.
func (r *remote) loadChangedKeys() bool {
	for {
		_, _ = r.loadKeys()
		timer := time.NewTimer(secondLoad)
		select {
		case <-r.ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
			return true
		case <-r.keysChanged:
			// immediately, since a compromised key is removed shortly after the rotation
			timer.Stop()
		}
	}
}

// loadKeys loads the keys once and returns the time for which they are fresh. After a failure, the keys stay.
func (r *remote) loadKeys() (freshFor time.Duration, err error) {
	r.beginLoad()
	defer func() { r.endLoad(err) }()
	found, _ := r.knownMetadata()
	if found == nil {
		if found, err = r.issuer.discover(r.ctx, r.http); err != nil {
			return 0, err
		}
		r.setMetadata(found)
	}
	answer, err := r.http.get(r.ctx, found.jwks, maxJWKSBytes, answerTimeout)
	if err != nil {
		return 0, err
	}
	if answer.status != http.StatusOK {
		return 0, &statusError{"the request for the keys", answer.status}
	}
	if err := r.applyKeys(answer.body); err != nil {
		return 0, err
	}
	return maxAgeOf(answer.header), nil
}

// applyKeys replaces the keys by those of an answer. An answer that cannot be used changes nothing.
func (r *remote) applyKeys(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("the issuer's JWK Set cannot be parsed")
	}
	keys, err := parseFetchedJWKS(body)
	if err != nil {
		return fmt.Errorf("the JWK Set was refused: %w", err)
	}
	if keys.Len() == 0 {
		return errors.New("the JWK Set has no key that verifies tokens")
	}
	r.state.SetKeys(keys)
	return nil
}

// maxAgeOf returns the max-age of the answer (RFC 9111 section 5.2.2.1), between a minute and an hour.
func maxAgeOf(header http.Header) time.Duration {
	for _, value := range header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			name, text, _ := strings.Cut(directive, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "max-age") {
				continue
			}
			age, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(text), `"`), 10, 64)
			if err != nil {
				continue
			}
			most := uint64(maxKeysAge / time.Second)
			return max(minKeysAge, time.Duration(min(age, most))*time.Second)
		}
	}
	return defaultKeysAge
}
