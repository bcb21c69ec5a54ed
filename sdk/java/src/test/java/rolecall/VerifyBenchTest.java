package rolecall;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtTimestampValidator;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import rolecall.testing.TestIssuer;

/**
 * Compares the CPU of checking a token with the decoder of Spring's resource server, in turns in one run:
 * {@code mvn --file sdk/java/pom.xml test -Dtest=VerifyBenchTest -Dbench.rounds=9 -Dbench.count=5000}.
 *
 * <p>The decoder verifies the token at each request. The guard verifies a token once, and then looks up what may have changed.
 */
class VerifyBenchTest {
    private static final int ROUNDS = Integer.getInteger("bench.rounds", 3);
    private static final int COUNT = Integer.getInteger("bench.count", 300);
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private final TestIssuer issuer = new TestIssuer();

    private BooleanSupplier withSpring(String token) throws Exception {
        var processor = new DefaultJWTProcessor<SecurityContext>();
        processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(
            JWSAlgorithm.ES256, new ImmutableJWKSet<>(JWKSet.parse(issuer.jwks()))));
        // the validator below looks at the claims, as in Spring's own builder
        processor.setJWTClaimsSetVerifier((claims, context) -> { });
        var decoder = new NimbusJwtDecoder(processor);
        var now = Instant.EPOCH.plusNanos(issuer.clock().nowMicros() * 1000);
        var timestamps = new JwtTimestampValidator(Duration.ZERO);
        timestamps.setClock(Clock.fixed(now, ZoneOffset.UTC));
        decoder.setJwtValidator(JwtValidators.createAtJwtValidator().issuer(TestIssuer.URL).audience(TestIssuer.URL)
            .validators(claims -> {
                claims.put("client_id", new JwtClaimValidator<>("client_id", Objects::nonNull));
                claims.put("exp", timestamps);
            }).build());
        return () -> decoder.decode(token).getClaimAsStringList("roles").contains("admin");
    }

    private static BooleanSupplier withGuard(Guard guard, String token) {
        var admin = Rule.role("admin");
        return () -> guard.verify(token).has(admin);
    }

    /** Returns the microseconds of CPU that a check takes. */
    private static double cpu(List<BooleanSupplier> checks, int count) {
        long before = THREADS.getCurrentThreadCpuTime();
        for (int index = 0; index < count; index++) {
            for (BooleanSupplier check : checks) {
                assertTrue(check.getAsBoolean());
            }
        }
        return (THREADS.getCurrentThreadCpuTime() - before) / 1e3 / count / checks.size();
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    @Test
    void aKnownTokenCostsLessThanTheUsualLibrary() throws Exception {
        var token = issuer.token("alice").roles("admin").permissions("items:read").sign();
        var known = List.of(withGuard(issuer.guard(), token));
        var usual = List.of(withSpring(token));
        Map<String, DoubleSupplier> rows = new LinkedHashMap<>();
        rows.put("Spring's decoder", () -> cpu(usual, COUNT));
        rows.put("rolecall, a token for the first time", () -> {
            var guard = issuer.guard();
            List<BooleanSupplier> checks = new ArrayList<>();
            for (int index = 0; index < COUNT / 10; index++) {
                checks.add(withGuard(guard, issuer.token("user" + index).roles("admin").sign()));
            }
            return cpu(checks, 1);
        });
        rows.put("rolecall, a token again", () -> cpu(known, 20 * COUNT));
        Map<String, List<Double>> samples = new LinkedHashMap<>();
        // the first round is for the compiler of the virtual machine
        for (int round = 0; round <= ROUNDS; round++) {
            for (var row : rows.entrySet()) {
                double found = row.getValue().getAsDouble();
                if (round > 0) {
                    samples.computeIfAbsent(row.getKey(), name -> new ArrayList<>()).add(found);
                }
            }
        }
        double base = median(samples.get("Spring's decoder"));
        samples.forEach((name, found) -> System.out.printf(
            "%s: %.2f us, %.4f of Spring's decoder%n", name, median(found), median(found) / base));
        assertTrue(median(samples.get("rolecall, a token again")) < base / 2);
    }
}
