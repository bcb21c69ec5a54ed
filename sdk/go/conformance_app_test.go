package rolecall_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"rolecall"
	"rolecall/rolecalltest"
)

func TestConformanceOfTheApplication(t *testing.T) {
	var file struct {
		Roles  []string
		Routes []struct {
			Method, Path string
			Rule         json.RawMessage
		}
	}
	text, err := os.ReadFile("../conformance/app/routes.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	issuer := rolecalltest.NewIssuer(t)
	var routes []rolecall.Route
	for _, route := range file.Routes {
		pattern := route.Method + " " + route.Path
		if strings.HasSuffix(pattern, "/") {
			pattern += "{$}"
		}
		// one router for each: for net/http, /{tenant}/items and /items/{id} conflict, since neither is more specific
		mux := rolecall.NewMux(issuer.Guard())
		mux.Handle(pattern, rolecall.ParseConformanceRule(t, route.Rule), func(http.ResponseWriter, *http.Request, *rolecall.Principal) {})
		if err := rolecall.MatrixOf(mux.Routes(), file.Roles...).Check(mux.Probe(issuer.Guard()), issuer.TokenOf); err != nil {
			t.Error(err)
		}
		routes = append(routes, mux.Routes()...)
	}
	committed, err := os.ReadFile("../conformance/app/access.lock")
	if err != nil {
		t.Fatal(err)
	}
	got, want := withoutComments(rolecall.MatrixOf(routes, file.Roles...).String()), withoutComments(string(committed))
	if len(routes) < 10 || got != want {
		t.Errorf("%s\nis not\n%s", got, want)
	}
}

func withoutComments(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#") }), "\n")
}
