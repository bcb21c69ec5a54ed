package rolecall

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// notAToken is a credential that no guard accepts.
const notAToken = "not.a.token"

// Check requests every cell of the matrix from handler, and each route as callers with slightly more or less than its rule
// needs. It returns an error for the first answer that is not as the matrix shows.
//
// The guard of handler must be a probe ([Mux.Probe], [Probe]), so that no handler runs. token returns a token that the guard
// accepts, with exactly what the caller holds, such as rolecalltest.Issuer.TokenOf.
func (m *Matrix) Check(handler http.Handler, token func(MatrixCaller) string) error {
	for _, route := range m.routes {
		if route.Method == "" {
			continue
		}
		check := routeCheck{handler, token, route}
		for _, step := range []func([]column) error{check.columns, check.aroundRule, check.invalid} {
			if err := step(m.columns()); err != nil {
				return err
			}
		}
	}
	return nil
}

// routeCheck requests one route.
type routeCheck struct {
	handler http.Handler
	token   func(MatrixCaller) string
	route   Route
}

// expectation is the part of an answer that is compared.
type expectation struct {
	status    int
	challenge string
}

func (e expectation) String() string {
	return fmt.Sprintf("%d %q", e.status, e.challenge)
}

func expectedOf(denial *Denial) expectation {
	if denial == nil {
		return expectation{status: http.StatusNoContent}
	}
	return expectation{denial.status, denial.challenge}
}

func (c routeCheck) columns(columns []column) error {
	rule := c.route.Rule
	for _, column := range columns {
		result := column.cell(rule)
		switch {
		case column.caller == nil && result == cellNotAuthenticated:
			if err := c.expect(nil, NotAuthenticated, column.title); err != nil {
				return err
			}
		case column.caller == nil:
			if err := c.expect(nil, nil, column.title); err != nil {
				return err
			}
		default:
			if err := c.allTenants(*column.caller, column.title); err != nil {
				return err
			}
			if result != cellDepends {
				continue
			}
			if err := c.allTenants(column.caller.with(permissionsOf(rule)...), column.title+" with the permissions"); err != nil {
				return err
			}
		}
	}
	return nil
}

// allTenants requests as a caller with a token for the tenant of the path, for another one, and for none.
func (c routeCheck) allTenants(caller MatrixCaller, title string) error {
	tenant := someTenant
	for _, of := range []string{someTenant, otherTenant, ""} {
		caller := caller.inTenant(of)
		var denial *Denial
		if !c.route.Rule.admits(&tenant, caller) {
			denial = forbidden(c.route.Rule.missingScope(caller))
		}
		if err := c.expect(&caller, denial, fmt.Sprintf("%s with a token for tenant %q", title, of)); err != nil {
			return err
		}
	}
	return nil
}

// aroundRule requests as callers with all the names of the rule, with all but one, with only one, and with an old sign-in.
func (c routeCheck) aroundRule([]column) error {
	names := c.route.Rule.Names()
	sets := [][]string{names}
	for i, name := range names {
		sets = append(sets, []string{name}, slices.Delete(slices.Clone(names), i, i+1))
	}
	for _, set := range sets {
		if err := c.allTenants(MatrixCaller{}.with(set...), "a holder of ["+strings.Join(set, ", ")+"]"); err != nil {
			return err
		}
	}
	age, limited := c.route.Rule.maxAge()
	tenant := someTenant
	for _, of := range []string{someTenant, ""} {
		caller := MatrixCaller{}.with(names...).inTenant(of)
		if limited && c.route.Rule.admits(&tenant, caller) {
			caller.IsStale = true
			return c.expect(&caller, stepUp(age), "a sign-in that is too old")
		}
	}
	return nil
}

// invalid requests with a token that is not valid, and with a method that the route does not have.
func (c routeCheck) invalid([]column) error {
	denial := InvalidToken
	if c.route.Rule.kind == kindPublic {
		denial = nil
	}
	text := notAToken
	if err := c.compare(c.send(c.route.Method, &text), expectedOf(denial), "a token that is not valid"); err != nil {
		return err
	}
	// other routers have answers of their own for methods that a route does not have
	if _, isMux := c.handler.(*Mux); !isMux || c.route.Method == http.MethodOptions {
		return nil
	}
	return c.compare(c.send(http.MethodOptions, nil), expectation{status: http.StatusMethodNotAllowed}, "OPTIONS")
}

func (c routeCheck) expect(caller *MatrixCaller, denial *Denial, title string) error {
	var token *string
	if caller != nil {
		text := c.token(*caller)
		token = &text
	}
	return c.compare(c.send(c.route.Method, token), expectedOf(denial), title)
}

func (c routeCheck) compare(actual, expected expectation, title string) error {
	if actual == expected {
		return nil
	}
	return fmt.Errorf("%s %s for %s: expected %s, got %s", c.route.Method, c.route.Path, title, expected, actual)
}

func (c routeCheck) send(method string, token *string) expectation {
	host, path, _ := strings.Cut(c.route.Path, "/")
	path = "/" + filledPath(path)
	request := &http.Request{
		Method: method, URL: &url.URL{Path: path}, RequestURI: path, Host: host, RemoteAddr: "192.0.2.1:1234",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody,
	}
	if token != nil {
		request.Header.Set("Authorization", "Bearer "+*token)
	}
	answer := &recorded{header: http.Header{}}
	c.handler.ServeHTTP(answer, request)
	return expectation{answer.status, answer.header.Get("WWW-Authenticate")}
}

// recorded keeps the head of an answer.
type recorded struct {
	header http.Header
	status int
}

func (r *recorded) Header() http.Header { return r.header }

func (r *recorded) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorded) Write(text []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return len(text), nil
}

// filledPath returns a path that matches a pattern, with a value for each parameter.
func filledPath(pattern string) string {
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		switch {
		case segment == "{$}":
			segments[i] = ""
		case strings.HasPrefix(segment, "{"), strings.HasPrefix(segment, ":"), strings.HasPrefix(segment, "*"):
			segments[i] = someTenant
		}
	}
	return strings.Join(segments, "/")
}
