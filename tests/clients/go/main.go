// Verifies tokens with the program of docs/other-languages.md, which the test adds as `verify.go`: prints the subject and
// the roles of each argument, or `refused`.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
)

func main() {
	keys, err := keyfunc.NewDefault([]string{issuer + "/.well-known/jwks.json"})
	if err != nil {
		panic(err)
	}
	for _, token := range os.Args[1:] {
		claims, err := verify(token, keys)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			fmt.Println("refused")
			continue
		}
		fmt.Println(claims.Subject, strings.Join(claims.Roles, ","))
	}
}
