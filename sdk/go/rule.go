package rolecall

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule is the access rule of a route: what a caller needs. Make it with [Role], [Permission], [Any], [All], [InTenant],
// [ForTenant], [Fresh], [Authenticated], [Optional] and [Public]. The zero value is no rule: a route with it is refused, and it admits
// nobody.
type Rule struct {
	kind    ruleKind
	name    string
	rules   []Rule
	seconds uint64
}

type ruleKind int

const (
	kindNone ruleKind = iota
	kindPublic
	kindOptional
	kindAuthenticated
	kindRole
	kindPermission
	kindAny
	kindAll
	kindForTenant
	kindInTenant
	kindFresh
	kindOrIf
)

// Public opens a route on purpose. Credentials are ignored, and the handler gets no caller.
func Public() Rule { return Rule{kind: kindPublic} }

// Optional opens a route, identifies a caller with an access token, and refuses an invalid token.
func Optional() Rule { return Rule{kind: kindOptional} }

// Authenticated needs a valid access token.
func Authenticated() Rule { return Rule{kind: kindAuthenticated} }

// Role needs the role with this name.
func Role(name string) Rule { return Rule{kind: kindRole, name: name} }

// Permission needs the permission with this name, such as items:read.
func Permission(name string) Rule { return Rule{kind: kindPermission, name: name} }

// Any needs at least one of the rules. An empty list is refused.
func Any(rules ...Rule) Rule { return Rule{kind: kindAny, rules: slices.Clone(rules)} }

// All needs all of the rules. An empty list is refused.
func All(rules ...Rule) Rule { return Rule{kind: kindAll, rules: slices.Clone(rules)} }

// ForTenant needs the rule, and a token for the tenant that the path's {tenant} names. What the caller holds only in that
// tenant counts.
func ForTenant(rule Rule) Rule { return Rule{kind: kindForTenant, rules: []Rule{rule}} }

// InTenant needs the rule, and a token for any tenant. What the caller holds only in that tenant counts; the handler must
// limit the data to [Principal.Tenant].
func InTenant(rule Rule) Rule { return Rule{kind: kindInTenant, rules: []Rule{rule}} }

// Fresh needs the rule, and that the user signed in at most age ago, in whole seconds. A caller whose sign-in is older
// gets 401 with max_age, and comes back after another sign-in (RFC 9470).
func Fresh(rule Rule, age time.Duration) Rule {
	return Rule{kind: kindFresh, rules: []Rule{rule}, seconds: uint64(max(0, age) / time.Second)}
}

// OrIf needs the rule, or that the handler's rule on data, which has this name, admits the caller. The handler must call
// [Decision.Check] before it answers: see [Mux.HandleIf].
func OrIf(rule Rule, name string) Rule { return Rule{kind: kindOrIf, name: name, rules: []Rule{rule}} }

// holder is a caller, as far as rules need to know it.
type holder interface {
	// HasRole and HasPermission count what is held in the tenant of the token too.
	HasRole(string) bool
	HasPermission(string) bool
	HasGlobalRole(string) bool
	HasGlobalPermission(string) bool
	// tenantName returns the tenant of the token, and false if it has none.
	tenantName() (string, bool)
	isFresh(seconds uint64) bool
}

// pathTenant is the tenant that a path names, nil if it names none.
type pathTenant *string

// admits returns true if a caller with a valid access token is admitted on a path that names tenant.
func (r Rule) admits(tenant pathTenant, h holder) bool {
	return r.evaluate(tenant, h, false)
}

// admitsInOwnTenant returns true if a handler that has compared the tenant of the token would admit the caller.
func (r Rule) admitsInOwnTenant(h holder) bool {
	return r.evaluate(nil, h, true)
}

// evaluate decides. If inTenant is true, what is held in the tenant of the token counts beside what is held globally.
func (r Rule) evaluate(tenant pathTenant, h holder, inTenant bool) bool {
	switch r.kind {
	// the handler decides on its data
	case kindPublic, kindOptional, kindAuthenticated, kindOrIf:
		return true
	// INVARIANT: what is held in a tenant satisfies only rules that look at the tenant
	case kindRole:
		return h.HasGlobalRole(r.name) || inTenant && h.HasRole(r.name)
	case kindPermission:
		return h.HasGlobalPermission(r.name) || inTenant && h.HasPermission(r.name)
	case kindAny:
		return slices.ContainsFunc(r.rules, func(one Rule) bool { return one.evaluate(tenant, h, inTenant) })
	case kindAll:
		refuses := func(one Rule) bool { return !one.evaluate(tenant, h, inTenant) }
		// INVARIANT: an empty list is a mistake and must not admit everyone
		return len(r.rules) > 0 && !slices.ContainsFunc(r.rules, refuses)
	case kindFresh:
		return h.isFresh(r.seconds) && r.rules[0].evaluate(tenant, h, inTenant)
	// INVARIANT: a path and a token without tenants do not match
	case kindForTenant:
		own, has := h.tenantName()
		return tenant != nil && has && own == *tenant && r.rules[0].evaluate(tenant, h, true)
	case kindInTenant:
		own, _ := h.tenantName()
		return own != "" && r.rules[0].evaluate(tenant, h, true)
	}
	return false
}

func (r Rule) admitsAnonymous() bool {
	return r.kind == kindPublic || r.kind == kindOptional
}

// has returns true if the rule or a part of it is of this kind.
func (r Rule) has(kind ruleKind) bool {
	return r.kind == kind || slices.ContainsFunc(r.rules, func(one Rule) bool { return one.has(kind) })
}

// needsTenant returns true if the rule compares the tenant of the path.
func (r Rule) needsTenant() bool {
	return r.has(kindForTenant)
}

// Scope returns the roles and permissions that the rule needs, as in a challenge: all of an [All], the first of an [Any].
// It is empty for a rule that needs none. A role is written role:admin.
func (r Rule) Scope() string {
	switch r.kind {
	case kindRole:
		return "role:" + r.name
	case kindPermission:
		return r.name
	case kindForTenant, kindInTenant, kindFresh:
		return r.rules[0].Scope()
	case kindAny:
		if len(r.rules) > 0 {
			return r.rules[0].Scope()
		}
	case kindAll:
		var names []string
		for _, rule := range r.rules {
			for _, name := range strings.Fields(rule.Scope()) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		return strings.Join(names, " ")
	}
	return ""
}

// missingScope returns the scope that a refused caller needs, or nothing if only the tenant of the token is wrong or the
// sign-in is too old.
func (r Rule) missingScope(h holder) string {
	switch r.kind {
	case kindForTenant, kindInTenant:
		if r.rules[0].admitsInOwnTenant(h) {
			return ""
		}
	case kindFresh:
		if r.rules[0].admits(nil, h) {
			return ""
		}
	}
	return r.Scope()
}

// maxAge returns the most seconds since the sign-in of the user, if the rule or a part of it limits them.
func (r Rule) maxAge() (least uint64, limited bool) {
	if r.kind == kindFresh {
		least, limited = r.seconds, true
	}
	if r.kind == kindOrIf {
		return 0, false
	}
	for _, rule := range r.rules {
		if age, is := rule.maxAge(); is && (!limited || age < least) {
			least, limited = age, true
		}
	}
	return least, limited
}

// Names returns all roles and permissions that the rule mentions, in order, each written as in a scope.
func (r Rule) Names() []string {
	if r.kind == kindRole || r.kind == kindPermission {
		return []string{r.Scope()}
	}
	var names []string
	for _, rule := range r.rules {
		for _, name := range rule.Names() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// depth returns the nesting depth of Any and All: 0 for a role, 1 for Any of roles.
func (r Rule) depth() int {
	deepest := 0
	for _, rule := range r.rules {
		deepest = max(deepest, rule.depth())
	}
	if r.kind == kindAny || r.kind == kindAll {
		deepest++
	}
	return deepest
}

// String returns the rule in words, as the access matrix, the answers and the log show it.
func (r Rule) String() string {
	list := func(head string) string {
		texts := make([]string, len(r.rules))
		for i, rule := range r.rules {
			texts[i] = rule.String()
		}
		return head + " of (" + strings.Join(texts, ", ") + ")"
	}
	switch r.kind {
	case kindPublic:
		return "public"
	case kindOptional:
		return "optional"
	case kindAuthenticated:
		return "authenticated"
	case kindRole, kindPermission:
		return r.Scope()
	case kindAny:
		// the same globally or in the token's tenant: one rule to a caller
		if len(r.rules) == 2 && r.rules[1].kind == kindInTenant && r.rules[0].equals(r.rules[1].rules[0]) {
			return r.rules[0].String()
		}
		return list("any")
	case kindAll:
		return list("all")
	case kindForTenant:
		return r.rules[0].String() + " in the path's tenant"
	case kindInTenant:
		return r.rules[0].String() + " in the token's tenant"
	case kindFresh:
		return fmt.Sprintf("%s, signed in within %d s", r.rules[0], r.seconds)
	case kindOrIf:
		return fmt.Sprintf("%s, or if %s", r.rules[0], r.name)
	}
	return "no rule"
}

func (r Rule) equals(other Rule) bool {
	return r.kind == other.kind && r.name == other.name && r.seconds == other.seconds &&
		slices.EqualFunc(r.rules, other.rules, Rule.equals)
}

// check returns an error for a rule that cannot be meant: a misspelt name, an empty list. A router panics with it, so that
// the application does not start.
func (r Rule) check() error {
	return r.checkPart(false, false)
}

// checkPart checks a rule that is a part of another one if isPart is true, and stands in a list if inList is.
func (r Rule) checkPart(isPart, inList bool) error {
	switch r.kind {
	case kindNone:
		return errors.New("the route has no rule: take rolecall.Role, Permission, Authenticated or Public")
	case kindPublic, kindOptional:
		if isPart {
			return fmt.Errorf("`%s` cannot be a part of another rule, since it admits callers without a token", r)
		}
	case kindRole:
		if !isName(r.name) {
			return fmt.Errorf("%q is not the name of a role: write 1 to 64 of a-z, 0-9, `.`, `_` and `-`", r.name)
		}
	case kindPermission:
		object, operation, _ := strings.Cut(r.name, ":")
		if !isName(object) || !isName(operation) || object == "role" {
			return fmt.Errorf("%q is not a permission: write `object:operation`, such as `items:read`", r.name)
		}
	case kindAny, kindAll:
		if len(r.rules) == 0 {
			return errors.New("Any and All need at least one rule")
		}
		if r.depth() > 2 {
			return errors.New("Any and All nest at most 2 deep")
		}
	case kindForTenant, kindInTenant, kindFresh:
		if inList {
			return fmt.Errorf("`%s` cannot stand in Any or All: write it around the list", r)
		}
		if r.kind == kindFresh && r.seconds == 0 {
			return errors.New("no sign-in is 0 seconds old: allow Fresh at least a second")
		}
	case kindOrIf:
		if isPart || r.name == "" || r.needsTenant() {
			return errors.New("OrIf needs a name, cannot be a part of another rule, and does not look at the path's tenant")
		}
	}
	for _, rule := range r.rules {
		if err := rule.checkPart(true, r.kind == kindAny || r.kind == kindAll); err != nil {
			return err
		}
	}
	return nil
}

// isName returns true for [a-z0-9][a-z0-9._-]{0,63}.
func isName(text string) bool {
	for i := 0; i < len(text); i++ {
		c := text[i]
		isAlphanumeric := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !isAlphanumeric && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return text != "" && len(text) <= 64
}
