// Program go is the tutorial's application on net/http, guarded by rolecall.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"rolecall"
)

// app returns the routes of the application. A test gives it the guard of a test issuer.
func app(guard *rolecall.Guard) *rolecall.Mux {
	mux := rolecall.NewMux(guard)
	mux.Handle("GET /items/{$}", rolecall.Role("admin"), readItems)
	mux.Handle("GET /users/{$}", rolecall.Role("user"), readUsers)
	mux.Handle("GET /me", rolecall.Authenticated(), readMe)
	mux.Handle("GET /health", rolecall.Public(), health)
	return mux
}

func readItems(w http.ResponseWriter, _ *http.Request, caller *rolecall.Principal) {
	write(w, []map[string]string{{"item_id": "Foo", "owner": caller.Username()}})
}

func readUsers(w http.ResponseWriter, _ *http.Request, caller *rolecall.Principal) {
	write(w, []map[string]string{{"username": caller.Username()}})
}

func readMe(w http.ResponseWriter, _ *http.Request, caller *rolecall.Principal) {
	write(w, map[string]any{"username": caller.Username(), "roles": caller.Roles()})
}

func health(w http.ResponseWriter, _ *http.Request, _ *rolecall.Principal) {
	write(w, "ok")
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}

// newGuard makes a guard from the environment. Without a client, it does not learn of revocations.
func newGuard() (*rolecall.Guard, error) {
	issuer := cmp.Or(os.Getenv("ISSUER"), "http://127.0.0.1:8000")
	options := []rolecall.Option{rolecall.Audience(cmp.Or(os.Getenv("AUDIENCE"), issuer))}
	if id := os.Getenv("CLIENT_ID"); id != "" {
		options = append(options, rolecall.Client(id, os.Getenv("CLIENT_SECRET")))
	}
	if text := os.Getenv("MAX_STALENESS"); text != "" {
		age, err := time.ParseDuration(text + "s")
		if err != nil {
			return nil, fmt.Errorf("MAX_STALENESS is a number of seconds: %w", err)
		}
		options = append(options, rolecall.MaxStaleness(age))
	}
	return rolecall.New(issuer, options...)
}

func main() {
	guard, err := newGuard()
	if err != nil {
		log.Fatal(err)
	}
	defer guard.Close()
	server := &http.Server{
		Addr:              "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "9000"),
		Handler:           app(guard),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
