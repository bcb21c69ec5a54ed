package rolecall

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func caller(names ...string) MatrixCaller { return MatrixCaller{}.with(names...) }

var (
	ruleA  = Role("a")
	ruleB  = Permission("b:b")
	ruleC  = Role("c")
	ruleIn = InTenant(ruleA)
)

func TestRulesAdmitAndAreShown(t *testing.T) {
	tenant := "acme"
	for _, row := range []struct {
		rule               Rule
		text, scope        string
		admitted, refused  []string
		isInTenant, isBare bool
	}{
		{rule: Public(), text: "public", admitted: []string{}},
		{rule: Optional(), text: "optional", admitted: []string{}},
		{rule: Authenticated(), text: "authenticated", admitted: []string{}},
		{rule: ruleA, text: "role:a", scope: "role:a", admitted: []string{"role:a"}, refused: []string{"role:b", "a"}},
		{rule: ruleB, text: "b:b", scope: "b:b", admitted: []string{"b:b"}, refused: []string{"b:c"}},
		{
			rule: Any(ruleA, ruleB), text: "any of (role:a, b:b)", scope: "role:a",
			admitted: []string{"b:b"}, refused: []string{"role:c"},
		},
		{
			rule: All(ruleA, ruleB, All(ruleA, ruleC)), text: "all of (role:a, b:b, all of (role:a, role:c))",
			scope: "role:a b:b role:c", admitted: []string{"role:a", "b:b", "role:c"}, refused: []string{"role:a", "b:b"},
		},
		{
			rule: Fresh(ruleA, 5*time.Minute), text: "role:a, signed in within 300 s", scope: "role:a",
			admitted: []string{"role:a"}, refused: []string{"role:b"},
		},
		{rule: OrIf(ruleA, "author"), text: "role:a, or if author", admitted: []string{}},
		{rule: Any(ruleA, ruleIn), text: "role:a", scope: "role:a", admitted: []string{"role:a"}, refused: []string{"role:c"}},
	} {
		if got := row.rule.String(); got != row.text {
			t.Errorf("%q is shown as %q", row.text, got)
		}
		if got := row.rule.Scope(); got != row.scope {
			t.Errorf("the scope of %q is %q", row.text, got)
		}
		if !row.rule.admits(&tenant, caller(row.admitted...)) {
			t.Errorf("%q refuses %v", row.text, row.admitted)
		}
		if row.refused != nil && row.rule.admits(&tenant, caller(row.refused...)) {
			t.Errorf("%q admits %v", row.text, row.refused)
		}
		if err := row.rule.check(); err != nil && !strings.Contains(err.Error(), "around the list") {
			t.Errorf("%q: %v", row.text, err)
		}
	}
}

func TestWhatIsHeldInATenantSatisfiesOnlyRulesThatLookAtTheTenant(t *testing.T) {
	here := caller("role:a", "b:b").inTenant("acme")
	for _, rule := range []Rule{ruleA, ruleB, All(ruleA, ruleB), Any(ruleA, ruleB, ruleC)} {
		if rule.admits(nil, here) || !rule.admitsInOwnTenant(here) || !rule.admits(nil, caller("role:a", "b:b")) {
			t.Errorf("%s", rule)
		}
	}
	acme, other, none := "acme", "initech", ""
	path := ForTenant(ruleA)
	for _, row := range []struct {
		rule   Rule
		tenant *string
		caller MatrixCaller
		want   bool
	}{
		{ruleIn, nil, here, true}, {ruleIn, nil, caller("role:a"), false}, {ruleIn, nil, caller("role:c").inTenant("acme"), false},
		{path, &acme, here, true}, {path, &other, here, false}, {path, nil, here, false}, {path, &acme, caller("role:a"), false},
		{path, &none, caller("role:a"), false}, {path, nil, caller("role:a"), false},
		{ForTenant(All(ruleA, ruleB)), &acme, here, true}, {ForTenant(Fresh(ruleA, time.Second)), &acme, here, true},
	} {
		if got := row.rule.admits(row.tenant, row.caller); got != row.want {
			t.Errorf("%s for %v: %v", row.rule, row.caller, got)
		}
	}
	// the role is there and only the tenant is missing, so no scope is
	if got := ruleIn.missingScope(caller("role:a")); got != "" {
		t.Errorf("missing %q", got)
	}
	if got := ruleIn.missingScope(caller()); got != "role:a" {
		t.Errorf("missing %q", got)
	}
}

func TestTheZeroRuleAdmitsNobody(t *testing.T) {
	for _, rule := range []Rule{{}, Any(), All(), Any(Rule{}), All(Rule{}), ForTenant(Rule{}), Fresh(Rule{}, time.Minute)} {
		tenant := "acme"
		if rule.admits(&tenant, caller("role:a").inTenant("acme")) || rule.check() == nil {
			t.Errorf("%s", rule)
		}
	}
}

func TestRulesThatCannotBeMeantAreRefused(t *testing.T) {
	for want, rules := range map[string][]Rule{
		"not the name of a role":   {Role(""), Role("Admin"), Role("-a"), Role("a b"), Role(strings.Repeat("a", 65)), Role("é")},
		"not a permission":         {Permission(""), Permission("items"), Permission("items:"), Permission(":read"), Permission("role:admin"), Permission("items:*")},
		"cannot be a part":         {Any(Public()), Fresh(Optional(), time.Minute), InTenant(Public()), OrIf(Public(), "x")},
		"at most 2 deep":           {Any(All(Any(ruleA)))},
		"0 seconds":                {Fresh(ruleA, 0), Fresh(ruleA, time.Second-1), Fresh(ruleA, -time.Hour)},
		"write it around the list": {Any(ruleIn), All(ruleA, ForTenant(ruleA)), Any(Fresh(ruleA, time.Minute)), Fresh(Any(All(ruleIn)), time.Minute)},
		"OrIf needs a name":        {OrIf(ruleA, ""), Any(OrIf(ruleA, "x")), OrIf(ForTenant(ruleA), "x")},
	} {
		for _, rule := range rules {
			if err := rule.check(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", rule, err)
			}
		}
	}
}

func TestTheShortestAgeOfARuleHolds(t *testing.T) {
	rule := Any(Fresh(Fresh(ruleA, time.Minute), time.Hour), Fresh(ruleB, 2*time.Minute), ruleC)
	if age, limited := rule.maxAge(); age != 60 || !limited {
		t.Errorf("%d %v", age, limited)
	}
	if _, limited := OrIf(Fresh(ruleA, time.Minute), "x").maxAge(); limited {
		t.Error("the handler decides")
	}
	if names := rule.Names(); !slices.Equal(names, []string{"role:a", "b:b", "role:c"}) {
		t.Errorf("%v", names)
	}
}
