package rolecall_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"rolecall"
	"rolecall/rolecalltest"
)

// nullWriter is a writer without a connection, so that only the router and the guard are measured.
type nullWriter struct{ header http.Header }

func (w nullWriter) Header() http.Header             { return w.header }
func (nullWriter) Write(text []byte) (int, error)    { return len(text), nil }
func (nullWriter) WriteHeader(int)                   {}
func (nullWriter) Flush()                            {}
func (nullWriter) WriteString(t string) (int, error) { return len(t), nil }

func benchmarkInMemory(b *testing.B, path string) {
	issuer := rolecalltest.NewIssuer(b)
	mux := benchmarkApp(issuer.Guard(rolecall.Logger(slog.New(slog.DiscardHandler))))
	request := issuer.Token("alice").Role("admin").Authorize(get(path))
	b.ReportAllocs()
	for b.Loop() {
		mux.ServeHTTP(nullWriter{http.Header{}}, request)
	}
}

func benchmarkApp(guard *rolecall.Guard) *rolecall.Mux {
	answer := func(w http.ResponseWriter, _ *http.Request, _ *rolecall.Principal) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `[{"item_id":"Foo","owner":"alice"}]`)
	}
	mux := rolecall.NewMux(guard)
	mux.Handle("GET /unguarded", rolecall.Public(), answer)
	mux.Handle("GET /guarded", rolecall.Role("admin"), answer)
	return mux
}

func BenchmarkRouteUnguarded(b *testing.B) { benchmarkInMemory(b, "/unguarded") }
func BenchmarkRouteGuarded(b *testing.B)   { benchmarkInMemory(b, "/guarded") }

// The same over a connection, with the work of the server in it.
func benchmarkServer(b *testing.B, path string) {
	issuer := rolecalltest.NewIssuer(b)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: benchmarkApp(issuer.Guard(rolecall.Logger(slog.New(slog.DiscardHandler))))}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	request, err := http.NewRequest(http.MethodGet, "http://"+listener.Addr().String()+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	issuer.Token("alice").Role("admin").Authorize(request)
	for b.Loop() {
		answer, err := http.DefaultClient.Do(request)
		if err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(err, answer)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}

func BenchmarkServerUnguarded(b *testing.B) { benchmarkServer(b, "/unguarded") }
func BenchmarkServerGuarded(b *testing.B)   { benchmarkServer(b, "/guarded") }

func benchmarkVerify(b *testing.B, options ...rolecall.Option) {
	issuer := rolecalltest.NewIssuer(b)
	guard := issuer.Guard(options...)
	token := issuer.Token("alice").Role("admin").Permission("items:read").Sign()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := guard.Verify(context.Background(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyCached(b *testing.B)   { benchmarkVerify(b) }
func BenchmarkVerifyUncached(b *testing.B) { benchmarkVerify(b, rolecall.CacheCapacity(0)) }
