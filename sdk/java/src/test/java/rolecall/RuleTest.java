package rolecall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import rolecall.testing.TestIssuer;

/** Rules that cannot be meant are refused, and floors refuse as a plain list of floors does. */
class RuleTest {
    private static final Rule A = Rule.role("a");

    @Test
    void rulesThatCannotBeMeantAreRefused() {
        Map<String, List<Supplier<Rule>>> faults = Map.of(
            "not the name of a role", List.of(() -> Rule.role(""), () -> Rule.role("Admin"), () -> Rule.role("-a"), () -> Rule.role("a".repeat(65)), () -> Rule.role("\u00e9")),
            "not a permission", List.of(() -> Rule.permission("items"), () -> Rule.permission("items:"), () -> Rule.permission(":read"), () -> Rule.permission("role:admin"), () -> Rule.permission("items:*")),
            "at least one rule", List.of(() -> Rule.any(List.of()), () -> Rule.all(List.of())),
            "cannot be a part", List.of(() -> Rule.any(List.of(Rule.open())), () -> Rule.inTenant(Rule.optional()), () -> Rule.fresh(Rule.open(), Duration.ofSeconds(1))),
            "around the list", List.of(() -> Rule.any(List.of(Rule.inTenant(A))), () -> Rule.all(List.of(A, Rule.fresh(A, Duration.ofSeconds(1))))),
            "2 deep", List.of(() -> Rule.any(List.of(Rule.all(List.of(Rule.any(List.of(A))))))));
        faults.forEach((text, rules) -> rules.forEach(rule -> {
            IllegalArgumentException fault = assertThrows(IllegalArgumentException.class, rule::get, text);
            assertTrue(fault.getMessage().contains(text), fault.getMessage());
        }));
    }

    @Test
    void credentialsAreReadFromOneHeaderOnly() {
        TestIssuer issuer = new TestIssuer();
        Guard guard = issuer.guard();
        String token = issuer.token("alice").sign();
        Map.of("Bearer " + token, 200, "bEARER   " + token + "  ", 200, "Bearer", 401, "Basic YTpi", 401, token, 401,
            "Bearer\t" + token, 401, "Bearer " + token + " x", 401, "Bearer =", 401).forEach((value, status) -> {
                Guard.Admission result = guard.admit(List.of(value), Rule.authenticated(), null);
                assertEquals(status, result.denial() == null ? 200 : result.denial().status(), value);
            });
        assertEquals(400, guard.admit(List.of("Bearer " + token, "Bearer " + token), Rule.authenticated(), null).denial().status());
    }

    @Test
    void aCachedTokenIsCheckedOnEveryUse() {
        for (Floor.Kind kind : Floor.Kind.values()) {
            TestIssuer issuer = new TestIssuer();
            Guard guard = issuer.guard();
            String token = issuer.token("alice").roles("admin").sign();
            assertEquals("alice", guard.verify(token).username());
            issuer.revoke(kind, Map.of(Floor.Kind.SUBJECT, "alice", Floor.Kind.CLIENT, "rolecall", Floor.Kind.ROLE, "admin",
                Floor.Kind.SID, "session-alice", Floor.Kind.JTI, "test-alice").get(kind));
            assertEquals("ended_token", assertThrows(Denial.class, () -> guard.verify(token)).code(), kind.toString());
        }
        TestIssuer issuer = new TestIssuer();
        Guard guard = issuer.guard();
        String token = issuer.token("alice").sign();
        guard.verify(token);
        issuer.clock().advance(Duration.ofSeconds(30));
        guard.verify(token);
        issuer.clock().advance(Duration.ofMillis(1));
        assertEquals("unavailable", assertThrows(Denial.class, () -> guard.verify(token)).code());
        issuer.state().markFresh(0);
        issuer.clock().advance(Duration.ofMinutes(30));
        issuer.state().markFresh(0);
        assertEquals("ended_token", assertThrows(Denial.class, () -> guard.verify(token)).code());
    }

    @Test
    void floorsRefuseLikeAPlainList() {
        Random random = new Random(1);
        TestIssuer issuer = new TestIssuer();
        for (int round = 0; round < 50; round++) {
            List<Floor> list = new ArrayList<>();
            Floor.Floors floors = Floor.Floors.NONE;
            for (int i = random.nextInt(10); i > 0; i--) {
                Floor floor = new Floor(Floor.Kind.values()[random.nextInt(5)], "k" + random.nextInt(3),
                    random.nextBoolean() ? "" : "t" + random.nextInt(2), random.nextInt(8), 1);
                list.add(floor);
                floors = floors.with(List.of(floor));
            }
            for (int i = 0; i < 10; i++) {
                String[] keys = random.ints(5, 0, 3).mapToObj(key -> "k" + key).toArray(String[]::new);
                String tenant = random.nextBoolean() ? null : "t" + random.nextInt(2);
                var token = issuer.token(keys[0]).claim("client_id", keys[1]).claim("sid", keys[2]).claim("jti", keys[3])
                    .roles(keys[4]).claim("rev", (long) random.nextInt(9));
                Claims claims = issuer.guard().verify((tenant == null ? token : token.tenant(tenant)).sign()).claims;
                boolean expected = list.stream().anyMatch(floor -> claims.revision < floor.revision()
                    && (floor.tenant().isEmpty() || floor.tenant().equals(tenant))
                    && keys[List.of(0, 1, 4, 2, 3).get(floor.kind().ordinal())].equals(floor.key()));
                assertEquals(expected, floors.refuses(claims), list + " " + List.of(keys) + " " + tenant);
            }
        }
    }
}
