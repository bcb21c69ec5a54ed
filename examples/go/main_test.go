package main

import (
	"net/http/httptest"
	"testing"

	"rolecall"
	"rolecall/rolecalltest"
)

func TestTheAccessMatrixMatchesTheReviewedFile(t *testing.T) {
	rolecalltest.AccessMatrix(t, app(rolecalltest.NewIssuer(t).Guard()), "access.lock")
}

func TestAnAdministratorReadsItemsUntilTheRoleIsTakenAway(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	routes := app(issuer.Guard())
	request := issuer.Token("alice").Role("admin").Authorize(httptest.NewRequest("GET", "/items/", nil))

	answer := httptest.NewRecorder()
	routes.ServeHTTP(answer, request)
	if want := `[{"item_id":"Foo","owner":"alice"}]` + "\n"; answer.Code != 200 || answer.Body.String() != want {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}

	issuer.Revoke(rolecall.FloorRole, "admin")
	answer = httptest.NewRecorder()
	routes.ServeHTTP(answer, request)
	if answer.Code != 401 {
		t.Errorf("%d after the role was taken away", answer.Code)
	}
}
