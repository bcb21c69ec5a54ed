package rolecall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Runs the files in sdk/conformance, as every package of rolecall does. */
class ConformanceTest {
    private static Map<String, Object> read(String name) throws Exception {
        return Json.object(Files.readAllBytes(Path.of("../conformance", name)), Json.ANSWER_DEPTH);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> map(Object value) {
        return (Map<String, Object>) value;
    }

    @SuppressWarnings("unchecked")
    private static List<Object> list(Object value) {
        return (List<Object>) value;
    }

    private static List<String> texts(Object value) {
        return list(value).stream().map(String.class::cast).toList();
    }

    private static long integer(Object value) {
        return ((Json.Num) value).integer();
    }

    private static Guard guard(Map<String, Object> members) throws Exception {
        Guard.Builder builder = Guard.of((String) members.get("issuer")).audiences(texts(members.get("audiences")))
            .clock(new ManualClock());
        if (Boolean.TRUE.equals(members.get("foreign"))) {
            builder.foreign();
        }
        if (members.get("secret") instanceof Map<?, ?> secret) {
            byte[] bytes = Base64.getDecoder().decode((String) secret.get("base64"));
            return builder.keys(KeySet.ofSecret((String) secret.get("algorithm"), bytes)).build();
        }
        StringBuilder jwks = new StringBuilder();
        write(jwks, members.get("jwks"));
        return builder.keys(KeySet.ofJwks(KeySet.utf8(jwks.toString()))).build();
    }

    private static void write(StringBuilder to, Object value) {
        if (value instanceof Map<?, ?> members) {
            String before = "{";
            for (Map.Entry<?, ?> member : members.entrySet()) {
                to.append(before);
                Json.write(to, (String) member.getKey());
                to.append(':');
                write(to, member.getValue());
                before = ",";
            }
            to.append('}');
        } else if (value instanceof List<?> items) {
            String before = "[";
            for (Object item : items) {
                to.append(before);
                write(to, item);
                before = ",";
            }
            to.append(']');
        } else {
            Json.write(to, (String) value);
        }
    }

    static Rule rule(Object value) {
        if (value == null || "authenticated".equals(value)) {
            return Rule.authenticated();
        }
        if (value instanceof String word) {
            return word.equals("public") ? Rule.open() : Rule.optional();
        }
        Map.Entry<String, Object> only = map(value).entrySet().iterator().next();
        Object inner = only.getValue();
        return switch (only.getKey()) {
            case "role" -> Rule.role((String) inner);
            case "permission" -> Rule.permission((String) inner);
            case "any" -> Rule.any(list(inner).stream().map(ConformanceTest::rule).toList());
            case "all" -> Rule.all(list(inner).stream().map(ConformanceTest::rule).toList());
            case "for_tenant" -> Rule.forTenant(rule(inner));
            case "in_tenant" -> Rule.inTenant(rule(inner));
            case "fresh" -> Rule.fresh(rule(map(inner).get("rule")), Duration.ofSeconds(integer(map(inner).get("seconds"))));
            default -> throw new AssertionError(only.getKey());
        };
    }

    @Test
    void tokens() throws Exception {
        assertTrue(rows("tokens.json") >= 300);
    }

    @Test
    void rules() throws Exception {
        assertTrue(rows("rules.json") >= 100);
        for (Object row : list(read("rules.json").get("rules"))) {
            Rule rule = rule(map(row).get("rule"));
            assertEquals(map(row).get("text"), rule.toString());
            assertEquals(Optional.ofNullable(map(row).get("scope")).orElse(""), rule.scope());
            assertEquals(texts(map(row).get("names")), rule.names());
        }
    }

    /** Decides each row with a new guard, and twice with one for all rows. */
    private static int rows(String name) throws Exception {
        Map<String, Object> file = read(name);
        Map<String, Guard> shared = new HashMap<>();
        for (Map.Entry<String, Object> entry : map(file.get("guards")).entrySet()) {
            shared.put(entry.getKey(), guard(map(entry.getValue())));
        }
        List<String> faults = new ArrayList<>();
        for (Object value : list(file.get("rows"))) {
            Map<String, Object> row = map(value);
            String guard = (String) row.get("guard");
            check(row, guard(map(map(file.get("guards")).get(guard))), faults);
            check(row, shared.get(guard), faults);
            check(row, shared.get(guard), faults);
        }
        assertEquals(List.of(), faults);
        return list(file.get("rows")).size();
    }

    private static void check(Map<String, Object> row, Guard guard, List<String> faults) {
        List<String> authorization = new ArrayList<>();
        for (Object field : list(row.get("headers"))) {
            if (list(field).get(0).toString().equalsIgnoreCase("authorization")) {
                authorization.add((String) list(field).get(1));
            }
        }
        Rule rule = rule(row.get("rule"));
        Guard.Admission result = guard.admit(authorization, rule, (String) row.get("tenant"));
        long status = result.denial() == null ? 200 : result.denial().status();
        String challenge = result.denial() == null ? null : result.denial().challenge();
        String body = result.denial() == null ? null : result.denial().body(rule, result.caller());
        Object principal = result.denial() == null ? shown(result.caller()) : null;
        Map<String, Object> actual = new LinkedHashMap<>();
        actual.put("status", status);
        actual.put("www_authenticate", challenge);
        actual.put("body", body);
        actual.put("principal", principal);
        for (Map.Entry<String, Object> member : actual.entrySet()) {
            Object expected = Json.plain(row.get(member.getKey()));
            if (!java.util.Objects.equals(expected, member.getValue())) {
                faults.add(row.get("id") + ": " + member.getValue() + " is not " + expected);
            }
        }
    }

    /** The caller as the files show it. */
    private static Map<String, Object> shown(Principal caller) {
        if (caller == null) {
            return null;
        }
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("subject", caller.subject());
        shown.put("kind", caller.isClient() ? "client" : "user");
        shown.put("username", caller.username());
        shown.put("client_id", caller.clientId());
        shown.put("token_id", caller.tokenId());
        shown.put("roles", List.copyOf(caller.roles()));
        shown.put("permissions", List.copyOf(caller.permissions()));
        shown.put("global_roles", List.copyOf(caller.globalRoles()));
        shown.put("global_permissions", List.copyOf(caller.globalPermissions()));
        shown.put("tenant", caller.tenant().orElse(null));
        shown.put("session", caller.session().orElse(null));
        shown.put("narrowed", caller.isNarrowed());
        shown.put("rev", caller.revision());
        shown.put("era", caller.era());
        shown.put("issued_at", caller.issuedAt().getEpochSecond());
        shown.put("expires_at", caller.expiresAt().getEpochSecond());
        shown.put("auth_time", caller.authTime().map(java.time.Instant::getEpochSecond).orElse(null));
        shown.put("acr", caller.acr().toString());
        shown.put("methods", caller.methods());
        shown.put("audience", caller.claims.isOneAudience ? caller.audience().get(0) : caller.audience());
        shown.put("claims", caller.claims());
        return shown;
    }

    @Test
    void answers() throws Exception {
        Map<String, Denial> fixed = new HashMap<>();
        for (Denial denial : List.of(Denial.NOT_AUTHENTICATED, Denial.INVALID_TOKEN, Denial.ENDED_TOKEN,
            Denial.TWO_CREDENTIALS, Denial.UNAVAILABLE, Denial.UNGUARDED)) {
            fixed.put(denial.code(), denial);
        }
        for (Object value : list(read("answers.json").get("rows"))) {
            Map<String, Object> row = map(value);
            String code = (String) row.get("code");
            Denial denial = switch (code) {
                case "forbidden" -> Denial.forbidden(Optional.ofNullable((String) row.get("scope")).orElse(""));
                case "insufficient_user_authentication" -> Denial.stepUp(
                    row.get("acr") == null ? null : Acr.of((String) row.get("acr")).orElseThrow(),
                    row.get("max_age") == null ? null : integer(row.get("max_age")));
                default -> fixed.get(code);
            };
            assertEquals(integer(row.get("status")), denial.status(), code);
            assertEquals(row.get("body"), denial.body(null, null), code);
            Map<String, String> headers = new LinkedHashMap<>();
            list(row.get("headers")).forEach(field -> headers.put(texts(field).get(0), texts(field).get(1)));
            assertEquals(headers, denial.headers(), code);
        }
    }

    @Test
    void feed() throws Exception {
        Map<String, Object> file = read("feed.json");
        List<Object> scripts = list(file.get("scripts"));
        assertTrue(scripts.size() >= 60);
        for (Object script : scripts) {
            Map<String, Object> settings = map(map(script).get("guard"));
            ManualClock clock = new ManualClock();
            State state = State.unknown(clock);
            Guard.Builder builder = Guard.of((String) map(file.get("guard")).get("issuer"))
                .audiences(texts(map(file.get("guard")).get("audiences"))).client("items", "secret").clock(clock);
            if (settings != null && settings.get("max_staleness_ms") != null) {
                builder.maxStaleness(Duration.ofMillis(integer(settings.get("max_staleness_ms"))));
            }
            Guard guard = builder.scripted(state);
            int number = 0;
            for (Object step : list(map(script).get("steps"))) {
                String where = map(script).get("id") + ", step " + number++;
                take(map(step), guard, clock, map(file.get("tokens")), where);
            }
        }
    }

    private static void take(Map<String, Object> step, Guard guard, ManualClock clock, Map<String, Object> tokens,
                             String where) {
        Issuer issuer = guard.issuer();
        if (step.containsKey("jwks")) {
            issuer.beginLoad();
            Issuer.Failure failure = fault(() -> issuer.applyKeys(body(step.get("jwks"))));
            issuer.endLoad(failure);
            assertEquals(step.get("usable"), failure == null, where);
        } else if (step.containsKey("feed")) {
            long took = step.get("took_ms") == null ? 0 : integer(step.get("took_ms"));
            long sentAt = clock.monotonicNanos() - took * 1_000_000;
            Issuer.Failure failure = fault(() -> issuer.feed().apply(body(step.get("feed")), sentAt));
            assertEquals(step.get("usable"), failure == null, where);
        } else if (step.containsKey("advance_ms")) {
            clock.advance(integer(step.get("advance_ms")));
        } else if (step.containsKey("set_now")) {
            clock.set(integer(step.get("set_now")));
        } else {
            Denial denial = null;
            try {
                guard.verifyNow((String) tokens.get(map(step.get("check")).get("token")));
            } catch (Denial refused) {
                denial = refused;
            }
            assertEquals(integer(step.get("status")), denial == null ? 200 : denial.status(), where);
            assertEquals(step.get("www_authenticate"), denial == null ? null : denial.challenge(), where);
        }
    }

    private interface Work {
        void run() throws Issuer.Failure;
    }

    private static Issuer.Failure fault(Work work) {
        try {
            work.run();
            return null;
        } catch (Issuer.Failure failure) {
            return failure;
        }
    }

    private static byte[] body(Object answer) throws Issuer.Failure {
        if (answer == null || integer(map(answer).get("status")) != 200) {
            throw new Issuer.Failure("no answer");
        }
        return ((String) map(answer).get("body")).getBytes(StandardCharsets.UTF_8);
    }
}
