package rolecall_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rolecall"
	"rolecall/rolecalltest"
)

// server is an issuer on a local socket whose answers a test can choose.
type server struct {
	t      *testing.T
	http   *httptest.Server
	issuer *rolecalltest.Issuer

	mutex       sync.Mutex
	answer      func(path string) string
	keyRequests atomic.Int64
	feeds       atomic.Int64
	tokens      atomic.Int64
}

const (
	metadataPath = "/.well-known/oauth-authorization-server"
	oidcPath     = "/.well-known/openid-configuration"
)

// missing makes a server answer 404, and status another status.
const missing = "status 404"

func newServer(t *testing.T) *server {
	s := &server{t: t, issuer: rolecalltest.NewIssuer(t)}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.http.Close)
	s.on(s.correct)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/jwks":
		s.keyRequests.Add(1)
	case "/api/feed":
		s.feeds.Add(1)
	case "/token":
		s.tokens.Add(1)
	}
	s.mutex.Lock()
	answer := s.answer
	s.mutex.Unlock()
	text := answer(r.URL.Path)
	var status int
	if _, err := fmt.Sscanf(text, "status %d", &status); err == nil {
		if status >= 300 && status < 400 {
			w.Header().Set("Location", s.http.URL+"/elsewhere")
		}
		w.WriteHeader(status)
		return
	}
	_, _ = io.WriteString(w, text)
}

func (s *server) on(answer func(path string) string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.answer = answer
}

// correct answers like a correct issuer without a feed.
func (s *server) correct(path string) string {
	switch path {
	case metadataPath:
		return s.metadata()
	case "/jwks":
		return string(s.issuer.JWKS())
	case "/token":
		return `{"access_token":"t","expires_in":600}`
	case "/api/feed":
		return feed(nil)
	}
	return missing
}

func (s *server) metadata() string {
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"token_endpoint":%q}`, s.http.URL, s.http.URL+"/jwks", s.http.URL+"/token")
}

// feed returns an answer of the feed in the era of the test tokens, with some members changed.
func feed(changed map[string]any) string {
	answer := map[string]any{"cursor": "c", "era": "test", "age_ms": 0, "floors": []any{}, "policy_revision": 1}
	maps.Copy(answer, changed)
	text, _ := json.Marshal(answer)
	return string(text)
}

func (s *server) guard(options ...rolecall.Option) *rolecall.Guard {
	s.t.Helper()
	all := []rolecall.Option{
		rolecall.Audience("https://items.example"), rolecall.WithClock(s.issuer.Clock()), rolecall.Logger(slog.New(slog.DiscardHandler)),
	}
	guard, err := rolecall.New(s.http.URL, append(all, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(guard.Close)
	return guard
}

func (s *server) following() *rolecall.Guard {
	return s.guard(rolecall.Client("items", "secret"))
}

func (s *server) token() *rolecalltest.Token { return s.tokenOf(s.issuer) }

func (s *server) tokenOf(issuer *rolecalltest.Issuer) *rolecalltest.Token {
	return issuer.Token("alice").Claim("iss", s.http.URL).Claim("aud", "https://items.example")
}

// eventually waits until isDone returns true, and fails after 20 seconds.
func (s *server) eventually(what string, isDone func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !isDone(); {
		if time.Now().After(deadline) {
			s.t.Fatalf("took too long: %s", what)
		}
		runtime.Gosched()
	}
}

func TestKeysAreLoadedInTheBackground(t *testing.T) {
	s := newServer(t)
	guard := s.guard()
	s.eventually("the keys are loaded", func() bool { return guard.Status().Keys == 1 })
	if got := verify(t, guard, s.token().Sign()); got != "" {
		t.Errorf("%q", got)
	}
	if status := guard.Status(); status.KeyLoads != 1 || status.IsKnown || status.LastFailure != "" {
		t.Errorf("%+v", status)
	}
}

func TestWithoutKeysTheGuardAnswers503AndRecovers(t *testing.T) {
	s := newServer(t)
	s.on(func(string) string { return "status 503" })
	guard := s.guard()
	mux := rolecall.NewMux(guard)
	mux.Handle("GET /me", rolecall.Authenticated(), func(http.ResponseWriter, *http.Request, *rolecall.Principal) {})
	answer := send(mux, s.token().Authorize(get("/me")))
	if answer.Code != 503 || answer.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
	if answer = send(mux, get("/me")); answer.Code != 401 {
		t.Errorf("a request without a token: %d", answer.Code)
	}
	s.on(s.correct)
	s.eventually("the keys are loaded", func() bool { return verify(t, guard, s.token().Sign()) == "" })
}

func TestOpenIDDiscoveryIsTheSecondChoice(t *testing.T) {
	s := newServer(t)
	s.on(func(path string) string {
		switch path {
		case metadataPath:
			return missing
		case oidcPath:
			return s.metadata()
		}
		return s.correct(path)
	})
	guard := s.guard()
	s.eventually("the keys are loaded", func() bool { return guard.Status().Keys == 1 })
}

func TestMaliciousMetadataAndKeysAreRefused(t *testing.T) {
	s := newServer(t)
	jwks := string(s.issuer.JWKS())
	for name, row := range map[string]struct{ path, text, want string }{
		"another issuer":    {metadataPath, `{"issuer":"https://other.example","jwks_uri":"` + s.http.URL + `/jwks"}`, "names another issuer"},
		"no keys":           {metadataPath, `{"issuer":"` + s.http.URL + `"}`, "cannot be parsed"},
		"another case":      {metadataPath, `{"issuer":"` + s.http.URL + `","JWKS_URI":"` + s.http.URL + `/jwks"}`, "cannot be parsed"},
		"plain http":        {metadataPath, `{"issuer":"` + s.http.URL + `","jwks_uri":"http://other.example/jwks"}`, "plain http is not allowed"},
		"another scheme":    {metadataPath, `{"issuer":"` + s.http.URL + `","jwks_uri":"file:///etc/passwd"}`, "plain http is not allowed"},
		"a redirect":        {metadataPath, "status 302", "302"},
		"a redirected set":  {"/jwks", "status 307", "307"},
		"not JSON":          {"/jwks", "<html>", "was refused"},
		"a private key":     {"/jwks", strings.Replace(jwks, `"kty"`, `"d":"AA","kty"`, 1), "private key"},
		"a shared secret":   {"/jwks", `{"keys":[{"kty":"oct","alg":"HS256","k":"` + strings.Repeat("A", 43) + `"}]}`, "shared secret"},
		"an empty set":      {"/jwks", `{"keys":[]}`, "no key that verifies"},
		"only other keys":   {"/jwks", strings.Replace(jwks, `"use":"sig"`, `"use":"enc"`, 1), "no key that verifies"},
		"invalid UTF-8":     {"/jwks", "{\"keys\":[],\"\xff\":1}", "cannot be parsed"},
		"a long set":        {"/jwks", jwks + strings.Repeat(" ", 256*1024), "too long"},
		"long metadata":     {metadataPath, s.metadata() + strings.Repeat(" ", 64*1024), "too long"},
		"an unusable token": {metadataPath, strings.Replace(s.metadata(), s.http.URL+"/token", "http://other.example/token", 1), "plain http"},
	} {
		s.on(func(path string) string {
			if path == row.path {
				return row.text
			}
			return s.correct(path)
		})
		guard := s.guard()
		s.eventually(name, func() bool { return strings.Contains(guard.Status().LastFailure, row.want) })
		if got := verify(t, guard, s.token().Sign()); got != "unavailable" {
			t.Errorf("%s: %q", name, got)
		}
		guard.Close()
	}
}

func TestAFailedRefreshKeepsTheKeys(t *testing.T) {
	s := newServer(t)
	guard := s.guard()
	s.eventually("the keys are loaded", func() bool { return guard.Status().Keys == 1 })
	s.on(func(string) string { return "status 500" })
	s.issuer.Clock().Advance(10 * time.Second)
	stranger := s.tokenOf(rolecalltest.NewIssuer(t)).SignWithHeader(map[string]any{"kid": "unknown"})
	if got := verify(t, guard, stranger); got != "unavailable" {
		t.Errorf("%q", got)
	}
	s.eventually("the refresh fails", func() bool { return guard.Status().Failures > 0 })
	if got := verify(t, guard, s.token().Sign()); got != "" || guard.Status().Keys != 1 {
		t.Errorf("%q", got)
	}
}

// Tokens with keys that nobody knows load the keys at most every ten seconds, and never make known keys wait.
func TestUnknownKeysCannotUseUpTheIssuer(t *testing.T) {
	s := newServer(t)
	guard := s.guard()
	s.eventually("the keys are loaded", func() bool { return guard.Status().Keys == 1 })
	stranger := func(i int) string {
		return s.tokenOf(rolecalltest.NewIssuer(t)).SignWithHeader(map[string]any{"kid": fmt.Sprint("unknown", i)})
	}
	for i := range 50 {
		if got := verify(t, guard, stranger(i)); got != "invalid_token" {
			t.Fatalf("%q", got)
		}
	}
	if loads := s.keyRequests.Load(); loads != 1 {
		t.Errorf("%d loads", loads)
	}
	s.issuer.Clock().Advance(10 * time.Second)
	if got := verify(t, guard, stranger(0)); got != "unavailable" {
		t.Errorf("%q", got)
	}
	s.eventually("the keys are loaded again", func() bool { return verify(t, guard, stranger(1)) == "invalid_token" })
	if loads := s.keyRequests.Load(); loads != 2 {
		t.Errorf("%d loads", loads)
	}
}

func TestTheFeedEndsTokens(t *testing.T) {
	s := newServer(t)
	floor := func(kind, key, tenant string) map[string]any {
		return map[string]any{"kind": kind, "key": key, "tenant": tenant, "revision": 9, "until": "2999-01-01T00:00:00Z"}
	}
	s.on(func(path string) string {
		if path == "/api/feed" {
			return feed(map[string]any{"floors": []any{floor("subject", "alice", "acme"), floor("subject", "bob", ""), floor("role", "editor", "")}})
		}
		return s.correct(path)
	})
	guard := s.following()
	s.eventually("the guard knows the floors", func() bool { return guard.Status().Keys > 0 && guard.Status().Floors == 3 })
	for _, row := range []struct {
		token *rolecalltest.Token
		want  string
	}{
		{s.token(), ""}, {s.token().Tenant("initech"), ""}, {s.token().Tenant("acme"), "ended_token"}, {s.token().Claim("sub", "bob"), "ended_token"},
		{s.token().Claim("sub", "bob").Revision(9), ""}, {s.token().Role("editor"), "ended_token"}, {s.token().Role("admin"), ""},
	} {
		if got := verify(t, guard, row.token.Sign()); got != row.want {
			t.Errorf("%q is not %q", got, row.want)
		}
	}
}

func TestAMaliciousFeedNeverMakesTheGuardAcceptAToken(t *testing.T) {
	s := newServer(t)
	floor := func(changed map[string]any) string {
		one := map[string]any{"kind": "role", "key": "t", "revision": 1, "until": "2030-01-01T00:00:00Z"}
		maps.Copy(one, changed)
		return feed(map[string]any{"floors": []any{one}})
	}
	for i, text := range []string{
		"{}", "[]", floor(map[string]any{"kind": "tenant"}), floor(map[string]any{"kind": "Role"}), floor(map[string]any{"until": "soon"}),
		floor(map[string]any{"tenant": 1}), floor(map[string]any{"revision": "1"}), floor(map[string]any{"key": nil}), feed(map[string]any{"floors": nil}),
		feed(map[string]any{"floors": []any{1}}), feed(map[string]any{"age_ms": -1}), feed(map[string]any{"age_ms": 1.5}), feed(map[string]any{"age_ms": 31_000}),
		feed(map[string]any{"age_ms": uint64(1<<64 - 1)}), feed(map[string]any{"more": true}), feed(map[string]any{"more": nil}), feed(map[string]any{"era": nil}),
		feed(map[string]any{"policy_revision": nil}), feed(map[string]any{"revision": "x"}), strings.Replace(feed(nil), `"era"`, `"Era"`, 1),
		strings.Replace(feed(nil), `{`, `{"era":"test",`, 1), "status 302", "status 401", strings.Repeat(" ", 17*1024*1024),
	} {
		s.feeds.Store(0)
		s.on(func(path string) string {
			if path == "/api/feed" {
				return text
			}
			return s.correct(path)
		})
		guard := s.following()
		s.eventually(fmt.Sprintf("%d: %.120s", i, text), func() bool { return s.feeds.Load() > 1 && guard.Status().Keys > 0 })
		if got := verify(t, guard, s.token().Sign()); got != "unavailable" {
			t.Errorf("%.120s: %q", text, got)
		}
		guard.Close()
	}
}

func TestPagesOfDifferentErasAreNotMixed(t *testing.T) {
	s := newServer(t)
	var page atomic.Int64
	s.on(func(path string) string {
		if path != "/api/feed" {
			return s.correct(path)
		}
		n := page.Add(1) - 1
		changed := map[string]any{"more": n < 3, "floors": []any{map[string]any{
			"kind": "jti", "key": fmt.Sprint(min(n, 4)), "revision": 1, "until": "2999-01-01T00:00:00Z",
		}}}
		if n < 2 {
			changed["era"] = "another"
		}
		return feed(changed)
	})
	guard := s.following()
	s.eventually("it is whole", func() bool { return verify(t, guard, s.token().Sign()) == "" })
	s.eventually("more is heard", func() bool { return page.Load() > 5 })
	s.eventually("pages 2 and 3, and the one after", func() bool { return guard.Status().Floors == 3 })
	if tokens := s.tokens.Load(); tokens != 1 {
		t.Errorf("%d tokens for the same requests", tokens)
	}
}

func TestTheGuardAsksTheIssuerAboutATokenFromALostRevision(t *testing.T) {
	s := newServer(t)
	s.on(func(path string) string {
		if path == "/api/feed" {
			return feed(map[string]any{"revision": 4})
		}
		return s.correct(path)
	})
	guard := s.following()
	s.eventually("the guard is ready", func() bool { return verify(t, guard, s.token().Sign()) == "" })
	known, lost := s.token().Revision(4).Sign(), s.token().Revision(16).Sign()
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		// the answers must be younger than the question
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				s.issuer.Clock().Advance(time.Microsecond)
			}
		}
	})
	s.eventually("the guard refuses", func() bool { return verify(t, guard, lost) == "ended_token" })
	close(stop)
	moving.Wait()
	if got := verify(t, guard, known); got != "" {
		t.Errorf("%q", got)
	}
}

func TestAKeyRetiredRightAfterARotationIsRefusedWithinASecond(t *testing.T) {
	s := newServer(t)
	other := rolecalltest.NewIssuer(t)
	var revision atomic.Int64
	var keys atomic.Value
	revision.Store(1)
	// both have the same key id, so that only one of them can be in the set
	keys.Store(string(s.issuer.JWKS()))
	s.on(func(path string) string {
		switch path {
		case "/jwks":
			return keys.Load().(string)
		case "/api/feed":
			return feed(map[string]any{"keys_revision": revision.Load()})
		}
		return s.correct(path)
	})
	guard := s.following()
	token := s.token().Sign()
	s.eventually("the guard knows the first key", func() bool { return verify(t, guard, token) == "" })
	loads := s.keyRequests.Load()
	revision.Store(2)
	s.eventually("keys are loaded", func() bool { return s.keyRequests.Load() > loads })
	retiredAt := time.Now()
	keys.Store(string(other.JWKS()))
	s.eventually("the retired key is refused", func() bool { return verify(t, guard, token) == "invalid_token" })
	if took := time.Since(retiredAt); took > time.Second {
		t.Errorf("took %v", took)
	}
	if got := verify(t, guard, s.tokenOf(other).Sign()); got != "" {
		t.Errorf("%q", got)
	}
}

func TestTheClientAuthenticatesAndGetsANewTokenAfterARefusal(t *testing.T) {
	s := newServer(t)
	var refuse atomic.Bool
	refuse.Store(true)
	seen := make(chan *http.Request, 64)
	inner := s.http.Config.Handler
	s.http.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" || r.URL.Path == "/api/feed" {
			_ = r.ParseForm()
			select {
			case seen <- r:
			default:
			}
		}
		inner.ServeHTTP(w, r)
	})
	s.on(func(path string) string {
		if path == "/api/feed" && refuse.Swap(false) {
			return "status 401"
		}
		return s.correct(path)
	})
	guard := s.guard(rolecall.Client("items:1", "a b+c"))
	s.eventually("the guard is ready", func() bool { return verify(t, guard, s.token().Sign()) == "" })
	first := <-seen
	id, secret, _ := first.BasicAuth()
	if id != "items%3A1" || secret != "a+b%2Bc" || first.Form.Get("grant_type") != "client_credentials" || first.Form.Get("audience") != s.http.URL {
		t.Errorf("%s %s %v", id, secret, first.Form)
	}
	if feed := <-seen; feed.Header.Get("Authorization") != "Bearer t" || feed.URL.RawQuery != "after=&wait=1" {
		t.Errorf("%s %v", feed.URL, feed.Header)
	}
	if tokens := s.tokens.Load(); tokens != 2 {
		t.Errorf("%d tokens", tokens)
	}
}

// Losing the feed makes the guard refuse after max_staleness, and it recovers by itself.
func TestALostFeedBecomesStaleAndRecovers(t *testing.T) {
	s := newServer(t)
	guard := s.following()
	token := s.token().Sign()
	s.eventually("the guard is ready", func() bool { return verify(t, guard, token) == "" })
	s.on(func(string) string { return "status 503" })
	s.eventually("the feed fails", func() bool { return !guard.Status().IsConnected })
	s.issuer.Clock().Advance(29 * time.Second)
	if got := verify(t, guard, token); got != "" {
		t.Errorf("%q", got)
	}
	s.issuer.Clock().Advance(2 * time.Second)
	if got := verify(t, guard, token); got != "unavailable" {
		t.Errorf("%q", got)
	}
	s.on(s.correct)
	s.eventually("the guard recovers", func() bool { return verify(t, guard, token) == "" })
}

// Close waits for the goroutines, so that this test does not end if one of them does not.
func TestACloseEndsTheRequests(t *testing.T) {
	s := newServer(t)
	guard := s.following()
	s.eventually("it reads", func() bool { return s.feeds.Load() > 2 })
	guard.Close()
	before := s.feeds.Load()
	guard.Close()
	if got := verify(t, guard, s.token().Sign()); got != "" || s.feeds.Load() != before {
		t.Errorf("%q", got)
	}
}
