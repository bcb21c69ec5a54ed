package rolecall

import (
	"math"
	"slices"
)

// maxTime is the latest NumericDate that is accepted: 9999-12-31T23:59:59Z, in seconds.
const maxTime = 253_402_300_799

// claims are the verified claims of an access token. Claims that other issuers leave out have neutral values.
type claims struct {
	iss, sub string
	isClient bool
	aud      []string
	// isOneAudience is true if the claim is a string and not an array.
	isOneAudience bool
	clientID      string
	iat, exp      int64
	nbf           int64 // iat if the token has none
	jti           string
	sid           *string
	authTime      *int64
	acr           Acr // Aal1 if the token has none of rolecall's
	amr           []string
	stepUp        []string
	username      string
	roles         []string
	scope         string
	tenant        *string
	global        *globalClaims
	isNarrowed    bool
	rev           int64
	era           string
	other         map[string]any
	key           fingerprint
}

// globalClaims are the roles and permissions that the subject of a token for a tenant holds without the tenant.
type globalClaims struct {
	roles []string
	scope string
}

// parseClaims reads a payload. A known claim with the wrong type makes it invalid, and null is a wrong type.
func parseClaims(payload []byte, key fingerprint, allowMissingIDs bool) (*claims, bool) {
	members, err := parseObject(payload, maxTokenDepth)
	if err != nil {
		return nil, false
	}
	r := claimReader{members: members}
	_, hasRev := members["rev"]
	_, hasEra := members["era"]
	c := &claims{
		iss:        r.required("iss"),
		sub:        r.required("sub"),
		isClient:   r.isClient(),
		clientID:   r.text("client_id", ""),
		iat:        r.requiredTime("iat"),
		exp:        r.requiredTime("exp"),
		jti:        r.text("jti", ""),
		sid:        r.optional("sid"),
		authTime:   r.time("auth_time"),
		acr:        r.acr(),
		amr:        r.methods(),
		stepUp:     r.texts("step_up"),
		roles:      r.texts("roles"),
		scope:      r.text("scope", ""),
		tenant:     r.optional("tenant"),
		isNarrowed: r.boolean("narrowed"),
		rev:        r.integer("rev"),
		era:        r.text("era", ""),
		key:        key,
	}
	c.aud, c.isOneAudience = r.audience()
	c.global = r.global()
	c.nbf = c.iat
	if nbf := r.time("nbf"); nbf != nil {
		c.nbf = max(*nbf, c.iat)
	}
	defaultName := c.sub
	if c.isClient {
		defaultName = ""
	}
	c.username = r.text("username", defaultName)
	if r.isInvalid || c.sub == "" {
		return nil, false
	}
	// RFC 9068 section 2.2: without them, a floor for the client or the token could not end it
	if (!allowMissingIDs || hasRev || hasEra) && (c.clientID == "" || c.jti == "") {
		return nil, false
	}
	slices.Sort(c.roles)
	c.roles = slices.Compact(c.roles)
	c.other = plainMembers(members)
	return c, true
}

// claimReader takes claims out of the payload. After the first fault the claims are not valid.
type claimReader struct {
	members   object
	isInvalid bool
}

// take removes a member and returns it.
func (r *claimReader) take(name string) (any, bool) {
	value, has := r.members[name]
	delete(r.members, name)
	return value, has
}

// checked returns value as a T, and notes the fault if it is something else.
func checked[T any](r *claimReader, value any) T {
	typed, ok := value.(T)
	if !ok {
		r.isInvalid = true
	}
	return typed
}

func (r *claimReader) optional(name string) *string {
	value, has := r.take(name)
	if !has {
		return nil
	}
	text := checked[string](r, value)
	return &text
}

func (r *claimReader) text(name, missing string) string {
	if text := r.optional(name); text != nil {
		return *text
	}
	return missing
}

func (r *claimReader) required(name string) string {
	text := r.optional(name)
	if text == nil {
		r.isInvalid = true
		return ""
	}
	return *text
}

func (r *claimReader) boolean(name string) bool {
	value, has := r.take(name)
	return has && checked[bool](r, value)
}

func (r *claimReader) texts(name string) []string {
	value, has := r.take(name)
	if !has {
		return nil
	}
	texts, ok := textsOf(checked[[]any](r, value))
	r.isInvalid = r.isInvalid || !ok
	return texts
}

func textsOf(items []any) ([]string, bool) {
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		texts[i] = text
	}
	return texts, true
}

// integer takes an integer that is not negative and fits in 63 bits, written without fraction and exponent.
func (r *claimReader) integer(name string) int64 {
	value, has := r.take(name)
	if !has {
		return 0
	}
	number := checked[number](r, value)
	r.isInvalid = r.isInvalid || !number.isInt || number.integer < 0
	return number.integer
}

// time takes a NumericDate, rounded down to seconds: a fraction is allowed (RFC 7519 section 2).
func (r *claimReader) time(name string) *int64 {
	value, has := r.take(name)
	if !has {
		return nil
	}
	number := checked[number](r, value)
	seconds := number.integer
	if !number.isInt {
		if math.Signbit(number.float) || number.float >= maxTime+1 {
			r.isInvalid = true
			return nil
		}
		seconds = int64(math.Floor(number.float))
	}
	r.isInvalid = r.isInvalid || seconds < 0 || seconds > maxTime
	return &seconds
}

func (r *claimReader) requiredTime(name string) int64 {
	seconds := r.time(name)
	if seconds == nil {
		r.isInvalid = true
		return 0
	}
	return *seconds
}

// acr takes the claim if its value is one of rolecall's. Other issuers have values of their own, which stay.
func (r *claimReader) acr() Acr {
	value, has := r.members["acr"]
	if !has {
		return Aal1
	}
	acr, known := parseAcr(checked[string](r, value))
	if known {
		delete(r.members, "acr")
	}
	return acr
}

// methods takes amr if it is an array of strings (RFC 8176). Nothing is decided by it, so that the claim of an issuer
// that writes something else stays.
func (r *claimReader) methods() []string {
	items, ok := r.members["amr"].([]any)
	if !ok {
		return nil
	}
	methods, ok := textsOf(items)
	if ok {
		delete(r.members, "amr")
	}
	return methods
}

// audience takes a string or a non-empty array of strings (RFC 7519 section 4.1.3).
func (r *claimReader) audience() (audiences []string, isOne bool) {
	value, _ := r.take("aud")
	if one, ok := value.(string); ok {
		return []string{one}, true
	}
	texts, ok := textsOf(checked[[]any](r, value))
	r.isInvalid = r.isInvalid || !ok || len(texts) == 0
	return texts, false
}

func (r *claimReader) isClient() bool {
	switch r.text("subject_kind", "user") {
	case "user":
		return false
	case "client":
		return true
	}
	r.isInvalid = true
	return false
}

func (r *claimReader) global() *globalClaims {
	value, has := r.take("global")
	if !has {
		return nil
	}
	inner := claimReader{members: checked[object](r, value)}
	global := &globalClaims{roles: inner.texts("roles"), scope: inner.text("scope", "")}
	r.isInvalid = r.isInvalid || inner.isInvalid
	return global
}

// plainMembers returns members with the types of encoding/json, so that applications need to know only those.
func plainMembers(members object) map[string]any {
	plain := make(map[string]any, len(members))
	for name, value := range members {
		plain[name] = plainValue(value)
	}
	return plain
}

func plainValue(value any) any {
	switch value := value.(type) {
	case object:
		return plainMembers(value)
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = plainValue(item)
		}
		return items
	case number:
		return value.float
	default:
		return value
	}
}
