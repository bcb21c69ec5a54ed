// Package routers shows how other routers use rolecall. Copy the function for yours: it is no part of the module rolecall,
// which depends on nothing but the standard library.
package routers

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"rolecall"
)

// ChiRoutes returns the routes of a chi router with their rules, and an error that names the routes that
// [rolecall.Guard.Handler] does not guard. Call it before you serve.
func ChiRoutes(router chi.Router) ([]rolecall.Route, error) {
	var routes []rolecall.Route
	var unguarded []string
	err := chi.Walk(router, func(method, path string, handler http.Handler, _ ...func(http.Handler) http.Handler) error {
		if chain, ok := handler.(*chi.ChainHandler); ok {
			handler = chain.Endpoint
		}
		rule, ok := rolecall.RuleOf(handler)
		if !ok {
			unguarded = append(unguarded, method+" "+path)
		}
		routes = append(routes, rolecall.Route{Method: method, Path: path, Rule: rule})
		return nil
	})
	for _, route := range router.Routes() {
		// a mounted handler that is no chi router, which Walk does not visit
		if strings.HasSuffix(route.Pattern, "/*") && route.SubRoutes == nil {
			if _, ok := rolecall.RuleOf(route.Handlers["*"]); !ok {
				unguarded = append(unguarded, route.Pattern)
			}
		}
	}
	if err == nil && len(unguarded) > 0 {
		err = fmt.Errorf("routes without an access rule: %s", strings.Join(unguarded, ", "))
	}
	return routes, err
}
