package main

import (
	"context"

	"rolecall-calls/rolecall"
)

// me calls the server as docs/generated-clients.md does.
func me(token string) string {
	// the program of the page
	if err != nil {
		panic(err)
	}
	return me.GetUsername()
}
