package rolecall_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"rolecall"
	"rolecall/rolecalltest"
)

// verify returns the code of the denial, or an empty text for an accepted token.
func verify(t *testing.T, guard *rolecall.Guard, token string) string {
	t.Helper()
	_, err := guard.Verify(context.Background(), token)
	var denial *rolecall.Denial
	if errors.As(err, &denial) {
		return denial.Code()
	}
	if err != nil {
		t.Fatalf("not a denial: %v", err)
	}
	return ""
}

func TestClaimsAreCheckedStrictly(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	guard := issuer.Guard()
	now := issuer.Clock().Now().Unix()
	number := func(text string) json.Number { return json.Number(text) }
	for _, row := range []struct {
		name  string
		value any
		want  string
	}{
		{"iss", "https://other.invalid", "invalid_token"}, {"iss", rolecalltest.URL + "/", "invalid_token"}, {"iss", 1, "invalid_token"},
		{"iss", []string{rolecalltest.URL}, "invalid_token"},
		{"sub", "", "invalid_token"}, {"sub", nil, "invalid_token"}, {"sub", 7, "invalid_token"},
		{"aud", "https://other.invalid", "invalid_token"}, {"aud", []string{}, "invalid_token"}, {"aud", []any{rolecalltest.URL, 1}, "invalid_token"},
		{"aud", []string{"x", rolecalltest.URL}, ""}, {"aud", nil, "invalid_token"}, {"aud", map[string]any{}, "invalid_token"},
		{"client_id", "", "invalid_token"}, {"client_id", nil, "invalid_token"}, {"jti", "", "invalid_token"}, {"jti", 1, "invalid_token"},
		{"exp", now, "ended_token"}, {"exp", now + 1, ""}, {"exp", now + 24*3600, ""}, {"exp", now + 24*3600 + 1, "invalid_token"},
		{"exp", "1893457800", "invalid_token"}, {"exp", nil, "invalid_token"}, {"exp", -1, "invalid_token"}, {"exp", true, "invalid_token"},
		{"exp", number("1893457800.9"), ""}, {"exp", number("1.8934578e9"), ""}, {"exp", number("1893456000.9"), "ended_token"},
		{"exp", number("1e300"), "invalid_token"}, {"exp", number("-0.0"), "invalid_token"}, {"exp", number("9223372036854775808"), "invalid_token"},
		{"iat", now + 30, ""}, {"iat", now + 31, "invalid_token"}, {"iat", number("1893456030.999"), ""}, {"iat", nil, "invalid_token"},
		{"nbf", now + 30, ""}, {"nbf", now + 31, "invalid_token"}, {"nbf", "now", "invalid_token"}, {"nbf", nil, "invalid_token"},
		{"auth_time", nil, "invalid_token"}, {"auth_time", 0, ""}, {"auth_time", number("0.5"), ""},
		{"roles", nil, "invalid_token"}, {"roles", "administrator", "invalid_token"}, {"roles", []any{"admin", nil}, "invalid_token"},
		{"roles", []any{[]string{"admin"}}, "invalid_token"}, {"roles", map[string]any{"admin": true}, "invalid_token"},
		{"scope", nil, "invalid_token"}, {"scope", []string{"items:read"}, "invalid_token"},
		{"rev", number("1.0"), "invalid_token"}, {"rev", number("1e3"), "invalid_token"}, {"rev", number("-0"), "invalid_token"},
		{"rev", -1, "invalid_token"}, {"rev", "1", "invalid_token"}, {"rev", 1, ""},
		{"era", "another", "ended_token"}, {"era", nil, "invalid_token"}, {"tenant", nil, "invalid_token"}, {"tenant", 1, "invalid_token"},
		{"sid", nil, "invalid_token"}, {"username", nil, "invalid_token"}, {"narrowed", "true", "invalid_token"}, {"narrowed", true, ""},
		{"subject_kind", "robot", "invalid_token"}, {"subject_kind", nil, "invalid_token"}, {"subject_kind", "client", ""},
		{"global", nil, "invalid_token"}, {"global", []any{}, "invalid_token"}, {"global", map[string]any{"roles": nil}, "invalid_token"},
		{"global", map[string]any{"scope": 1}, "invalid_token"}, {"acr", 1, "invalid_token"}, {"acr", "urn:other", ""}, {"acr", nil, "invalid_token"},
		{"amr", "pwd", ""}, {"amr", nil, ""}, {"step_up", "admin", "invalid_token"}, {"Roles", "administrator", ""}, {"ROLES", []string{"admin"}, ""},
		{"deep", []any{[]any{[]any{map[string]any{"a": nil}}}}, ""},
	} {
		if got := verify(t, guard, issuer.Token("alice").Claim(row.name, row.value).Sign()); got != row.want {
			t.Errorf("%s = %v: %q", row.name, row.value, got)
		}
	}
	for _, name := range []string{"iss", "sub", "aud", "iat", "exp", "client_id", "jti"} {
		if got := verify(t, guard, issuer.Token("alice").Without(name).Sign()); got != "invalid_token" {
			t.Errorf("without %s: %q", name, got)
		}
	}
	for _, name := range []string{"subject_kind", "sid", "auth_time", "acr", "amr", "username", "roles", "scope", "rev"} {
		if got := verify(t, guard, issuer.Token("alice").Without(name).Sign()); got != "" {
			t.Errorf("without %s: %q", name, got)
		}
	}
}

func TestMembersWithAnotherCaseGiveNothing(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	token := issuer.Token("alice").Claim("Roles", []string{"admin"}).Claim("ROLES", []string{"admin"}).Claim("Scope", "items:read")
	caller, err := issuer.Guard().Verify(context.Background(), token.Sign())
	if err != nil || len(caller.Roles()) != 0 || len(caller.Permissions()) != 0 {
		t.Errorf("%v %v", caller.Roles(), err)
	}
}

func TestHeadersAreCheckedStrictly(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	guard := issuer.Guard()
	for _, row := range []struct {
		members map[string]any
		want    string
	}{
		{nil, ""}, {map[string]any{"typ": "AT+JWT"}, ""}, {map[string]any{"typ": "application/at+jwt"}, ""},
		{map[string]any{"typ": "JWT"}, "invalid_token"}, {map[string]any{"typ": nil}, "invalid_token"}, {map[string]any{"typ": ""}, "invalid_token"},
		{map[string]any{"typ": "at+\u212awt"}, "invalid_token"}, {map[string]any{"Typ": "JWT"}, ""},
		{map[string]any{"alg": "none"}, "invalid_token"}, {map[string]any{"alg": "es256"}, "invalid_token"}, {map[string]any{"alg": "HS256"}, "invalid_token"},
		{map[string]any{"alg": "ES384"}, "invalid_token"}, {map[string]any{"alg": nil}, "invalid_token"}, {map[string]any{"alg": 1}, "invalid_token"},
		{map[string]any{"kid": "other"}, "invalid_token"}, {map[string]any{"kid": nil}, "invalid_token"}, {map[string]any{"kid": 1}, "invalid_token"},
		{map[string]any{"crit": []string{}}, "invalid_token"}, {map[string]any{"crit": nil}, "invalid_token"}, {map[string]any{"b64": true}, "invalid_token"},
		{map[string]any{"zip": "DEF"}, "invalid_token"}, {map[string]any{"enc": nil}, "invalid_token"}, {map[string]any{"jku": "https://evil.invalid"}, ""},
	} {
		if got := verify(t, guard, issuer.Token("alice").SignWithHeader(row.members)); got != row.want {
			t.Errorf("%v: %q", row.members, got)
		}
	}
}

func TestTheTextOfATokenIsCheckedStrictly(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	guard := issuer.Guard()
	good := issuer.Token("alice").Sign()
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	last := good[len(good)-1:]
	// the last character of 64 bytes has four bits that must be zero
	other := map[string]string{"A": "B", "Q": "R", "g": "h", "w": "x"}[last]
	bad := map[string]string{
		"empty": "", "one part": "abc", "two parts": parts[0] + "." + parts[1], "four parts": good + ".x", "no signature": parts[0] + "." + parts[1] + ".",
		"padding": good + "==", "a line break": good + "\n", "a line break inside": parts[0] + "\r\n." + parts[1] + "." + parts[2],
		"a space": " " + good, "trailing bits": good[:len(good)-1] + other, "a short signature": good[:len(good)-4],
		"a long signature": good + "AAAA", "another alphabet": parts[0] + "." + parts[1] + "." + strings.Repeat("+", 86),
		"a byte-order mark":  encode([]byte("\ufeff"+`{"alg":"ES256","typ":"at+jwt","kid":"test-key"}`)) + "." + parts[1] + "." + parts[2],
		"an array as header": encode([]byte(`["ES256"]`)) + "." + parts[1] + "." + parts[2], "too long": strings.Repeat("a", 16*1024+1),
		"unsigned": encode([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
	}
	for name, token := range bad {
		if got := verify(t, guard, token); got != "invalid_token" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := verify(t, guard, good); got != "" {
		t.Errorf("the token itself: %q", got)
	}
	// each bit of the signature counts, also when the token itself is in the cache
	for i := len(parts[0]) + len(parts[1]) + 2; i < len(good)-1; i++ {
		changed := []byte(good)
		changed[i] ^= 1
		if got := verify(t, guard, string(changed)); got == "" {
			t.Errorf("byte %d", i)
		}
	}
}

func TestATokenWithDuplicateMembersIsRefused(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	token := issuer.Token("alice").Claim("x", json.RawMessage(`{"a":1,"\u0061":2}`)).Sign()
	if got := verify(t, issuer.Guard(), token); got != "invalid_token" {
		t.Errorf("%q", got)
	}
}

func TestAForeignIssuerMayLeaveOutIDs(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	keys, err := rolecall.ParseJWKS(issuer.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	make := func(options ...rolecall.Option) *rolecall.Guard {
		all := append([]rolecall.Option{rolecall.WithKeys(keys), rolecall.WithClock(issuer.Clock())}, options...)
		guard, err := rolecall.New(rolecalltest.URL, all...)
		if err != nil {
			t.Fatal(err)
		}
		return guard
	}
	foreign := issuer.Token("alice").Without("client_id").Without("jti").Without("rev").Without("era")
	if got := verify(t, make(), foreign.Sign()); got != "invalid_token" {
		t.Errorf("%q", got)
	}
	if got := verify(t, make(rolecall.Foreign()), foreign.Sign()); got != "" {
		t.Errorf("%q", got)
	}
	// rev and era show that the token is rolecall's own
	if got := verify(t, make(rolecall.Foreign()), foreign.Claim("era", "").Sign()); got != "invalid_token" {
		t.Errorf("%q", got)
	}
}

func TestSharedSecretsMustBeLongEnough(t *testing.T) {
	for alg, least := range map[string]int{"HS256": 32, "HS384": 48, "HS512": 64} {
		if _, err := rolecall.SecretKey(alg, "", make([]byte, least)); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		if _, err := rolecall.SecretKey(alg, "", make([]byte, least-1)); err == nil {
			t.Errorf("%s takes a short secret", alg)
		}
	}
	if _, err := rolecall.SecretKey("ES256", "", make([]byte, 64)); err == nil {
		t.Error("ES256 has no secret")
	}
}

func TestKeySetsAreCheckedStrictly(t *testing.T) {
	ec := map[string]any{}
	issuer := rolecalltest.NewIssuer(t)
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(issuer.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	maps.Copy(ec, set.Keys[0])
	with := func(changes ...any) map[string]any {
		key := maps.Clone(ec)
		for i := 0; i < len(changes); i += 2 {
			if key[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
				delete(key, changes[i].(string))
			}
		}
		return key
	}
	jwks := func(keys ...any) []byte {
		text, _ := json.Marshal(map[string]any{"keys": keys})
		return text
	}
	low := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(append([]byte{1}, make([]byte, 31)...))}
	oct := map[string]any{"kty": "oct", "alg": "HS256", "kid": "s", "k": base64.RawURLEncoding.EncodeToString(make([]byte, 32))}
	rsa := func(n []byte, e string) map[string]any {
		return map[string]any{"kty": "RSA", "alg": "RS256", "kid": "r", "n": base64.RawURLEncoding.EncodeToString(n), "e": e}
	}
	odd := append([]byte{0xff}, make([]byte, 254)...)
	for want, texts := range map[string][][]byte{
		"strict JSON":      {[]byte(""), []byte("[]"), []byte("\ufeff" + string(issuer.JWKS())), []byte(`{"keys":[],"keys":[]}`)},
		"array of objects": {[]byte("{}"), []byte(`{"keys":{}}`), jwks(1), []byte(`{"Keys":[]}`)},
		"same key id":      {jwks(with(), with())},
		"needs a key id":   {jwks(with("kid", nil), with())},
		"1 to 256 bytes":   {jwks(with("kid", "")), jwks(with("kid", strings.Repeat("k", 257)))},
		"mixes":            {jwks(with(), oct)},
		"private key":      {jwks(with("d", "AA"))},
		"not for verify":   {jwks(with("use", "enc")), jwks(with("key_ops", []string{"sign"})), jwks(with("key_ops", []string{"verify", "encrypt"}))},
		"not a string":     {jwks(with("kid", 1)), jwks(with("alg", nil, "x", 1)), jwks(with("kty", 1)), jwks(with("use", false))},
		"not a valid ES":   {jwks(with("x", "AAAA")), jwks(with("x", ec["y"])), jwks(with("crv", "P-384", "alg", "ES256"))},
		"not a valid RS":   {jwks(with("alg", "RS256"))},
		"without `kty`":    {jwks(with("kty", nil))},
		"without `crv`":    {jwks(with("crv", nil))},
		"base64url":        {jwks(with("x", ec["x"].(string)+"=")), jwks(with("x", "a\nb"))},
		"low order":        {jwks(low)},
		"too many keys":    {jwks(make([]any, 101)...)},
		"256 KiB":          {[]byte(string(issuer.JWKS()) + strings.Repeat(" ", 256*1024))},
		"under 2048":       {jwks(rsa(append([]byte{0x7f}, make([]byte, 255)...), "AQAB"))},
		"small factor":     {jwks(rsa(append(odd, 0), "AQAB")), jwks(rsa(append(odd[:255:255], 3), "AQAB"))},
		"leading zeros":    {jwks(rsa(append([]byte{0}, odd...), "AQAB")), jwks(rsa(append([]byte{0xff}, make([]byte, 255)...), "AAEAAQ"))},
		"ambiguous":        {jwks(map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB"})},
		"missing":          {jwks(with("x", nil))},
	} {
		for _, text := range texts {
			if _, err := rolecall.ParseJWKS(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v: %.200s", want, err, text)
			}
		}
	}
	for _, ignored := range []map[string]any{with("kty", "new"), with("crv", "P-999"), with("alg", "ES999"), with("crv", "secp256k1", "alg", nil)} {
		if keys, err := rolecall.ParseJWKS(jwks(ignored)); err != nil || keys.Len() != 0 {
			t.Errorf("%v: %v", ignored, err)
		}
	}
}

func TestACachedTokenIsCheckedOnEveryUse(t *testing.T) {
	for name, row := range map[string]struct {
		lose func(*rolecalltest.Issuer)
		want string
	}{
		"expiry":            {func(i *rolecalltest.Issuer) { i.Clock().Advance(30 * time.Minute); i.State().MarkFresh() }, "ended_token"},
		"a floor: subject":  {func(i *rolecalltest.Issuer) { i.Revoke(rolecall.FloorSubject, "alice") }, "ended_token"},
		"a floor: client":   {func(i *rolecalltest.Issuer) { i.Revoke(rolecall.FloorClient, "rolecall") }, "ended_token"},
		"a floor: role":     {func(i *rolecalltest.Issuer) { i.Revoke(rolecall.FloorRole, "admin") }, "ended_token"},
		"a floor: session":  {func(i *rolecalltest.Issuer) { i.Revoke(rolecall.FloorSession, "session-alice") }, "ended_token"},
		"a floor: token":    {func(i *rolecalltest.Issuer) { i.Revoke(rolecall.FloorToken, "test-alice") }, "ended_token"},
		"another floor":     {func(i *rolecalltest.Issuer) { i.Revoke(rolecall.FloorSubject, "bob") }, ""},
		"another era":       {func(i *rolecalltest.Issuer) { i.State().Replace("next") }, "ended_token"},
		"another key":       {func(i *rolecalltest.Issuer) { i.State().SetKeys(keysOf(rolecalltest.NewIssuer(t))) }, "invalid_token"},
		"no keys":           {func(i *rolecalltest.Issuer) { i.State().SetKeys(&rolecall.KeySet{}) }, "unavailable"},
		"age 30 s":          {func(i *rolecalltest.Issuer) { i.Clock().Advance(30 * time.Second) }, ""},
		"age over 30 s":     {func(i *rolecalltest.Issuer) { i.Clock().Advance(30*time.Second + 1) }, "unavailable"},
		"a clock set back":  {func(i *rolecalltest.Issuer) { i.Clock().Set(i.Clock().Now().Add(-31 * time.Second)) }, "invalid_token"},
		"a clock 30 s back": {func(i *rolecalltest.Issuer) { i.Clock().Set(i.Clock().Now().Add(-30 * time.Second)) }, ""},
		"a clock set ahead": {func(i *rolecalltest.Issuer) { i.Clock().Set(i.Clock().Now().Add(time.Hour)) }, "ended_token"},
		"a floor of another": {func(i *rolecalltest.Issuer) {
			i.State().Raise(rolecall.Floor{Kind: "subject", Key: "alice", Tenant: "acme", Revision: 9, Until: time.Unix(1<<40, 0)})
		}, ""},
	} {
		issuer := rolecalltest.NewIssuer(t)
		guard := issuer.Guard()
		token := issuer.Token("alice").Role("admin").Sign()
		if got := verify(t, guard, token); got != "" || guard.Status().CachedTokens != 1 {
			t.Fatalf("%s: %q", name, got)
		}
		row.lose(issuer)
		if got := verify(t, guard, token); got != row.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func keysOf(issuer *rolecalltest.Issuer) *rolecall.KeySet {
	keys, err := rolecall.ParseJWKS(issuer.JWKS())
	if err != nil {
		panic(err)
	}
	return keys
}

func TestAStaleStateIsAcceptedOnlyOnRequest(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	guard := issuer.Guard(rolecall.AcceptStale(), rolecall.MaxStaleness(time.Second))
	token := issuer.Token("alice").Sign()
	issuer.Clock().Advance(time.Minute)
	if got := verify(t, guard, token); got != "" {
		t.Errorf("%q", got)
	}
}

func TestTheCallerIsWhatTheTokenSays(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	guard := issuer.Guard()
	token := issuer.Token("alice").Role("b").Role("a").Role("b").Permission("x:y").Tenant("acme").GlobalRole("c").
		Claim("global", map[string]any{"roles": []string{"c", "not-carried"}, "scope": "x:y z:z"}).
		Acr(rolecall.Aal2).Claim("email", "a@example.com").Claim("email_verified", true).Claim("level", 3)
	p, err := guard.Verify(context.Background(), token.Sign())
	if err != nil {
		t.Fatal(err)
	}
	address, isVerified := p.Email()
	authTime, hasAuthTime := p.AuthTime()
	for _, row := range []struct{ got, want any }{
		{p.Subject(), "alice"}, {p.Username(), "alice"}, {p.ClientID(), "rolecall"}, {p.IsClient(), false},
		{strings.Join(p.Roles(), " "), "a b c"}, {strings.Join(p.GlobalRoles(), " "), "c"},
		{strings.Join(p.Permissions(), " "), "x:y"}, {strings.Join(p.GlobalPermissions(), " "), "x:y"},
		{p.Tenant(), "acme"}, {p.Session(), "session-alice"}, {p.TokenID(), "test-alice"}, {p.Acr(), rolecall.Aal2},
		{strings.Join(p.Methods(), " "), "pwd otp mfa"}, {address, "a@example.com"}, {isVerified, true}, {p.Claim("level"), 3.0},
		{p.Narrowed(), false}, {p.Revision(), int64(0)}, {p.Era(), "test"}, {hasAuthTime, true},
		{authTime.Equal(issuer.Clock().Now()), true}, {p.ExpiresAt().Sub(p.IssuedAt()), 30 * time.Minute},
		{p.HasRole("a"), true}, {p.Has(rolecall.Role("a")), false}, {p.Has(rolecall.Role("c")), true},
		{p.Has(rolecall.InTenant(rolecall.Role("a"))), true}, {p.Has(rolecall.Rule{}), false},
		{strings.Join(p.Audience(), " "), rolecalltest.URL}, {p.Claim("roles"), nil},
	} {
		if row.got != row.want {
			t.Errorf("%v is not %v", row.got, row.want)
		}
	}
	client, err := guard.Verify(context.Background(), issuer.Token("alice").Client().Claim("username", "alice").Sign())
	if err != nil || client.Username() != "" || !client.IsClient() || client.ClientID() != "alice" {
		t.Errorf("%v: a client has no user name", err)
	}
	if err := p.Require(rolecall.Role("a")); err == nil || err.(*rolecall.Denial).Challenge() != `Bearer error="insufficient_scope", scope="role:a"` {
		t.Errorf("%v", err)
	}
	if err := p.Require(rolecall.Role("c")); err != nil {
		t.Errorf("%v", err)
	}
}

func TestAnAnswerThatLastsEndsWithTheAccess(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	guard := issuer.Guard()
	p, err := guard.Verify(context.Background(), issuer.Token("alice").Sign())
	if err != nil {
		t.Fatal(err)
	}
	held, cancel := p.Held(context.Background())
	defer cancel()
	if p.IsLost() || held.Err() != nil {
		t.Fatal("it is lost already")
	}
	issuer.Revoke(rolecall.FloorSubject, "alice")
	<-held.Done()
	if !errors.Is(context.Cause(held), rolecall.ErrLost) || !p.IsLost() {
		t.Errorf("%v", context.Cause(held))
	}
	// a handler that returns ends it too
	again, stop := p.Held(context.Background())
	stop()
	<-again.Done()
}

func TestGuardsThatCannotWorkAreRefused(t *testing.T) {
	issuer := rolecalltest.NewIssuer(t)
	for want, make := range map[string]func() (*rolecall.Guard, error){
		"no issuer": func() (*rolecall.Guard, error) { return rolecall.New("") },
		"not a URL": func() (*rolecall.Guard, error) { return rolecall.New("login.example") },
		"not https": func() (*rolecall.Guard, error) { return rolecall.New("http://login.example") },
		"a query":   func() (*rolecall.Guard, error) { return rolecall.New("https://login.example?x") },
		"user name": func() (*rolecall.Guard, error) { return rolecall.New("https://me@login.example") },
		"two sources": func() (*rolecall.Guard, error) {
			return rolecall.New(rolecalltest.URL, rolecall.WithState(issuer.State()), rolecall.Client("a", "b"))
		},
		"audience is empty": func() (*rolecall.Guard, error) { return rolecall.New(rolecalltest.URL, rolecall.Audience("a", "")) },
		"id and a secret":   func() (*rolecall.Guard, error) { return rolecall.New(rolecalltest.URL, rolecall.Client("items", "")) },
		"must be positive":  func() (*rolecall.Guard, error) { return rolecall.New(rolecalltest.URL, rolecall.MaxStaleness(0)) },
		"set is empty": func() (*rolecall.Guard, error) {
			return rolecall.New(rolecalltest.URL, rolecall.WithKeys(&rolecall.KeySet{}))
		},
	} {
		if guard, err := make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v", want, guard, err)
		}
	}
}
