import com.google.gson.GsonBuilder;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import rolecall.ApiClient;
import rolecall.JSON;
import rolecall.api.AuditApi;
import rolecall.api.ClientsApi;
import rolecall.api.DecisionsApi;
import rolecall.api.PolicyApi;
import rolecall.api.TokensApi;
import rolecall.api.UsersApi;
import rolecall.auth.HttpBearerAuth;
import rolecall.model.ClientInput;
import rolecall.model.Decision;
import rolecall.model.DecisionRequest;
import rolecall.model.UserInput;

/** Calls the server with the client that openapi-generator made: prints what the answers contain. */
class Calls {
    static List<String> kinds(Decision decision) {
        return decision.getBecause().stream()
            .map(step -> JSON.getGson().toJsonTree(step.getActualInstance()).getAsJsonObject().get("kind").getAsString())
            .toList();
    }

    static Map<String, Object> shown(Decision decision) {
        return Map.of("allowed", decision.getAllowed(), "kinds", kinds(decision));
    }

    public static void main(String[] arguments) throws Exception {
        var admin = arguments[2];
        var name = arguments[3];
        var api = new ApiClient().setBasePath(arguments[0]);
        ((HttpBearerAuth) api.getAuthentication("bearer")).setBearerToken(arguments[1]);

        var client = new ClientsApi(api).createClient(new ClientInput()
            .name(name).grants(List.of("client_credentials")).roles(List.of("rolecall.resource-server")));
        var user = new UsersApi(api).createUser(new UserInput().username(name));
        var decisions = new DecisionsApi(api);
        var denied = decisions.decide(new DecisionRequest().subject(user.getId()).permission("rolecall.users:read"));
        var allowed = decisions.decide(new DecisionRequest().subject(admin).permission("rolecall.users:read"));
        var introspection = new TokensApi(api).introspectToken(
            "unknown", client.getClientId(), client.getClientSecret(), null);
        var policy = new PolicyApi(api).getPolicy();
        var changes = new AuditApi(api).listAuditEntries(null, null, "change");
        var events = new AuditApi(api).listAuditEntries(null, null, "event");

        var found = new TreeMap<String, Object>();
        found.put("secret", client.getClientSecret());
        found.put("reset_code", user.getResetCode());
        found.put("email", user.getEmail());
        found.put("denied", shown(denied));
        found.put("allowed", shown(allowed));
        found.put("active", introspection.getActive());
        found.put("roles", policy.getRoles().keySet().stream().sorted().toList());
        found.put("change", changes.getItems().get(0).getActor());
        found.put("event", events.getItems().get(0).getKind());
        found.put("me", Page.me(arguments[1]));
        System.out.println(new GsonBuilder().serializeNulls().create().toJson(found));
    }
}
