package routers

import (
	"fmt"
	"net/http"
	"regexp"

	"github.com/gin-gonic/gin"

	"rolecall"
)

// Gin adds guarded routes to a gin engine.
type Gin struct {
	Engine *gin.Engine
	Guard  *rolecall.Guard
	routes []rolecall.Route
}

// Handle adds a route. The caller is nil where the rule admits requests without a token.
func (g *Gin) Handle(method, path string, rule rolecall.Rule, handler func(c *gin.Context, caller *rolecall.Principal)) {
	g.routes = append(g.routes, rolecall.Route{Method: method, Path: path, Rule: rule})
	g.Engine.Handle(method, path, func(c *gin.Context) {
		for _, parameter := range c.Params {
			c.Request.SetPathValue(parameter.Key, parameter.Value)
		}
		g.Guard.Handler(rule, func(_ http.ResponseWriter, _ *http.Request, caller *rolecall.Principal) {
			handler(c, caller)
		}).ServeHTTP(c.Writer, c.Request)
	})
}

var (
	ginParameter = regexp.MustCompile(`:([^/]+)`)
	ginWildcard  = regexp.MustCompile(`(\*[^/]+)`)
)

// Routes returns the routes with their rules, and an error that names a route that was added in another way, such as static
// files. Call it before you serve.
func (g *Gin) Routes() ([]rolecall.Route, error) {
	guarded := map[string]bool{}
	routes := make([]rolecall.Route, len(g.routes))
	for i, route := range g.routes {
		guarded[route.Method+" "+route.Path] = true
		shown := ginWildcard.ReplaceAllString(ginParameter.ReplaceAllString(route.Path, "{$1}"), "{$1}")
		routes[i] = rolecall.Route{Method: route.Method, Path: shown, Rule: route.Rule}
	}
	for _, route := range g.Engine.Routes() {
		if !guarded[route.Method+" "+route.Path] {
			return nil, fmt.Errorf("route without an access rule: %s %s", route.Method, route.Path)
		}
	}
	return routes, nil
}
