package rolecall_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"rolecall"
	"rolecall/rolecalltest"
)

// app is the application of the crate's tests, with the same access.lock.
func app(guard *rolecall.Guard) *rolecall.Mux {
	admin, user := rolecall.Role("admin"), rolecall.Role("user")
	read, write := rolecall.Permission("items:read"), rolecall.Permission("items:write")
	hello := func(w http.ResponseWriter, r *http.Request, caller *rolecall.Principal) {
		name := "nobody"
		if caller != nil {
			name = caller.Username()
		}
		_, _ = io.WriteString(w, "hello "+name)
	}
	mux := rolecall.NewMux(guard)
	mux.Handle("GET /me", rolecall.Authenticated(), hello)
	mux.Handle("GET /greet", rolecall.Optional(), hello)
	mux.Handle("GET /health", rolecall.Public(), hello)
	mux.Handle("GET /items", read, hello)
	mux.Handle("POST /items", admin, hello)
	mux.Handle("DELETE /items/{id}", rolecall.All(admin, write), hello)
	mux.Handle("PATCH /items/{id}", rolecall.Any(admin, rolecall.All(user, write)), hello)
	mux.Handle("GET /items/{id}/files/{path...}", read, hello)
	mux.Unguarded("docs", "/", http.NotFoundHandler())
	return mux
}

func send(handler http.Handler, request *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func get(path string) *http.Request {
	return httptest.NewRequest(http.MethodGet, path, nil)
}

func TestTheMatrixIsThatOfTheCrate(t *testing.T) {
	rolecalltest.AccessMatrix(t, app(rolecalltest.NewIssuer(t).Guard()), "../../crates/rolecall/tests/it/access.lock", "admin", "user")
}

func TestTheRuleIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux := app(issuer.Guard())
	body := &countedBody{}
	request := httptest.NewRequest(http.MethodPost, "/items", body)
	if answer := send(mux, request); answer.Code != 401 || body.reads != 0 {
		t.Errorf("%d after %d reads", answer.Code, body.reads)
	}
	request = issuer.Token("alice").Authorize(httptest.NewRequest(http.MethodPost, "/items", body))
	if answer := send(mux, request); answer.Code != 403 || body.reads != 0 {
		t.Errorf("%d after %d reads", answer.Code, body.reads)
	}
}

type countedBody struct{ reads int }

func (b *countedBody) Read([]byte) (int, error) {
	b.reads++
	return 0, io.EOF
}

func TestARefusalExplainsItselfToAnIdentifiedCaller(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	answer := send(app(issuer.Guard()), issuer.Token("alice").Role("user").Role("a").
		Authorize(httptest.NewRequest(http.MethodDelete, "/items/1", nil)))
	want := `{"detail":"Operation not permitted","roles":["a","user"],"rule":"all of (role:admin, items:write)","status":403,` +
		`"title":"Forbidden","type":"urn:rolecall:problem:forbidden"}`
	challenge := `Bearer error="insufficient_scope", scope="role:admin items:write"`
	if answer.Body.String() != want || answer.Header().Get("WWW-Authenticate") != challenge {
		t.Errorf("%s %s", answer.Body, answer.Header())
	}
}

func TestCredentialsAreReadFromOneHeaderOnly(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux, token := app(issuer.Guard()), issuer.Token("alice").Sign()
	for _, row := range []struct {
		path   string
		values []string
		status int
		code   string
	}{
		{"/me", nil, 401, "not_authenticated"}, {"/me", []string{""}, 401, "not_authenticated"},
		{"/me", []string{"Bearer"}, 401, "not_authenticated"}, {"/me", []string{"Bearer   "}, 401, "not_authenticated"},
		{"/me", []string{"Basic YTpi"}, 401, "not_authenticated"}, {"/me", []string{token}, 401, "not_authenticated"},
		{"/me", []string{"Bearer " + token}, 200, ""}, {"/me", []string{"bEARER   " + token + "  "}, 200, ""},
		{"/me", []string{"Bearer\t" + token}, 401, "not_authenticated"}, {"/me", []string{"Bearer \t" + token}, 401, "invalid_token"},
		{"/me", []string{"Bearer " + token + " x"}, 401, "invalid_token"}, {"/me", []string{"Bearer " + token + ","}, 401, "invalid_token"},
		{"/me", []string{"Bearer ="}, 401, "invalid_token"}, {"/me", []string{"Bearer é"}, 401, "invalid_token"},
		{"/me", []string{"Bearer " + token, "Bearer " + token}, 400, "two_credentials"},
		{"/me", []string{"Basic YTpi", "Bearer " + token}, 400, "two_credentials"},
		{"/greet", nil, 200, ""}, {"/greet", []string{"Basic YTpi"}, 200, ""}, {"/greet", []string{"Bearer x"}, 401, "invalid_token"},
		{"/greet", []string{"Bearer a", "Bearer b"}, 400, "two_credentials"}, {"/health", []string{"Bearer x", "Bearer y"}, 200, ""},
	} {
		request := get(row.path)
		request.Header["Authorization"] = row.values
		if row.values == nil {
			request.Header.Del("Authorization")
		}
		answer := send(mux, request)
		if answer.Code != row.status || row.code != "" && !strings.Contains(answer.Body.String(), `"urn:rolecall:problem:`+row.code+`"`) {
			t.Errorf("%s %q: %d %s", row.path, row.values, answer.Code, answer.Body)
		}
	}
	request := get("/me?access_token=" + token)
	request.AddCookie(&http.Cookie{Name: "access_token", Value: token})
	if answer := send(mux, request); answer.Code != 401 {
		t.Errorf("a token in the query or a cookie counts: %d", answer.Code)
	}
}

func TestMethodsAndPathsThatDoNotExistAreProblems(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux := rolecall.NewMux(issuer.Guard())
	mux.Handle("GET /items", rolecall.Role("admin"), func(w http.ResponseWriter, r *http.Request, p *rolecall.Principal) {})
	mux.Handle("POST /items", rolecall.Role("admin"), func(w http.ResponseWriter, r *http.Request, p *rolecall.Principal) {})
	answer := send(mux, get("/nothing"))
	if answer.Code != 404 || answer.Body.String() != `{"detail":"Not Found","status":404,"title":"Not Found","type":"urn:rolecall:problem:not_found"}` {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	answer = send(mux, httptest.NewRequest(http.MethodOptions, "/items", nil))
	if answer.Code != 405 || answer.Header().Get("Allow") != "GET, HEAD, POST" || answer.Header().Get("Content-Type") != "application/problem+json" ||
		answer.Body.String() != `{"detail":"Method Not Allowed","status":405,"title":"Method Not Allowed","type":"urn:rolecall:problem:method_not_allowed"}` {
		t.Errorf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
	if answer = send(mux, httptest.NewRequest(http.MethodHead, "/items", nil)); answer.Code != 401 {
		t.Errorf("HEAD: %d", answer.Code)
	}
}

func TestARouteWithoutAUsableRuleDoesNotStart(t *testing.T) {
	mux := rolecall.NewMux(rolecalltest.NewIssuer(t).Guard())
	handler := func(http.ResponseWriter, *http.Request, *rolecall.Principal) {}
	for want, add := range map[string]func(){
		"has no rule":            func() { mux.Handle("GET /a", rolecall.Rule{}, handler) },
		"has no method":          func() { mux.Handle("/b", rolecall.Public(), handler) },
		"not the name of a role": func() { mux.Handle("GET /c", rolecall.Role("Admin"), handler) },
		"has no handler":         func() { mux.Handle("GET /d", rolecall.Public(), nil) },
		"exactly one segment":    func() { mux.Handle("GET /e/{id}", rolecall.ForTenant(rolecall.Role("a")), handler) },
		"conflicts with pattern": func() {
			mux.Handle("GET /f/{x}", rolecall.Public(), handler)
			mux.Handle("GET /f/{y}", rolecall.Public(), handler)
		},
		"begins and ends with":    func() { mux.Unguarded("docs", "/docs", http.NotFoundHandler()) },
		"needs a tenant in its p": func() { mux.Handle("GET /g/{tenant...}", rolecall.ForTenant(rolecall.Role("a")), handler) },
	} {
		func() {
			defer func() {
				if fault := fmt.Sprint(recover()); !strings.Contains(fault, want) {
					t.Errorf("%s: %s", want, fault)
				}
			}()
			add()
		}()
	}
}

func TestTenantsAreComparedWithThePath(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux := rolecall.NewMux(issuer.Guard())
	show := func(w http.ResponseWriter, r *http.Request, p *rolecall.Principal) {
		_, _ = io.WriteString(w, p.Tenant())
	}
	mux.Handle("GET /{tenant}/items", rolecall.ForTenant(rolecall.Role("editor")), show)
	mux.Handle("GET /mine", rolecall.InTenant(rolecall.Role("editor")), show)
	editor := func() *rolecalltest.Token { return issuer.Token("alice").Role("editor") }
	for _, row := range []struct {
		path   string
		token  *rolecalltest.Token
		status int
		scope  string
	}{
		{"/acme/items", editor().Tenant("acme"), 200, ""}, {"/%61cme/items", editor().Tenant("acme"), 200, ""},
		{"/a%2Fb/items", editor().Tenant("a/b"), 200, ""}, {"/initech/items", editor().Tenant("acme"), 403, ""},
		{"/ACME/items", editor().Tenant("acme"), 403, ""}, {"/acme/items", editor(), 403, ""}, {"/acme%00/items", editor().Tenant("acme"), 403, ""},
		{"/acme/items", issuer.Token("bob").Tenant("acme"), 403, "role:editor"},
		{"/mine", editor().Tenant("acme"), 200, ""}, {"/mine", editor(), 403, ""}, {"/mine", editor().Tenant(""), 403, ""},
		{"/mine", issuer.Token("bob").Tenant("acme"), 403, "role:editor"},
	} {
		answer := send(mux, row.token.Authorize(get(row.path)))
		challenge := answer.Header().Get("WWW-Authenticate")
		want := ""
		if row.status == 403 {
			want = `Bearer error="insufficient_scope"`
			if row.scope != "" {
				want += `, scope="` + row.scope + `"`
			}
		}
		if answer.Code != row.status || challenge != want {
			t.Errorf("%s: %d %s", row.path, answer.Code, challenge)
		}
	}
	rolecalltest.AccessMatrix(t, mux, "testdata/tenants.lock", "editor")
}

func TestAnOldSignInIsAskedToSignInAgain(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux := rolecall.NewMux(issuer.Guard())
	pay := rolecall.Fresh(rolecall.Permission("invoices:pay"), 5*time.Minute)
	mux.Handle("POST /invoices/{id}", pay, func(http.ResponseWriter, *http.Request, *rolecall.Principal) {})
	again := `Bearer error="insufficient_user_authentication", max_age="300"`
	payer := func() *rolecalltest.Token { return issuer.Token("alice").Permission("invoices:pay") }
	for name, row := range map[string]struct {
		token     *rolecalltest.Token
		status    int
		challenge string
	}{
		"new": {payer(), 200, ""}, "300 s": {payer().SignedInAgo(300 * time.Second), 200, ""},
		"301 s": {payer().SignedInAgo(301 * time.Second), 401, again}, "no time": {payer().Without("auth_time"), 401, again},
		"not permitted": {issuer.Token("bob").SignedInAgo(time.Hour), 403, `Bearer error="insufficient_scope", scope="invoices:pay"`},
		// a client has nobody who could sign in, and has the permission
		"a client": {payer().Client(), 403, `Bearer error="insufficient_scope"`},
	} {
		answer := send(mux, row.token.Authorize(httptest.NewRequest(http.MethodPost, "/invoices/1", nil)))
		if answer.Code != row.status || answer.Header().Get("WWW-Authenticate") != row.challenge {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Header())
		}
	}
	rolecalltest.AccessMatrix(t, mux, "testdata/fresh.lock")
}

func TestAHandlerMustAskItsRuleOnData(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux := rolecall.NewMux(issuer.Guard())
	mux.HandleIf("PUT /articles/{author}", rolecall.Role("moderator"), "author",
		func(w http.ResponseWriter, r *http.Request, p *rolecall.Principal, decision *rolecall.Decision) {
			if decision.Check(p.Subject() == r.PathValue("author")) {
				_, _ = io.WriteString(w, "saved")
			}
		})
	mux.HandleIf("DELETE /articles/{author}", rolecall.Role("moderator"), "author",
		func(w http.ResponseWriter, r *http.Request, p *rolecall.Principal, decision *rolecall.Decision) {
			w.Header().Set("X-Secret", "1")
			_, _ = io.WriteString(w, "deleted without a decision")
		})
	mux.HandleIf("POST /articles/{author}", rolecall.Role("moderator"), "author",
		func(http.ResponseWriter, *http.Request, *rolecall.Principal, *rolecall.Decision) {})
	mux.HandleIf("PATCH /articles/{author}", rolecall.Role("moderator"), "author",
		func(w http.ResponseWriter, _ *http.Request, _ *rolecall.Principal, _ *rolecall.Decision) {
			http.Error(w, "no such article", http.StatusNotFound)
		})
	forbidden := `{"detail":"Operation not permitted","roles":[],"rule":"role:moderator, or if author","status":403,` +
		`"title":"Forbidden","type":"urn:rolecall:problem:forbidden"}`
	internal := `{"detail":"internal error","status":500,"title":"Internal Server Error","type":"urn:rolecall:problem:internal"}`
	for _, row := range []struct {
		method string
		token  *rolecalltest.Token
		status int
		body   string
	}{
		{"PUT", issuer.Token("anna"), 200, "saved"}, {"PUT", issuer.Token("bob").Role("moderator"), 200, "saved"},
		{"PUT", issuer.Token("bob"), 403, forbidden}, {"DELETE", issuer.Token("anna"), 500, internal},
		{"POST", issuer.Token("anna"), 500, internal}, {"PATCH", issuer.Token("anna"), 404, "no such article\n"},
	} {
		answer := send(mux, row.token.Authorize(httptest.NewRequest(row.method, "/articles/anna", nil)))
		if answer.Code != row.status || answer.Body.String() != row.body || answer.Header().Get("X-Secret") != "" {
			t.Errorf("%s: %d %s", row.method, answer.Code, answer.Body)
		}
	}
	rolecalltest.AccessMatrix(t, mux, "testdata/data.lock")
}

func TestOtherRoutersUseTheMiddleware(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	guard := issuer.Guard()
	inner := http.NewServeMux()
	ordinary := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if caller := rolecall.Caller(r); caller != nil {
			_, _ = io.WriteString(w, caller.Username())
		}
	})
	inner.Handle("GET /items", guard.Middleware(rolecall.Role("admin"))(ordinary))
	inner.Handle("GET /greet", guard.Middleware(rolecall.Optional())(ordinary))
	guarded := guard.Handler(rolecall.Role("admin"), func(w http.ResponseWriter, r *http.Request, p *rolecall.Principal) {
		_, _ = io.WriteString(w, p.Username())
	})
	inner.Handle("GET /guarded", guarded)
	mux := rolecall.NewMux(guard)
	mux.HandleHTTP("GET /items", rolecall.Role("admin"), ordinary)
	for _, path := range []string{"/items", "/guarded"} {
		if answer := send(inner, get(path)); answer.Code != 401 {
			t.Errorf("%s: %d", path, answer.Code)
		}
		if answer := send(inner, issuer.Token("alice").Role("admin").Authorize(get(path))); answer.Body.String() != "alice" {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
	}
	if answer := send(mux, issuer.Token("alice").Role("admin").Authorize(get("/items"))); answer.Body.String() != "alice" {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer := send(inner, get("/greet")); answer.Code != 200 || answer.Body.Len() != 0 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if rule, ok := rolecall.RuleOf(guarded); !ok || rule.String() != "role:admin" {
		t.Errorf("%v", rule)
	}
	if _, ok := rolecall.RuleOf(ordinary); ok {
		t.Error("an ordinary handler has no rule")
	}
}

func TestAStreamCanFlushAndIsNotWrapped(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux := rolecall.NewMux(issuer.Guard())
	mux.Handle("GET /stream", rolecall.Authenticated(), func(w http.ResponseWriter, r *http.Request, p *rolecall.Principal) {
		w.(http.Flusher).Flush()
	})
	if answer := send(mux, issuer.Token("alice").Authorize(get("/stream"))); !answer.Flushed {
		t.Error("the writer is wrapped")
	}
}

// A matrix test must fail when the router does not do what the matrix shows, and when the file differs.
func TestTheMatrixTestFindsFaults(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	mux := app(issuer.Guard())
	matrix := rolecall.MatrixOf(mux.Routes(), "admin")
	if err := matrix.Check(mux.Probe(issuer.Guard()), issuer.TokenOf); err != nil {
		t.Fatal(err)
	}
	wrong := app(issuer.Guard()).Routes()
	for i := range wrong {
		if wrong[i].Path == "/items" && wrong[i].Method == "POST" {
			wrong[i].Rule = rolecall.Authenticated()
		}
	}
	err := rolecall.MatrixOf(wrong, "admin").Check(mux.Probe(issuer.Guard()), issuer.TokenOf)
	if err == nil || !strings.Contains(err.Error(), "POST /items") {
		t.Errorf("%v", err)
	}
	// the handlers run, so that this is no probe
	if err := matrix.Check(mux, issuer.TokenOf); err == nil {
		t.Error("200 is not 204")
	}
	broken := func(rolecall.MatrixCaller) string { return "x" }
	if err := matrix.Check(mux.Probe(issuer.Guard()), broken); err == nil {
		t.Error("a token that is not accepted is no caller")
	}
	recorded := &failures{TB: t}
	file := t.TempDir() + "/access.lock"
	func() {
		defer func() { _ = recover() }()
		rolecalltest.AccessMatrix(recorded, mux, file)
	}()
	if !strings.Contains(recorded.text, "no such file") || !strings.Contains(recorded.text, "GET /items") {
		t.Errorf("%.300s", recorded.text)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(matrix.String(), "POST /items for role:admin", "POST /items for everyone", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		rolecalltest.AccessMatrix(recorded, mux, file, "admin")
	}()
	if !strings.Contains(recorded.text, "+ 401        403        ok     | POST /items for role:admin") {
		t.Errorf("%.300s", recorded.text)
	}
}

// failures records a failure in place of failing.
type failures struct {
	testing.TB
	text string
}

var errFailed = errors.New("failed")

func (f *failures) Fatal(args ...any) {
	f.text = fmt.Sprint(args...)
	panic(errFailed)
}
