package rolecalltest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"time"

	"rolecall"
)

// Token is a token that is not signed yet. Its methods change it and return it.
type Token struct {
	issuer *Issuer
	claims map[string]any
}

// Token starts a token for a user, without roles and permissions.
func (i *Issuer) Token(username string) *Token {
	now := i.clock.Now().Unix()
	return &Token{i, map[string]any{
		"iss": URL, "sub": username, "subject_kind": "user", "aud": URL, "client_id": "rolecall",
		"iat": now, "exp": now + int64(lifetime/time.Second), "jti": "test-" + username, "sid": "session-" + username,
		"auth_time": now, "acr": "aal1", "amr": []string{"pwd"}, "username": username, "roles": []string{}, "scope": "",
		"rev": 0, "era": i.state.Era(),
	}}
}

// TokenOf signs a token with exactly the roles and permissions of a caller of an access matrix.
func (i *Issuer) TokenOf(caller rolecall.MatrixCaller) string {
	token := i.Token("matrix")
	for _, role := range caller.Roles {
		token.Role(role)
	}
	for _, permission := range caller.Permissions {
		token.Permission(permission)
	}
	if caller.Tenant != "" {
		token.Tenant(caller.Tenant)
	}
	if caller.IsStale {
		token.SignedInAgo(time.Duration(1<<63 - 1))
	}
	return token.Sign()
}

// Role adds a role.
func (t *Token) Role(role string) *Token {
	t.claims["roles"] = append(t.claims["roles"].([]string), role)
	return t
}

// Permission adds a permission, such as items:read.
func (t *Token) Permission(permission string) *Token {
	t.claims["scope"] = withName(t.claims["scope"].(string), permission)
	return t
}

func withName(scope, name string) string {
	return strings.TrimPrefix(scope+" "+name, " ")
}

// Tenant issues the token for a tenant, in which alone the subject holds what the token carries.
func (t *Token) Tenant(tenant string) *Token {
	t.claims["tenant"] = tenant
	t.global()
	return t
}

func (t *Token) global() map[string]any {
	if _, has := t.claims["global"]; !has {
		t.claims["global"] = map[string]any{"roles": []string{}, "scope": ""}
	}
	return t.claims["global"].(map[string]any)
}

// GlobalRole adds a role that the subject of a token for a tenant holds whatever the tenant.
func (t *Token) GlobalRole(role string) *Token {
	global := t.global()
	global["roles"] = append(global["roles"].([]string), role)
	return t.Role(role)
}

// GlobalPermission adds a permission that the subject of a token for a tenant holds whatever the tenant.
func (t *Token) GlobalPermission(permission string) *Token {
	global := t.global()
	global["scope"] = withName(global["scope"].(string), permission)
	return t.Permission(permission)
}

// Acr sets the assurance of the session; a password alone by default.
func (t *Token) Acr(acr rolecall.Acr) *Token {
	methods := map[rolecall.Acr][]string{
		rolecall.Aal1: {"pwd"}, rolecall.Aal2: {"pwd", "otp", "mfa"}, rolecall.Phr: {"hwk", "user", "mfa"},
	}
	t.claims["acr"], t.claims["amr"] = acr.String(), methods[acr]
	return t
}

// SignedInAgo lets the user have signed in some time ago, for [rolecall.Fresh]; by default they did just now.
func (t *Token) SignedInAgo(age time.Duration) *Token {
	t.claims["auth_time"] = max(0, t.claims["iat"].(int64)-int64(age/time.Second))
	return t
}

// Claim adds a claim of the application, or changes any other.
func (t *Token) Claim(name string, value any) *Token {
	t.claims[name] = value
	return t
}

// Without removes a claim. The token may then be refused.
func (t *Token) Without(name string) *Token {
	delete(t.claims, name)
	return t
}

// Client makes the subject a client, so that the token has no user name and no session.
func (t *Token) Client() *Token {
	t.claims["subject_kind"], t.claims["client_id"] = "client", t.claims["sub"]
	for _, name := range []string{"username", "sid", "auth_time", "acr", "amr"} {
		delete(t.claims, name)
	}
	return t
}

// Revision sets the revision from which the token is issued, 0 by default.
func (t *Token) Revision(revision int64) *Token {
	return t.Claim("rev", revision)
}

// Expired makes the token expire now.
func (t *Token) Expired() *Token {
	now := t.issuer.clock.Now().Unix()
	t.claims["iat"], t.claims["exp"] = now-int64(lifetime/time.Second), now
	return t
}

// Sign signs the token.
func (t *Token) Sign() string {
	return t.SignWithHeader(nil)
}

// SignWithHeader signs the token with members of its header added or changed. The token may then be refused.
func (t *Token) SignWithHeader(members map[string]any) string {
	i := t.issuer
	i.t.Helper()
	header := map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": kid}
	maps.Copy(header, members)
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(i.json(header)) + "." + encode(i.json(t.claims))
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		i.t.Fatal(err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature[:])
}

// Authorize adds the signed token to a request.
func (t *Token) Authorize(request *http.Request) *http.Request {
	request.Header.Set("Authorization", "Bearer "+t.Sign())
	return request
}
