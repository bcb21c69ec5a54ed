// Calls the server with the client that openapi-generator made in ./rolecall: prints what the answers contain.
package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"

	"rolecall-calls/rolecall"
)

// found returns the answer to a call, which must succeed.
func found[T, R any](answer T, _ R, err error) T {
	if err != nil {
		panic(err)
	}
	return answer
}

func kinds(decision *rolecall.Decision) []string {
	var kinds []string
	for _, step := range decision.Because {
		text, err := json.Marshal(step)
		if err != nil {
			panic(err)
		}
		var members struct{ Kind string }
		if err := json.Unmarshal(text, &members); err != nil {
			panic(err)
		}
		kinds = append(kinds, members.Kind)
	}
	return kinds
}

func main() {
	url, token, admin, name := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	configuration := rolecall.NewConfiguration()
	configuration.Servers = rolecall.ServerConfigurations{{URL: url}}
	api := rolecall.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), rolecall.ContextAccessToken, token)

	input := rolecall.NewClientInput([]string{"client_credentials"}, name)
	input.Roles = []string{"rolecall.resource-server"}
	client := found(api.ClientsAPI.CreateClient(ctx).ClientInput(*input).Execute())
	user := found(api.UsersAPI.CreateUser(ctx).UserInput(*rolecall.NewUserInput(name)).Execute())
	decide := func(subject string) *rolecall.Decision {
		request := rolecall.NewDecisionRequest("rolecall.users:read", subject)
		return found(api.DecisionsAPI.Decide(ctx).DecisionRequest(*request).Execute())
	}
	denied, allowed := decide(user.Id), decide(admin)
	introspection := found(api.TokensAPI.IntrospectToken(context.Background()).Token("unknown").
		ClientId(client.ClientId).ClientSecret(client.GetClientSecret()).Execute())
	policy := found(api.PolicyAPI.GetPolicy(ctx).Execute())
	changes := found(api.AuditAPI.ListAuditEntries(ctx).Kind("change").Execute())
	events := found(api.AuditAPI.ListAuditEntries(ctx).Kind("event").Execute())

	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"secret":     client.GetClientSecret(),
		"reset_code": user.GetResetCode(),
		"email":      user.Email.Get(),
		"denied":     map[string]any{"allowed": denied.Allowed, "kinds": kinds(denied)},
		"allowed":    map[string]any{"allowed": allowed.Allowed, "kinds": kinds(allowed)},
		"active":     introspection.Active,
		"roles":      slices.Sorted(maps.Keys(policy.GetRoles())),
		"change":     changes.Items[0].GetActor(),
		"event":      events.Items[0].GetKind(),
		"me":         me(token),
	})
}
