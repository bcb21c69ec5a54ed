package rolecall

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Matrix is the access matrix of an application: which role may call which route. Its text is the content of access.lock,
// which a test compares with the application: see rolecalltest.AccessMatrix.
type Matrix struct {
	routes []Route
	roles  []string
}

// MatrixCaller is an imaginary caller of an access matrix.
type MatrixCaller struct {
	Roles, Permissions []string
	// Tenant is the tenant for which the caller's token is issued; then the caller holds nothing globally.
	Tenant string
	// IsStale is true for a sign-in that is too old for every rule that limits its age.
	IsStale bool
}

// HasRole returns true if the caller has the role.
func (c MatrixCaller) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// HasPermission returns true if the caller has the permission.
func (c MatrixCaller) HasPermission(permission string) bool {
	return slices.Contains(c.Permissions, permission)
}

// HasGlobalRole returns true if the caller has the role whatever the tenant.
func (c MatrixCaller) HasGlobalRole(role string) bool { return c.Tenant == "" && c.HasRole(role) }

// HasGlobalPermission returns true if the caller has the permission whatever the tenant.
func (c MatrixCaller) HasGlobalPermission(permission string) bool {
	return c.Tenant == "" && c.HasPermission(permission)
}

func (c MatrixCaller) tenantName() (string, bool) { return c.Tenant, c.Tenant != "" }

func (c MatrixCaller) isFresh(uint64) bool { return !c.IsStale }

func (c MatrixCaller) inTenant(tenant string) MatrixCaller {
	c.Tenant = tenant
	return c
}

// with adds roles and permissions that are written as in a scope.
func (c MatrixCaller) with(names ...string) MatrixCaller {
	c.Roles, c.Permissions = slices.Clone(c.Roles), slices.Clone(c.Permissions)
	for _, name := range names {
		if role, isRole := strings.CutPrefix(name, "role:"); isRole {
			c.Roles = append(c.Roles, role)
		} else {
			c.Permissions = append(c.Permissions, name)
		}
	}
	return c
}

const (
	// someTenant is used for paths that name a tenant, and as the value of every other parameter.
	someTenant = "rolecall-test"
	// otherTenant is a tenant that no path names.
	otherTenant = "rolecall-test-other"
)

// cell is the result for a route and a column.
type cell string

const (
	cellAdmitted         cell = "ok"
	cellInTenant         cell = "own"
	cellInAnyTenant      cell = "any"
	cellNotAuthenticated cell = "401"
	cellNotPermitted     cell = "403"
	// cellDepends depends on the permissions of the role.
	cellDepends cell = "?"
)

// cellIf is for a handler that decides on its data.
func cellIf(name string) cell { return cell("if " + name + "  ") }

type column struct {
	title string
	// caller is nil for a request without a token.
	caller *MatrixCaller
	// isComplete is false if the role may also give permissions that are not known.
	isComplete bool
}

// MatrixOf returns the access matrix of routes, with a column for each of these roles; without any, for each role that a
// rule names.
func MatrixOf(routes []Route, roles ...string) *Matrix {
	m := &Matrix{routes: slices.Clone(routes)}
	if len(roles) == 0 {
		for _, route := range routes {
			for _, name := range route.Rule.Names() {
				if role, isRole := strings.CutPrefix(name, "role:"); isRole {
					roles = append(roles, role)
				}
			}
		}
		slices.Sort(roles)
	}
	for _, role := range roles {
		if !slices.Contains(m.roles, role) {
			m.roles = append(m.roles, role)
		}
	}
	// sorted, so that moving code does not change the file
	slices.SortStableFunc(m.routes, func(a, b Route) int {
		if (a.Method == "") != (b.Method == "") {
			return strings.Compare(b.Method, a.Method)
		}
		if order := strings.Compare(shownPath(a.Path), shownPath(b.Path)); order != 0 {
			return order
		}
		return strings.Compare(a.Method, b.Method)
	})
	return m
}

// shownPath returns a pattern as the files of all languages show it: {$} at the end means nothing more, a wildcard is
// {*path}, and a path that ends with a slash matches everything below it.
func shownPath(path string) string {
	if before, isExact := strings.CutSuffix(path, "{$}"); isExact {
		return before
	}
	if strings.HasSuffix(path, "/") {
		return path + "{*}"
	}
	if before, isWildcard := strings.CutSuffix(path, "...}"); isWildcard {
		if brace := strings.LastIndexByte(before, '{'); brace >= 0 {
			return before[:brace] + "{*" + before[brace+1:] + "}"
		}
	}
	return path
}

func (m *Matrix) columns() []column {
	columns := []column{
		{title: "anonymous", isComplete: true},
		{title: "any token", caller: &MatrixCaller{}, isComplete: true},
	}
	for _, role := range m.roles {
		columns = append(columns, column{title: role, caller: &MatrixCaller{Roles: []string{role}}})
	}
	return columns
}

func (c column) cell(rule Rule) cell {
	if c.caller == nil {
		if rule.admitsAnonymous() {
			return cellAdmitted
		}
		return cellNotAuthenticated
	}
	if rule.kind == kindOrIf {
		if result := admissionOf(rule.rules[0], *c.caller); result != cellNotPermitted {
			return result
		}
		return cellIf(rule.name)
	}
	result := admissionOf(rule, *c.caller)
	if result == cellNotPermitted && !c.isComplete && admissionOf(rule, c.caller.with(permissionsOf(rule)...)) != cellNotPermitted {
		return cellDepends
	}
	return result
}

// admissionOf returns with which tokens a caller is admitted: without a tenant, for any other one, or for that of the path.
func admissionOf(rule Rule, caller MatrixCaller) cell {
	tenant := someTenant
	switch {
	case rule.admits(&tenant, caller):
		return cellAdmitted
	case rule.admits(&tenant, caller.inTenant(otherTenant)):
		return cellInAnyTenant
	case rule.admits(&tenant, caller.inTenant(someTenant)):
		return cellInTenant
	}
	return cellNotPermitted
}

// permissionsOf returns the permissions that a rule mentions.
func permissionsOf(rule Rule) []string {
	return slices.DeleteFunc(rule.Names(), func(name string) bool { return strings.HasPrefix(name, "role:") })
}

// audience describes in words who is admitted.
func audience(rule Rule) string {
	switch rule.kind {
	case kindPublic:
		return "everyone"
	case kindOptional:
		return "everyone, with or without a token"
	case kindAuthenticated:
		return "any token"
	case kindForTenant:
		return audience(rule.rules[0]) + " in the path's tenant"
	case kindInTenant:
		return audience(rule.rules[0]) + " in the token's tenant"
	case kindFresh:
		return fmt.Sprintf("%s, signed in within %d s", audience(rule.rules[0]), rule.seconds)
	case kindOrIf:
		return fmt.Sprintf("%s, or if %s", audience(rule.rules[0]), rule.name)
	case kindPermission:
		return "holders of " + rule.name
	}
	return rule.String()
}

const (
	matrixHead = `# Who may call what, derived from the rules of the routes.
# ok = let in, 401 = not authenticated, 403 = not permitted, ? = depends on the permissions of the role
`
	matrixOwn = "# own = let in with a token for the tenant that the path names, 403 with any other\n"
	matrixAny = "# any = let in with a token for any tenant, 403 with one for none\n"
	matrixIf  = "# if = let in, and the handler refuses with 403 unless its rule on the data admits the caller\n"
	// matrixFresh is part of the legend only if a rule limits the age of the sign-in.
	matrixFresh = "# signed in within = 401 with a token of an older sign-in\n"
	matrixTail  = "# Written by the tests: `ROLECALL_BLESS=1 go test` writes it again, and a review reads the difference.\n\n"
)

// String returns the content of access.lock.
func (m *Matrix) String() string {
	var text strings.Builder
	legend := func(line string, isUsed func(Rule) bool) {
		if slices.ContainsFunc(m.routes, func(route Route) bool { return isUsed(route.Rule) }) {
			text.WriteString(line)
		}
	}
	text.WriteString(matrixHead)
	legend(matrixOwn, Rule.needsTenant)
	legend(matrixAny, func(rule Rule) bool { return rule.kind == kindInTenant })
	legend(matrixIf, func(rule Rule) bool { return rule.kind == kindOrIf })
	legend(matrixFresh, func(rule Rule) bool { _, limited := rule.maxAge(); return limited })
	text.WriteString(matrixTail)
	columns := m.columns()
	for _, column := range columns {
		text.WriteString(column.title + "  ")
	}
	text.WriteString("| route\n")
	for _, route := range m.routes {
		// widths depend only on the titles, so that a new route does not change other lines
		for _, column := range columns {
			text.WriteString(padded(string(column.cell(route.Rule)), utf8.RuneCountInString(column.title)+2))
		}
		if route.Method == "" {
			fmt.Fprintf(&text, "| everything that `%s` has under %s, unguarded\n", route.Name, route.Path)
			continue
		}
		fmt.Fprintf(&text, "| %s %s for %s\n", route.Method, shownPath(route.Path), audience(route.Rule))
	}
	return text.String()
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
