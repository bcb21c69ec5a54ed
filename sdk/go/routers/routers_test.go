package routers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"

	"rolecall"
	"rolecall/rolecalltest"
)

var editor = rolecall.ForTenant(rolecall.Role("editor"))

func chiApp(guard *rolecall.Guard) chi.Router {
	show := func(w http.ResponseWriter, _ *http.Request, caller *rolecall.Principal) {
		_, _ = io.WriteString(w, caller.Username())
	}
	router := chi.NewRouter()
	router.Method(http.MethodGet, "/items", guard.Handler(rolecall.Role("admin"), show))
	router.Route("/{tenant}", func(router chi.Router) {
		router.Method(http.MethodGet, "/articles", guard.Handler(editor, show))
	})
	router.With(func(next http.Handler) http.Handler { return next }).
		Method(http.MethodGet, "/me", guard.Handler(rolecall.Authenticated(), show))
	return router
}

func ginApp(guard *rolecall.Guard) *Gin {
	gin.SetMode(gin.ReleaseMode)
	app := &Gin{Engine: gin.New(), Guard: guard}
	show := func(c *gin.Context, caller *rolecall.Principal) { c.String(http.StatusOK, caller.Username()) }
	app.Handle(http.MethodGet, "/items", rolecall.Role("admin"), show)
	app.Handle(http.MethodGet, "/:tenant/articles", editor, show)
	app.Handle(http.MethodGet, "/me", rolecall.Authenticated(), show)
	return app
}

func TestBothRoutersHaveTheSameMatrix(t *testing.T) {
	rolecalltest.AccessMatrixOf(t, func(guard *rolecall.Guard) (http.Handler, []rolecall.Route) {
		router := chiApp(guard)
		routes, err := ChiRoutes(router)
		if err != nil {
			t.Fatal(err)
		}
		return router, routes
	}, "access.lock")
	rolecalltest.AccessMatrixOf(t, func(guard *rolecall.Guard) (http.Handler, []rolecall.Route) {
		app := ginApp(guard)
		routes, err := app.Routes()
		if err != nil {
			t.Fatal(err)
		}
		return app.Engine, routes
	}, "access.lock")
}

func TestBothRoutersGiveTheCallerToTheHandler(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	for name, router := range map[string]http.Handler{"chi": chiApp(issuer.Guard()), "gin": ginApp(issuer.Guard()).Engine} {
		for _, row := range []struct {
			path   string
			token  *rolecalltest.Token
			status int
		}{
			{"/items", issuer.Token("alice").Role("admin"), 200}, {"/items", issuer.Token("alice"), 403},
			{"/acme/articles", issuer.Token("alice").Role("editor").Tenant("acme"), 200},
			{"/initech/articles", issuer.Token("alice").Role("editor").Tenant("acme"), 403},
		} {
			answer := httptest.NewRecorder()
			router.ServeHTTP(answer, row.token.Authorize(httptest.NewRequest(http.MethodGet, row.path, nil)))
			if answer.Code != row.status || row.status == 200 && answer.Body.String() != "alice" {
				t.Errorf("%s %s: %d %s", name, row.path, answer.Code, answer.Body)
			}
		}
	}
}

func TestAnUnguardedRouteIsRefused(t *testing.T) {
	guard := rolecalltest.NewIssuer(t).Guard()
	ordinary := http.NotFoundHandler()
	for name, add := range map[string]func(chi.Router){
		"GET /open": func(r chi.Router) { r.Method(http.MethodGet, "/open", ordinary) },
		"POST /all": func(r chi.Router) { r.Handle("/all", ordinary) },
		"GET /static": func(r chi.Router) {
			r.With(func(next http.Handler) http.Handler { return next }).Get("/static", ordinary.ServeHTTP)
		},
		"/mounted":   func(r chi.Router) { r.Mount("/mounted", ordinary) },
		"GET /sub/x": func(r chi.Router) { r.Route("/sub", func(r chi.Router) { r.Get("/x", ordinary.ServeHTTP) }) },
	} {
		router := chiApp(guard)
		add(router)
		if _, err := ChiRoutes(router); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("chi: %s: %v", name, err)
		}
	}
	for name, add := range map[string]func(*gin.Engine){
		"GET /open":    func(e *gin.Engine) { e.GET("/open", func(*gin.Context) {}) },
		"/static/*":    func(e *gin.Engine) { e.Static("/static", ".") },
		"GET /group/x": func(e *gin.Engine) { e.Group("/group").GET("/x", func(*gin.Context) {}) },
	} {
		app := ginApp(guard)
		add(app.Engine)
		if _, err := app.Routes(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("gin: %s: %v", name, err)
		}
	}
}
