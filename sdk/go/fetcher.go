package rolecall

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

const connectTimeout = 3 * time.Second

// idleTimeout is shorter than the issuer's own, so that a connection that is being closed is not used.
const idleTimeout = 30 * time.Second

var (
	errAddress  = errors.New("a URL of the issuer is not https, and plain http is not allowed")
	errTooLong  = errors.New("the issuer's answer is too long")
	errTimedOut = errors.New("the issuer did not answer in time")
)

// fetcher is an HTTP client: answers are limited in length and time, and redirects are not followed.
type fetcher struct {
	client *http.Client
}

func newFetcher(transport http.RoundTripper) *fetcher {
	if transport == nil {
		transport = &http.Transport{
			DialContext:        (&net.Dialer{Timeout: connectTimeout}).DialContext,
			IdleConnTimeout:    idleTimeout,
			DisableCompression: true,
		}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fetcher{&http.Client{Transport: transport, CheckRedirect: stay}}
}

// fetched is an answer that was read completely.
type fetched struct {
	status int
	header http.Header
	body   []byte
}

// get sends a GET request; limit and timeout are the same as for send.
func (f *fetcher) get(ctx context.Context, url string, limit int64, timeout time.Duration) (*fetched, error) {
	// a cache must not hide that a key was removed
	header := http.Header{"Cache-Control": {"no-cache"}}
	return f.send(ctx, http.MethodGet, url, header, nil, limit, timeout)
}

// send sends a request and reads the answer of at most limit bytes; both together take at most timeout.
func (f *fetcher) send(
	ctx context.Context, method, url string, header http.Header, body []byte, limit int64, timeout time.Duration,
) (*fetched, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimedOut)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, errAddress
	}
	header.Set("Accept", "application/json")
	request.Header = header
	response, err := f.client.Do(request)
	if err != nil {
		return nil, connectionError(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, connectionError(ctx, err)
	}
	if int64(len(text)) > limit {
		return nil, errTooLong
	}
	return &fetched{response.StatusCode, response.Header, text}, nil
}

func connectionError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTimedOut) {
		return errTimedOut
	}
	return errors.Join(errors.New("the issuer cannot be reached"), err)
}

// backoff doubles the wait with each failure. Each wait is shortened at random by up to a half, so that guards that lost
// the same issuer do not all try again at once.
type backoff struct {
	first    time.Duration
	failures int
}

func (b *backoff) reset() {
	b.failures = 0
}

// next returns the wait after another failure, at most longest.
func (b *backoff) next(longest time.Duration) time.Duration {
	wait := min(b.first<<min(b.failures, 16), longest)
	b.failures++
	return wait - time.Duration(rand.Int64N(int64(wait/2)+1))
}
