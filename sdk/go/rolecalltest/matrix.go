package rolecalltest

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"rolecall"
)

const howToBless = "If the change is intended, run `ROLECALL_BLESS=1 go test` and commit the file."

// AccessMatrix compares the access matrix of a router with the committed file, and requests every cell from a router with
// the same routes and rules. No handler runs. `ROLECALL_BLESS=1 go test` writes the file.
//
// There is a column for each of roles; without any, for each role that a rule names. The path of the file is relative to the
// folder of the package.
func AccessMatrix(t testing.TB, mux *rolecall.Mux, lockFile string, roles ...string) {
	t.Helper()
	issuer := NewIssuer(t)
	check(t, issuer, rolecall.MatrixOf(mux.Routes(), roles...), mux.Probe(issuer.Guard()), lockFile)
}

// AccessMatrixOf does the same for another router. handler makes it with the given guard, which stops each request after the
// rule, and returns its routes.
func AccessMatrixOf(t testing.TB, handler func(*rolecall.Guard) (http.Handler, []rolecall.Route), lockFile string, roles ...string) {
	t.Helper()
	issuer := NewIssuer(t)
	probe, routes := handler(issuer.Guard(rolecall.Probe()))
	check(t, issuer, rolecall.MatrixOf(routes, roles...), probe, lockFile)
}

func check(t testing.TB, issuer *Issuer, matrix *rolecall.Matrix, handler http.Handler, lockFile string) {
	t.Helper()
	// first, so that a matrix is never written for a router that does not behave accordingly
	if err := matrix.Check(handler, issuer.TokenOf); err != nil {
		t.Fatal(err)
	}
	if err := compare(matrix.String(), lockFile, os.Getenv("ROLECALL_BLESS") == "1"); err != nil {
		t.Fatal(err)
	}
}

func compare(now, lockFile string, bless bool) error {
	if bless {
		return os.WriteFile(lockFile, []byte(now), 0o644)
	}
	committed, err := os.ReadFile(lockFile)
	if err != nil {
		return fmt.Errorf("%w\n\nThe access matrix is now:\n\n%s\n%s", err, now, howToBless)
	}
	if changed := difference(string(committed), now); changed != "" {
		return fmt.Errorf("%s has changed (- committed, + now):\n\n%s\n%s", lockFile, changed, howToBless)
	}
	return nil
}

// difference returns the lines that are in only one of the texts, or nothing if the texts are equal. Lines that begin with #
// are comments, in which the languages differ.
func difference(committed, now string) string {
	before, after := lines(committed), lines(now)
	if slices.Equal(before, after) {
		return ""
	}
	var text strings.Builder
	for _, line := range before {
		if !slices.Contains(after, line) {
			text.WriteString("- " + line + "\n")
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			text.WriteString("+ " + line + "\n")
		}
	}
	if text.Len() == 0 {
		return "the same lines in a different order or number\n"
	}
	return text.String()
}

func lines(text string) []string {
	all := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	return slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "#") })
}
