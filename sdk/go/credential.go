package rolecall

import (
	"net/http"
	"strings"
)

// bearer returns the access token of the Authorization header, unverified (RFC 6750 section 2.1). Tokens in the query, the
// body and cookies are ignored.
func bearer(header http.Header) (string, *Denial) {
	values := header["Authorization"]
	switch len(values) {
	case 0:
		return "", NotAuthenticated
	case 1:
	default:
		return "", TwoCredentials
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	if lowerASCII(scheme) != "bearer" {
		return "", NotAuthenticated
	}
	// RFC 9110 allows spaces here, so no other white space is trimmed
	token := strings.Trim(rest, " ")
	if token == "" {
		return "", NotAuthenticated
	}
	if !isB64Token(token) {
		return "", InvalidToken
	}
	return token, nil
}

// isB64Token returns true for the syntax of RFC 6750 section 2.1.
func isB64Token(token string) bool {
	body := strings.TrimRight(token, "=")
	for i := 0; i < len(body); i++ {
		if !b64TokenBytes[body[i]] {
			return false
		}
	}
	return body != ""
}

var b64TokenBytes = func() (allowed [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") {
		allowed[c] = true
	}
	return allowed
}()
