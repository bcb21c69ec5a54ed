package rolecall

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Principal is a verified caller: the content of its access token, all of which is signed. Only a [Guard] makes one. It is
// shared by requests, and safe for use by several goroutines.
type Principal struct {
	claims      *claims
	permissions map[string]struct{}
	// global is what the subject of a token for a tenant holds without it; nil for a token without a tenant.
	global   *held
	guard    *Guard
	question atomic.Uint64
}

type held struct {
	roles       map[string]struct{}
	permissions map[string]struct{}
}

func newPrincipal(c *claims, guard *Guard) *Principal {
	p := &Principal{claims: c, guard: guard, permissions: valuesOf(c.scope)}
	if c.tenant == nil {
		return p
	}
	p.global = &held{roles: map[string]struct{}{}, permissions: map[string]struct{}{}}
	if c.global == nil {
		return p
	}
	for _, role := range c.global.roles {
		// a floor compares the flat list, so a role that is only here could not be revoked
		if p.HasRole(role) {
			p.global.roles[role] = struct{}{}
		}
	}
	for permission := range valuesOf(c.global.scope) {
		if p.HasPermission(permission) {
			p.global.permissions[permission] = struct{}{}
		}
	}
	return p
}

func valuesOf(scope string) map[string]struct{} {
	values := map[string]struct{}{}
	for value := range strings.SplitSeq(scope, " ") {
		if value != "" {
			values[value] = struct{}{}
		}
	}
	return values
}

func has(set map[string]struct{}, name string) bool {
	_, has := set[name]
	return has
}

func sortedNames(set map[string]struct{}) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Subject returns the id of the subject, sub.
func (p *Principal) Subject() string { return p.claims.sub }

// IsClient returns true if the subject is a client that acts for itself, and not a user.
func (p *Principal) IsClient() bool { return p.claims.isClient }

// Username returns the name of the user, or an empty text for a client. Use it only for display: a name can pass to
// another user. Show a client's ClientID instead, since a client can be called like a user.
func (p *Principal) Username() string {
	if p.claims.isClient {
		// an older issuer writes the name of the client
		return ""
	}
	return p.claims.username
}

// ClientID returns the id of the client that requested the token, or an empty text if the token has none.
func (p *Principal) ClientID() string { return p.claims.clientID }

// Roles returns the roles, including inherited ones, ordered by name. With a token for a tenant, they include those that
// the caller has only there.
func (p *Principal) Roles() []string { return append([]string{}, p.claims.roles...) }

// HasRole returns true if the caller has the role, be it only in the tenant of the token. [Principal.Has] does not count
// what the caller has only in a tenant.
func (p *Principal) HasRole(role string) bool {
	_, found := slices.BinarySearch(p.claims.roles, role)
	return found
}

// Permissions returns the permissions, ordered by name, with those that the caller has only in the tenant of the token.
func (p *Principal) Permissions() []string { return sortedNames(p.permissions) }

// HasPermission returns true if the caller has the permission, be it only in the tenant of the token.
func (p *Principal) HasPermission(permission string) bool { return has(p.permissions, permission) }

// HasGlobalRole returns true if the caller has the role whatever the tenant.
func (p *Principal) HasGlobalRole(role string) bool {
	if p.global == nil {
		return p.HasRole(role)
	}
	return has(p.global.roles, role)
}

// HasGlobalPermission returns true if the caller has the permission whatever the tenant.
func (p *Principal) HasGlobalPermission(permission string) bool {
	if p.global == nil {
		return p.HasPermission(permission)
	}
	return has(p.global.permissions, permission)
}

// GlobalRoles returns the roles that the caller has whatever the tenant, ordered by name.
func (p *Principal) GlobalRoles() []string {
	if p.global == nil {
		return p.Roles()
	}
	return sortedNames(p.global.roles)
}

// GlobalPermissions returns the permissions that the caller has whatever the tenant, ordered by name.
func (p *Principal) GlobalPermissions() []string {
	if p.global == nil {
		return p.Permissions()
	}
	return sortedNames(p.global.permissions)
}

// Tenant returns the tenant for which the token was issued, or an empty text.
func (p *Principal) Tenant() string { return valueOf(p.claims.tenant) }

func (p *Principal) tenantName() (string, bool) {
	return valueOf(p.claims.tenant), p.claims.tenant != nil
}

func valueOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Session returns the id of the session in which the token was issued, sid, or an empty text.
func (p *Principal) Session() string { return valueOf(p.claims.sid) }

// TokenID returns the id of the token, jti.
func (p *Principal) TokenID() string { return p.claims.jti }

// Narrowed returns true if the token was requested with less than the subject holds.
func (p *Principal) Narrowed() bool { return p.claims.isNarrowed }

// Revision returns the revision from which the token was issued.
func (p *Principal) Revision() int64 { return p.claims.rev }

// Era returns the era in which the token was issued, or an empty text.
func (p *Principal) Era() string { return p.claims.era }

// IssuedAt returns the time at which the token was issued.
func (p *Principal) IssuedAt() time.Time { return seconds(p.claims.iat).time() }

// ExpiresAt returns the time at which the token expires.
func (p *Principal) ExpiresAt() time.Time { return seconds(p.claims.exp).time() }

// AuthTime returns the time at which the user last authenticated, and false if the token does not have it.
func (p *Principal) AuthTime() (time.Time, bool) {
	if p.claims.authTime == nil {
		return time.Time{}, false
	}
	return seconds(*p.claims.authTime).time(), true
}

// Acr returns the assurance of the session: [Aal1] for a token that states none of rolecall's.
func (p *Principal) Acr() Acr { return p.claims.acr }

// Methods returns the methods by which the user authenticated, as in RFC 8176: pwd, otp, mfa.
func (p *Principal) Methods() []string { return append([]string{}, p.claims.amr...) }

// Audience returns the audiences of the token.
func (p *Principal) Audience() []string { return slices.Clone(p.claims.aud) }

// Claim returns a claim of the application, with the types of encoding/json, and nil if the token does not have it.
// Do not change it.
func (p *Principal) Claim(name string) any { return p.claims.other[name] }

// Claims returns all claims of the application, with the types of encoding/json. Do not change them.
func (p *Principal) Claims() map[string]any { return p.claims.other }

// ClaimString returns a claim of the application, and an empty text if the token does not have it as a string.
func (p *Principal) ClaimString(name string) string {
	text, _ := p.Claim(name).(string)
	return text
}

// Email returns the e-mail address, and true if it was verified, if the server writes it into tokens.
func (p *Principal) Email() (address string, isVerified bool) {
	return p.ClaimString("email"), p.Claim("email_verified") == true
}

// Has returns true if the caller satisfies rule, for rules that depend on data, such as "the owner or an admin". What the
// caller holds only in the tenant of the token does not count, unless the rule is [InTenant].
func (p *Principal) Has(rule Rule) bool {
	return rule.check() == nil && rule.admits(nil, p)
}

// Require returns a [*Denial] unless the caller satisfies rule. Answer it with [Deny].
func (p *Principal) Require(rule Rule) error {
	if p.Has(rule) {
		return nil
	}
	return p.refusal(rule, nil)
}

func (p *Principal) isFresh(most uint64) bool {
	if p.claims.authTime == nil {
		return false
	}
	age := nowOf(p.guard.clock).since(seconds(*p.claims.authTime))
	return uint64(age/time.Second) <= most
}

// signedInAgain is a caller as after another sign-in.
type signedInAgain struct{ *Principal }

func (signedInAgain) isFresh(uint64) bool { return true }

// refusal returns the denial for a caller who does not satisfy rule on a path that names tenant.
func (p *Principal) refusal(rule Rule, tenant pathTenant) *Denial {
	// a client has nobody who could sign in
	if age, limited := rule.maxAge(); limited && !p.claims.isClient && rule.admits(tenant, signedInAgain{p}) {
		return stepUp(age)
	}
	return forbidden(rule.missingScope(p))
}
