package rolecall

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Denial is the reason why a request was refused. As an answer it follows RFC 6750 section 3: 401 for a caller who cannot
// be identified, 403 for one who is not permitted, and 5xx for a fault of the guard.
type Denial struct {
	status    int
	code      string
	challenge string
	detail    string
}

// The denials that do not depend on a rule.
var (
	// NotAuthenticated means that the request has no access token.
	NotAuthenticated = &Denial{401, "not_authenticated", "Bearer", "Not authenticated"}
	// InvalidToken means that the form, signature, issuer, audience or another claim of the token is not valid.
	InvalidToken = &Denial{401, "invalid_token",
		`Bearer error="invalid_token", error_description="The access token is not valid"`, "Could not validate credentials"}
	// EndedToken means that the token has expired, was revoked, or is of another era. Refreshing it helps.
	EndedToken = &Denial{401, "ended_token",
		`Bearer error="invalid_token", error_description="The access token has ended; refresh it"`, "Could not validate credentials"}
	// TwoCredentials means that the request has more than one Authorization header.
	TwoCredentials = &Denial{400, "two_credentials", `Bearer error="invalid_request"`, "Send one credential"}
	// Unavailable means that the guard cannot decide, because its keys are not loaded or its state is too old.
	Unavailable = &Denial{503, "unavailable", "", "cannot decide at the moment; try again"}
	// Undecided means that a handler with [OrIf] answered without a decision, which is a mistake in the application.
	Undecided = &Denial{500, "internal", "", "internal error"}
)

const (
	codeForbidden = "forbidden"
	codeStepUp    = "insufficient_user_authentication"
)

// maxScope limits the bytes of a scope in a challenge. Proxies and clients refuse an answer with a head of 8 KiB.
const maxScope = 1024

func forbidden(scope string) *Denial {
	challenge := `Bearer error="insufficient_scope"`
	// a valid scope needs no escaping; an invalid one could end the quoted string
	if scope = firstNames(scope); isScope(scope) {
		challenge += `, scope="` + scope + `"`
	}
	return &Denial{403, codeForbidden, challenge, "Operation not permitted"}
}

// stepUp returns the denial for a sign-in that is too old.
func stepUp(maxAge uint64) *Denial {
	return stepUpTo(false, Aal1, &maxAge)
}

// stepUpTo returns the denial of RFC 9470 section 3 for a sign-in that is too weak or too old.
func stepUpTo(isTooWeak bool, acr Acr, maxAge *uint64) *Denial {
	challenge := `Bearer error="insufficient_user_authentication"`
	if isTooWeak {
		challenge += fmt.Sprintf(`, acr_values="%s"`, acr)
	}
	if maxAge != nil {
		challenge += fmt.Sprintf(`, max_age="%d"`, *maxAge)
	}
	return &Denial{401, codeStepUp, challenge, "Sign in again: this needs a stronger or newer sign-in"}
}

// firstNames returns the first whole names of a scope, up to maxScope bytes.
func firstNames(scope string) string {
	if len(scope) <= maxScope {
		return scope
	}
	end := max(0, strings.LastIndexByte(scope[:maxScope+1], ' '))
	return scope[:end]
}

// isScope returns true for scope-token *( SP scope-token ) (RFC 6749 section 3.3).
func isScope(scope string) bool {
	for name := range strings.SplitSeq(scope, " ") {
		if name == "" {
			return false
		}
		for _, c := range []byte(name) {
			if c <= ' ' || c > '~' || c == '"' || c == '\\' {
				return false
			}
		}
	}
	return true
}

// Error returns the code.
func (d *Denial) Error() string { return "rolecall: " + d.code }

// Status returns the status of the answer.
func (d *Denial) Status() int { return d.status }

// Code returns the end of the problem's type: not_authenticated, invalid_token, ended_token, two_credentials, forbidden,
// insufficient_user_authentication, unavailable or internal.
func (d *Denial) Code() string { return d.code }

// Challenge returns the value of the header WWW-Authenticate, or an empty text where another token would not help.
func (d *Denial) Challenge() string { return d.challenge }

// Detail returns the explanation for a person.
func (d *Denial) Detail() string { return d.detail }

// Deny answers a request with the denial that err is or wraps, and with 500 for another error.
func Deny(w http.ResponseWriter, err error) {
	var denial *Denial
	if !errors.As(err, &denial) {
		writeProblem(w, http.StatusInternalServerError, "internal", "internal error", nil)
		return
	}
	denial.write(w, nil)
}

// write answers with the denial. The members are added to the problem.
func (d *Denial) write(w http.ResponseWriter, members map[string]any) {
	if d.challenge != "" {
		w.Header().Set("WWW-Authenticate", d.challenge)
	}
	if d == Unavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeProblem(w, d.status, d.code, d.detail, members)
}

// explained returns the members that explain a refusal to an identified caller.
func explained(rule Rule, p *Principal) map[string]any {
	return map[string]any{"rule": rule.String(), "roles": p.claims.roles}
}

// writeProblem answers with a problem document (RFC 9457). The members are sorted by name, so that the answers of all
// languages are the same bytes.
func writeProblem(w http.ResponseWriter, status int, code, detail string, members map[string]any) {
	all := map[string]any{
		"type": "urn:rolecall:problem:" + code, "title": http.StatusText(status), "status": status, "detail": detail,
	}
	names := []string{"detail", "status", "title", "type"}
	for name, value := range members {
		all[name] = value
		names = append(names, name)
	}
	slices.Sort(names)
	body := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(appendJSONString(body, name), ':')
		body = appendMember(body, all[name])
	}
	body = append(body, '}')
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	// a cache must not give the answer for one caller's credentials to another caller
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func appendMember(to []byte, value any) []byte {
	switch value := value.(type) {
	case int:
		return strconv.AppendInt(to, int64(value), 10)
	case []string:
		to = append(to, '[')
		for i, text := range value {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendJSONString(to, text)
		}
		return append(to, ']')
	case string:
		return appendJSONString(to, value)
	}
	return append(to, "null"...)
}
