package rolecall

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// The files in sdk/conformance, which every package of rolecall runs.
const conformance = "../conformance/"

// conformanceNow is the time of all rows: 2030-01-01T00:00:00Z.
const conformanceNow = 1_893_456_000

var quiet = Logger(slog.New(slog.DiscardHandler))

type conformanceGuard struct {
	Issuer    string
	Audiences []string
	JWKS      json.RawMessage
	Secret    *struct{ Algorithm, Base64 string }
	Foreign   bool
}

type conformanceRow struct {
	ID              string
	Guard           string
	Rule            json.RawMessage
	Tenant          *string
	Headers         [][2]string
	Status          int
	WWWAuthenticate *string `json:"www_authenticate"`
	Body            *string
	Principal       any
}

type conformanceFile struct {
	Format int
	Guards map[string]conformanceGuard
	Rules  []struct {
		Rule  json.RawMessage
		Text  string
		Scope *string
		Names []string
	}
	Rows []conformanceRow
}

func readConformance(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(conformance + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func (c conformanceGuard) build(t *testing.T) *Guard {
	t.Helper()
	var keys *KeySet
	var err error
	if c.Secret != nil {
		secret, decodeErr := base64.StdEncoding.DecodeString(c.Secret.Base64)
		key, keyErr := SecretKey(c.Secret.Algorithm, "", secret)
		if err = errors.Join(decodeErr, keyErr); err == nil {
			keys, err = NewKeySet(key)
		}
	} else {
		keys, err = ParseJWKS(c.JWKS)
	}
	if err != nil {
		t.Fatal(err)
	}
	options := []Option{WithKeys(keys), WithClock(newManualClock()), quiet, Audience(c.Audiences[0], c.Audiences[1:]...)}
	if c.Foreign {
		options = append(options, Foreign())
	}
	guard, err := New(c.Issuer, options...)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

// parseRule reads a rule: a string, or an object with one member.
func parseRule(t *testing.T, text json.RawMessage) Rule {
	t.Helper()
	var word string
	if json.Unmarshal(text, &word) == nil {
		return map[string]Rule{"public": Public(), "optional": Optional(), "authenticated": Authenticated()}[word]
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || len(members) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	for kind, value := range members {
		var name string
		_ = json.Unmarshal(value, &name)
		switch kind {
		case "role":
			return Role(name)
		case "permission":
			return Permission(name)
		case "for_tenant":
			return ForTenant(parseRule(t, value))
		case "in_tenant":
			return InTenant(parseRule(t, value))
		case "any", "all":
			var items []json.RawMessage
			if err := json.Unmarshal(value, &items); err != nil {
				t.Fatal(err)
			}
			rules := make([]Rule, len(items))
			for i, item := range items {
				rules[i] = parseRule(t, item)
			}
			return map[string]func(...Rule) Rule{"any": Any, "all": All}[kind](rules...)
		case "fresh":
			var fresh struct {
				Rule    json.RawMessage
				Seconds int64
			}
			if err := json.Unmarshal(value, &fresh); err != nil {
				t.Fatal(err)
			}
			return Fresh(parseRule(t, fresh.Rule), time.Duration(fresh.Seconds)*time.Second)
		}
	}
	t.Fatalf("an unknown rule: %s", text)
	return Rule{}
}

func TestConformanceOfTokensAndRules(t *testing.T) {
	for _, name := range []string{"tokens.json", "rules.json"} {
		var file conformanceFile
		readConformance(t, name, &file)
		if file.Format != 1 || len(file.Rows) < 80 {
			t.Fatalf("%s: format %d, %d rows", name, file.Format, len(file.Rows))
		}
		shared := map[string]*Guard{}
		for name, guard := range file.Guards {
			shared[name] = guard.build(t)
		}
		for range 2 {
			for _, row := range file.Rows {
				row.check(t, shared[row.Guard])
			}
		}
		for _, row := range file.Rows {
			row.check(t, file.Guards[row.Guard].build(t))
		}
		for _, row := range file.Rules {
			rule := parseRule(t, row.Rule)
			err := rule.check()
			if err != nil && strings.Contains(err.Error(), "0 seconds old") {
				err = nil
			}
			if err != nil || rule.String() != row.Text || rule.Scope() != valueOf(row.Scope) ||
				!slices.Equal(rule.Names(), row.Names) {
				t.Errorf("%s: %v %q %q %q", row.Rule, err, rule, rule.Scope(), rule.Names())
			}
		}
		t.Logf("%s: %d rows, %d rules", name, len(file.Rows), len(file.Rules))
	}
}

func (row conformanceRow) check(t *testing.T, guard *Guard) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, field := range row.Headers {
		// each character of a value is one byte
		value := make([]byte, 0, len(field[1]))
		for _, char := range field[1] {
			value = append(value, byte(char))
		}
		name := textproto.CanonicalMIMEHeaderKey(field[0])
		request.Header[name] = append(request.Header[name], string(value))
	}
	if row.Tenant != nil {
		request.SetPathValue(tenantParameter, *row.Tenant)
	}
	rule := Authenticated()
	if row.Rule != nil {
		rule = parseRule(t, row.Rule)
	}
	var caller *Principal
	answer := httptest.NewRecorder()
	// below Guard.Handler, which refuses Fresh with 0 seconds as the types of the crate do
	decide := &gate{guard: guard, rule: rule, handler: func(_ http.ResponseWriter, _ *http.Request, p *Principal) { caller = p }}
	decide.ServeHTTP(answer, request)
	challenge, body := valueOf(row.WWWAuthenticate), valueOf(row.Body)
	if answer.Code != row.Status || answer.Header().Get("WWW-Authenticate") != challenge || answer.Body.String() != body {
		t.Errorf("%s: %d %q %s, want %d %q %s", row.ID, answer.Code, answer.Header().Get("WWW-Authenticate"), answer.Body, row.Status, challenge, body)
		return
	}
	if got := shownPrincipal(t, caller); !reflect.DeepEqual(got, row.Principal) {
		t.Errorf("%s: %v, want %v", row.ID, got, row.Principal)
	}
}

// shownPrincipal returns the caller as the files show it.
func shownPrincipal(t *testing.T, p *Principal) any {
	t.Helper()
	if p == nil {
		return nil
	}
	kind := "user"
	if p.IsClient() {
		kind = "client"
	}
	var authTime *int64
	if at, has := p.AuthTime(); has {
		seconds := at.Unix()
		authTime = &seconds
	}
	var audience any = p.Audience()
	if p.claims.isOneAudience {
		audience = p.Audience()[0]
	}
	text, err := json.Marshal(map[string]any{
		"subject": p.Subject(), "kind": kind, "username": p.Username(), "client_id": p.ClientID(), "token_id": p.TokenID(),
		"roles": p.Roles(), "permissions": p.Permissions(), "global_roles": p.GlobalRoles(), "global_permissions": p.GlobalPermissions(),
		"tenant": p.claims.tenant, "session": p.claims.sid, "narrowed": p.Narrowed(), "rev": p.Revision(), "era": p.Era(),
		"issued_at": p.IssuedAt().Unix(), "expires_at": p.ExpiresAt().Unix(), "auth_time": authTime, "acr": p.Acr().String(),
		"methods": p.Methods(), "audience": audience, "claims": p.Claims(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var shown any
	if err := json.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	return shown
}

func TestConformanceOfAnswers(t *testing.T) {
	var file struct {
		Rows []struct {
			conformanceRow
			Code   string
			Scope  *string
			Acr    *string
			MaxAge *uint64 `json:"max_age"`
		}
	}
	readConformance(t, "answers.json", &file)
	fixed := map[string]*Denial{}
	for _, denial := range []*Denial{NotAuthenticated, InvalidToken, EndedToken, TwoCredentials, Unavailable, Undecided} {
		fixed[denial.code] = denial
	}
	for _, row := range file.Rows {
		denial := fixed[row.Code]
		switch {
		case row.Code == codeForbidden:
			denial = forbidden(valueOf(row.Scope))
		case row.Code == codeStepUp:
			acr, _ := parseAcr(valueOf(row.Acr))
			denial = stepUpTo(row.Acr != nil, acr, row.MaxAge)
		}
		if denial == nil {
			t.Errorf("%s: no such denial: %s", row.ID, row.Code)
			continue
		}
		answer := httptest.NewRecorder()
		Deny(answer, denial)
		if answer.Code != row.Status || answer.Body.String() != valueOf(row.Body) || denial.Code() != row.Code {
			t.Errorf("%s: %d %s", row.ID, answer.Code, answer.Body)
		}
		answer.Header().Del("Content-Length")
		var headers [][2]string
		for name, values := range answer.Header() {
			headers = append(headers, [2]string{strings.ToLower(name), values[0]})
		}
		slices.SortFunc(headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
		if !reflect.DeepEqual(headers, row.Headers) {
			t.Errorf("%s: %v, want %v", row.ID, headers, row.Headers)
		}
	}
	t.Logf("%d rows", len(file.Rows))
}

// conformanceStep is a step of a feed script.
type conformanceStep struct {
	JWKS, Feed      json.RawMessage
	TookMS          int64  `json:"took_ms"`
	AdvanceMS       int64  `json:"advance_ms"`
	SetNow          *int64 `json:"set_now"`
	Usable          *bool
	Check           *struct{ Token string }
	Status          int
	WWWAuthenticate *string `json:"www_authenticate"`
}

func TestConformanceOfTheFeed(t *testing.T) {
	var file struct {
		Guard   conformanceGuard
		Tokens  map[string]string
		Scripts []struct {
			ID    string
			Guard struct {
				MaxStalenessMS int64 `json:"max_staleness_ms"`
			}
			Steps []conformanceStep
		}
	}
	readConformance(t, "feed.json", &file)
	if len(file.Scripts) < 60 {
		t.Fatalf("%d scripts", len(file.Scripts))
	}
	for _, row := range file.Scripts {
		clock := newManualClock()
		guard := scriptedGuard(t, file.Guard, time.Duration(row.Guard.MaxStalenessMS)*time.Millisecond, clock)
		for i, step := range row.Steps {
			if fault := step.run(guard, clock, file.Tokens); fault != "" {
				t.Errorf("%s, step %d: %s", row.ID, i, fault)
				break
			}
		}
	}
	t.Logf("%d scripts", len(file.Scripts))
}

// scriptedGuard returns a guard that follows an issuer and sends nothing.
func scriptedGuard(t *testing.T, c conformanceGuard, maxStaleness time.Duration, clock Clock) *Guard {
	t.Helper()
	guard, err := New(c.Issuer, WithState(newUnknownState(clock)), WithClock(clock), quiet, Audience(c.Audiences[0], c.Audiences[1:]...))
	if err != nil {
		t.Fatal(err)
	}
	if maxStaleness > 0 {
		guard.maxStaleness = maxStaleness
	}
	guard.remote, err = newRemote(c.Issuer, &settings{guard: guard, client: &credentials{"items", "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

// run takes a step, and returns what is wrong.
func (s conformanceStep) run(guard *Guard, clock *manualClock, tokens map[string]string) string {
	remote := guard.remote
	switch {
	case s.JWKS != nil:
		remote.beginLoad()
		body, err := scriptedAnswer(s.JWKS)
		if err == nil {
			err = remote.applyKeys(body)
		}
		remote.endLoad(err)
		return s.compareUsable(err)
	case s.Feed != nil:
		body, err := scriptedAnswer(s.Feed)
		if err == nil {
			err = remote.applyFeed(body, remote.clock.Monotonic()-time.Duration(s.TookMS)*time.Millisecond)
		}
		if err != nil {
			remote.recordFeedFailure(err)
		}
		return s.compareUsable(err)
	case s.SetNow != nil:
		clock.mutex.Lock()
		clock.now = time.Unix(*s.SetNow, 0)
		clock.mutex.Unlock()
	case s.Check != nil:
		status, challenge := http.StatusOK, ""
		if _, denial := guard.verify(tokens[s.Check.Token]); denial != nil {
			status, challenge = denial.status, denial.challenge
		}
		if status != s.Status || challenge != valueOf(s.WWWAuthenticate) {
			return fmt.Sprintf("%s: %d %q, want %d %q", s.Check.Token, status, challenge, s.Status, valueOf(s.WWWAuthenticate))
		}
	default:
		clock.advance(time.Duration(s.AdvanceMS) * time.Millisecond)
	}
	return ""
}

func (s conformanceStep) compareUsable(err error) string {
	if s.Usable != nil && *s.Usable != (err == nil) {
		return fmt.Sprintf("usable: %v", err)
	}
	return ""
}

func scriptedAnswer(text json.RawMessage) ([]byte, error) {
	var answer *struct {
		Status int
		Body   string
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, errTimedOut
	}
	if answer.Status != http.StatusOK {
		return nil, &statusError{"the request", answer.Status}
	}
	return []byte(answer.Body), nil
}
