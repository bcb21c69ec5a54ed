package rolecall

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestEveryDenialHasItsDocumentedAnswer(t *testing.T) {
	for _, row := range []struct {
		denial          *Denial
		status          int
		challenge, body string
	}{
		{NotAuthenticated, 401, "Bearer",
			`{"detail":"Not authenticated","status":401,"title":"Unauthorized","type":"urn:rolecall:problem:not_authenticated"}`},
		{InvalidToken, 401, `Bearer error="invalid_token", error_description="The access token is not valid"`,
			`{"detail":"Could not validate credentials","status":401,"title":"Unauthorized","type":"urn:rolecall:problem:invalid_token"}`},
		{EndedToken, 401, `Bearer error="invalid_token", error_description="The access token has ended; refresh it"`,
			`{"detail":"Could not validate credentials","status":401,"title":"Unauthorized","type":"urn:rolecall:problem:ended_token"}`},
		{TwoCredentials, 400, `Bearer error="invalid_request"`,
			`{"detail":"Send one credential","status":400,"title":"Bad Request","type":"urn:rolecall:problem:two_credentials"}`},
		{forbidden("role:admin items:read"), 403, `Bearer error="insufficient_scope", scope="role:admin items:read"`,
			`{"detail":"Operation not permitted","status":403,"title":"Forbidden","type":"urn:rolecall:problem:forbidden"}`},
		{forbidden(""), 403, `Bearer error="insufficient_scope"`,
			`{"detail":"Operation not permitted","status":403,"title":"Forbidden","type":"urn:rolecall:problem:forbidden"}`},
		{stepUp(300), 401, `Bearer error="insufficient_user_authentication", max_age="300"`,
			`{"detail":"Sign in again: this needs a stronger or newer sign-in","status":401,"title":"Unauthorized",` +
				`"type":"urn:rolecall:problem:insufficient_user_authentication"}`},
		{Unavailable, 503, "",
			`{"detail":"cannot decide at the moment; try again","status":503,"title":"Service Unavailable","type":"urn:rolecall:problem:unavailable"}`},
		{Undecided, 500, "",
			`{"detail":"internal error","status":500,"title":"Internal Server Error","type":"urn:rolecall:problem:internal"}`},
	} {
		answer := httptest.NewRecorder()
		Deny(answer, row.denial)
		header := answer.Header()
		if answer.Code != row.status || header.Get("WWW-Authenticate") != row.challenge || answer.Body.String() != row.body {
			t.Errorf("%v: %d %q %s", row.denial, answer.Code, header.Get("WWW-Authenticate"), answer.Body)
		}
		if header.Get("Content-Type") != "application/problem+json" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %v", row.denial, header)
		}
		if isRetry := header.Get("Retry-After") == "1"; isRetry != (row.denial == Unavailable) {
			t.Errorf("%v: %v", row.denial, header)
		}
		if _, has := header["Www-Authenticate"]; has != (row.challenge != "") {
			t.Errorf("%v: an empty challenge", row.denial)
		}
	}
}

func TestAnErrorThatIsNoDenialIs500(t *testing.T) {
	answer := httptest.NewRecorder()
	Deny(answer, errors.New("the database is at 10.0.0.1"))
	if answer.Code != 500 || strings.Contains(answer.Body.String(), "10.0.0.1") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestAWrappedDenialIsAnsweredToo(t *testing.T) {
	answer := httptest.NewRecorder()
	Deny(answer, fmt.Errorf("item 1: %w", forbidden("role:admin")))
	if answer.Code != 403 {
		t.Errorf("%d", answer.Code)
	}
}

func TestALongScopeIsCutAfterAName(t *testing.T) {
	var names []string
	for i := range 9000 {
		names = append(names, fmt.Sprintf("role:r%d", i))
	}
	cut := forbidden(strings.Join(names, " ")).Challenge()
	if len(cut) < 900 || len(cut) > 1100 {
		t.Error(cut)
	}
	listed := strings.Count(strings.Split(cut, `"`)[3], " ") + 1
	if want := `Bearer error="insufficient_scope", scope="` + strings.Join(names[:listed], " ") + `"`; cut != want {
		t.Error(cut)
	}
	whole := strings.Repeat("a", 511) + " " + strings.Repeat("b", 512)
	if got := forbidden(whole).Challenge(); !strings.Contains(got, `"`+whole+`"`) {
		t.Error(got)
	}
	if got := forbidden(whole + "c").Challenge(); strings.Contains(got, "bbb") {
		t.Error(got)
	}
	if got := forbidden(strings.Repeat("a", 1025)).Challenge(); got != `Bearer error="insufficient_scope"` {
		t.Error(got)
	}
}

func TestAnInvalidScopeIsLeftOutOfTheChallenge(t *testing.T) {
	for _, scope := range []string{`a"b`, `a\b`, "a\r\nx: y", "a  b", " a", "é", "a\x00", "a\x7f"} {
		if got := forbidden(scope).Challenge(); got != `Bearer error="insufficient_scope"` {
			t.Errorf("%q: %s", scope, got)
		}
	}
}
