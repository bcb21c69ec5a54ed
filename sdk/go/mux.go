package rolecall

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// HandlerFunc is a handler for callers whom the rule of its route admits. The caller is nil where the rule is [Public], and
// where it is [Optional] and the request has no token.
type HandlerFunc func(w http.ResponseWriter, r *http.Request, caller *Principal)

// Mux is a router on which a route cannot exist without an access rule. It applies the rule before the handler runs and
// before anybody reads the body.
//
// HEAD has the rule of GET. OPTIONS and methods without a handler get 405, unknown paths 404: answer CORS preflights with a
// handler around the Mux.
type Mux struct {
	guard  *Guard
	inner  *http.ServeMux
	routes []Route
	// isProbe is true to answer 204 in place of the handlers.
	isProbe bool
}

// Route is a route and its access rule.
type Route struct {
	// Method is empty for a handler that was added with [Mux.Unguarded].
	Method string
	// Path is the pattern without its method.
	Path string
	Rule Rule
	// Name is the name that was given to [Mux.Unguarded].
	Name string
}

// NewMux returns a router without routes; guard guards the routes that are added to it.
func NewMux(guard *Guard) *Mux {
	return &Mux{guard: guard, inner: http.NewServeMux()}
}

// Handle adds a route. The pattern is that of [http.ServeMux] and begins with a method, such as "GET /items/{id}".
//
// It panics if the pattern has no method, the rule cannot be meant, or another route conflicts: such an application does not
// start.
func (m *Mux) Handle(pattern string, rule Rule, handler HandlerFunc) {
	if handler == nil {
		panic("rolecall: " + pattern + " has no handler")
	}
	m.add(pattern, rule, handler)
}

// HandleIf adds a route whose handler decides on its data, such as "moderators, or the author": callers whom rule does not
// admit run the handler too, and it must call [Decision.Check] before its first change. An answer without that is replaced
// by 500. The access matrix shows the decision as name.
func (m *Mux) HandleIf(pattern string, rule Rule, name string, handler DecidingFunc) {
	if handler == nil {
		panic("rolecall: " + pattern + " has no handler")
	}
	m.add(pattern, OrIf(rule, name), handler.decided(m.guard, rule, name))
}

// HandleHTTP adds a route with an ordinary handler, such as a file server. It finds the caller with [Caller].
func (m *Mux) HandleHTTP(pattern string, rule Rule, handler http.Handler) {
	m.Handle(pattern, rule, func(w http.ResponseWriter, r *http.Request, caller *Principal) {
		handler.ServeHTTP(w, withCaller(r, caller))
	})
}

// Unguarded adds a handler for all methods and paths under prefix, which ends with a slash. Nobody checks who calls it.
// The access matrix shows it as name.
func (m *Mux) Unguarded(name, prefix string, handler http.Handler) {
	if !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") || name == "" {
		panic(fmt.Sprintf("rolecall: Unguarded needs a name and a prefix that begins and ends with `/`: %q", prefix))
	}
	m.inner.Handle(prefix, &gate{guard: m.guard, rule: Public(), handler: func(w http.ResponseWriter, r *http.Request, _ *Principal) {
		handler.ServeHTTP(w, r)
	}})
	m.routes = append(m.routes, Route{Path: prefix, Rule: Public(), Name: name})
}

func (m *Mux) add(pattern string, rule Rule, handler HandlerFunc) {
	method, path, hasMethod := strings.Cut(pattern, " ")
	path = strings.TrimLeft(path, " \t")
	if !hasMethod || method == "" || path == "" {
		panic(fmt.Sprintf("rolecall: the pattern %q has no method: write it as \"GET /items/\"", pattern))
	}
	if err := rule.check(); err != nil {
		panic(fmt.Sprintf("rolecall: %s: %s", pattern, err))
	}
	if rule.needsTenant() && !namesOneTenant(path) {
		panic(fmt.Sprintf("rolecall: %s needs a tenant in its path: add exactly one segment `{%s}`", pattern, tenantParameter))
	}
	m.inner.Handle(pattern, &gate{guard: m.guard, rule: rule, path: path, handler: handler, isProbe: m.isProbe})
	m.routes = append(m.routes, Route{Method: method, Path: path, Rule: rule})
}

// namesOneTenant returns true if exactly one segment of a pattern is the tenant.
func namesOneTenant(path string) bool {
	count := 0
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "{"+tenantParameter+"}" {
			count++
		}
	}
	return count == 1
}

// Guard returns the guard.
func (m *Mux) Guard() *Guard {
	return m.guard
}

// Routes returns every route with its rule, in the order in which they were added.
func (m *Mux) Routes() []Route {
	return append([]Route{}, m.routes...)
}

// Probe returns a router with the same routes and rules that guard guards, without handlers: admitted callers get 204. Tests
// of the access matrix request every route of it.
func (m *Mux) Probe(guard *Guard) *Mux {
	probe := NewMux(guard)
	probe.isProbe = true
	for _, route := range m.routes {
		if route.Name == "" {
			probe.add(route.Method+" "+route.Path, route.Rule, nil)
		}
	}
	return probe
}

// ServeHTTP applies the rule of the route, and runs its handler if that admits the caller.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.inner.ServeHTTP(&unmatched{ResponseWriter: w}, r)
}

// unmatched gives problem documents in place of the answers of the standard router. A gate takes the writer in it.
type unmatched struct {
	http.ResponseWriter
	isProblem bool
}

func (u *unmatched) WriteHeader(status int) {
	switch status {
	case http.StatusNotFound:
		u.isProblem = true
		u.Header().Del("X-Content-Type-Options")
		writeProblem(u.ResponseWriter, status, "not_found", "Not Found", nil)
	case http.StatusMethodNotAllowed:
		u.isProblem = true
		u.Header().Del("X-Content-Type-Options")
		writeProblem(u.ResponseWriter, status, "method_not_allowed", "Method Not Allowed", nil)
	default:
		u.ResponseWriter.WriteHeader(status)
	}
}

func (u *unmatched) Write(text []byte) (int, error) {
	if u.isProblem {
		return len(text), nil
	}
	return u.ResponseWriter.Write(text)
}

// tenantParameter is the path parameter with the tenant.
const tenantParameter = "tenant"

// gate applies a rule before a handler.
type gate struct {
	guard   *Guard
	rule    Rule
	path    string
	handler HandlerFunc
	isProbe bool
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if inner, ok := w.(*unmatched); ok {
		w = inner.ResponseWriter
	}
	caller, ok := g.guard.check(w, r, g.rule, g.path)
	if !ok {
		return
	}
	if g.isProbe || g.guard.isProbe {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	g.handler(w, r, caller)
}

// check applies a rule to a request. It returns false after it has answered with a refusal.
func (g *Guard) check(w http.ResponseWriter, r *http.Request, rule Rule, path string) (*Principal, bool) {
	var tenant pathTenant
	if rule.needsTenant() {
		if value := r.PathValue(tenantParameter); value != "" {
			tenant = &value
		}
	}
	result := g.admit(r, rule, tenant)
	if result.denial != nil {
		g.refuse(w, r, rule, path, result)
		return nil, false
	}
	return result.principal, true
}

// refuse logs a refusal and answers the request.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, rule Rule, path string, result admission) {
	subject := ""
	var members map[string]any
	if result.principal != nil {
		subject = result.principal.Subject()
		members = explained(rule, result.principal)
	}
	if path == "" {
		path = r.URL.Path
	}
	g.log.Info("refused", "method", r.Method, "path", path, "rule", rule.String(), "subject", subject, "outcome", result.denial.code)
	result.denial.write(w, members)
}

type callerKey struct{}

func withCaller(r *http.Request, caller *Principal) *http.Request {
	if caller == nil {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
}

// Caller returns the caller of a request that [Guard.Middleware] or [Mux.HandleHTTP] has admitted, and nil where the rule
// admits requests without a token.
func Caller(r *http.Request) *Principal {
	caller, _ := r.Context().Value(callerKey{}).(*Principal)
	return caller
}

// Middleware applies rule before a handler of another router. It finds the caller with [Caller].
//
// Other routers do not know which routes have a rule: see [Guard.Handler]. It panics if the rule cannot be meant.
func (g *Guard) Middleware(rule Rule) func(http.Handler) http.Handler {
	if err := rule.check(); err != nil {
		panic("rolecall: " + err.Error())
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch caller, ok := g.check(w, r, rule, ""); {
			case !ok:
			case g.isProbe:
				w.WriteHeader(http.StatusNoContent)
			default:
				next.ServeHTTP(w, withCaller(r, caller))
			}
		})
	}
}

// Handler returns a handler for another router that applies rule first. [RuleOf] finds the rule again, so that an
// application can refuse to start while a route has none.
func (g *Guard) Handler(rule Rule, handler HandlerFunc) http.Handler {
	if err := rule.check(); err != nil {
		panic("rolecall: " + err.Error())
	}
	return &gate{guard: g, rule: rule, handler: handler}
}

// RuleOf returns the rule of a handler that [Guard.Handler] made, and false for any other handler.
func RuleOf(handler http.Handler) (Rule, bool) {
	gate, ok := handler.(*gate)
	if !ok {
		return Rule{}, false
	}
	return gate.rule, true
}
