package rolecall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import rolecall.testing.TestIssuer;

/** Guards that follow an issuer on a local socket, which is correct, broken and malicious. */
class IssuerTest {
    private static final String METADATA = "/.well-known/oauth-authorization-server";
    private static final String MISSING = "status 404";

    private final TestIssuer tokens = new TestIssuer();
    private final AtomicInteger keyRequests = new AtomicInteger();
    private final AtomicInteger feedRequests = new AtomicInteger();
    private volatile UnaryOperator<String> answers = this::correct;
    private volatile String lastToken = "";
    private HttpServer server;
    private String url;
    private String jwks;
    private Guard guard;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        url = "http://127.0.0.1:" + server.getAddress().getPort();
        jwks = tokens.jwks();
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/", exchange -> {
            String path = exchange.getRequestURI().getPath();
            keyRequests.addAndGet(path.equals("/jwks") ? 1 : 0);
            feedRequests.addAndGet(path.equals("/api/feed") ? 1 : 0);
            if (path.equals("/token")) {
                lastToken = exchange.getRequestHeaders().getFirst("Authorization") + " "
                    + new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            }
            String text = answers.apply(path);
            byte[] body = text.startsWith("status ") ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
            int status = text.startsWith("status ") ? Integer.parseInt(text.substring(7)) : 200;
            exchange.getResponseHeaders().set("Location", url + "/elsewhere");
            exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        if (guard != null) {
            guard.close();
        }
        server.stop(0);
    }

    private String correct(String path) {
        return switch (path) {
            case METADATA -> metadata();
            case "/jwks" -> jwks;
            case "/token" -> "{\"access_token\":\"t\",\"expires_in\":600}";
            case "/api/feed" -> feed("");
            default -> MISSING;
        };
    }

    private String metadata() {
        return "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/jwks\",\"token_endpoint\":\"%s/token\"}".formatted(url, url, url);
    }

    /** An answer of the feed, with more members, which begin with a comma. */
    private static String feed(String more) {
        return "{\"cursor\":\"c\",\"era\":\"test\",\"policy_revision\":1"
            + (more.contains("\"age_ms\"") ? "" : ",\"age_ms\":0") + (more.contains("\"floors\"") ? "" : ",\"floors\":[]") + more + "}";
    }

    private void on(String path, String text) {
        answers = asked -> asked.equals(path) ? text : correct(asked);
    }

    private Guard.Builder builder() {
        return Guard.of(url).audiences(List.of("https://items.example")).clock(tokens.clock());
    }

    private Guard follow() {
        if (guard != null) {
            guard.close();
        }
        guard = builder().client("items:1", "a b").build();
        return guard;
    }

    private String token() {
        return tokens.token("alice").claim("iss", url).claim("aud", "https://items.example").sign();
    }

    private static String code(Guard guard, String token) {
        try {
            guard.verify(token);
            return "";
        } catch (Denial denial) {
            return denial.code();
        }
    }

    private static void eventually(String what, BooleanSupplier isDone) {
        for (long end = System.nanoTime() + 20_000_000_000L; !isDone.getAsBoolean(); Thread.onSpinWait()) {
            assertTrue(System.nanoTime() < end, what);
        }
    }

    @Test
    void keysAreLoadedInTheBackground() {
        guard = builder().build();
        eventually("the keys are loaded", () -> code(guard, token()).isEmpty());
        assertEquals(1, keyRequests.get());
    }

    @Test
    void withoutKeysTheGuardIsUnavailableAndRecovers() {
        answers = path -> "status 503";
        guard = builder().build();
        assertEquals("unavailable", code(guard, token()));
        answers = this::correct;
        eventually("the keys are loaded", () -> code(guard, token()).isEmpty());
    }

    @Test
    void theFeedEndsTokens() {
        on("/api/feed", feed(",\"floors\":[{\"kind\":\"subject\",\"key\":\"bob\",\"revision\":9,\"until\":\"2999-01-01T00:00:00Z\"}]"));
        follow();
        eventually("the guard is ready", () -> code(guard, token()).isEmpty());
        String bob = tokens.token("bob").claim("iss", url).claim("aud", "https://items.example").sign();
        assertEquals("ended_token", code(guard, bob));
        assertEquals("Basic aXRlbXMlM0ExOmErYg== grant_type=client_credentials&audience=" + url.replace(":", "%3A").replace("/", "%2F"),
            lastToken);
    }

    @Test
    void maliciousAnswersNeverMakeTheGuardAcceptAToken() {
        Map<String, String> feeds = Map.ofEntries(Map.entry("empty", "{}"), Map.entry("array", "[]"),
            Map.entry("kind", feed(",\"floors\":[{\"kind\":\"tenant\",\"key\":\"t\",\"revision\":1,\"until\":\"2030-01-01T00:00:00Z\"}]")),
            Map.entry("until", feed(",\"floors\":[{\"kind\":\"role\",\"key\":\"t\",\"revision\":1,\"until\":\"soon\"}]")),
            Map.entry("age", feed(",\"age_ms\":-1")), Map.entry("old", feed(",\"age_ms\":31000")),
            Map.entry("oldest", feed(",\"age_ms\":18446744073709551615")), Map.entry("more", feed(",\"more\":true")),
            Map.entry("twice", feed(",\"era\":\"test\"")), Map.entry("redirect", "status 302"), Map.entry("401", "status 401"),
            Map.entry("long", " ".repeat(17 * 1024 * 1024)));
        feeds.forEach((name, text) -> {
            on("/api/feed", text);
            feedRequests.set(0);
            follow();
            eventually(name, () -> feedRequests.get() > 1);
            assertEquals("unavailable", code(guard, token()), name);
        });
        Map.of(METADATA, "{\"issuer\":\"https://other.example\",\"jwks_uri\":\"" + url + "/jwks\"}", "/jwks", "{\"keys\":[]}")
            .forEach((path, text) -> {
                on(path, text);
                guard.close();
                guard = builder().build();
                assertEquals("unavailable", code(guard, token()), path);
            });
    }

    @Test
    void unknownKeysCannotUseUpTheIssuer() {
        guard = builder().build();
        eventually("the keys are loaded", () -> code(guard, token()).isEmpty());
        String head = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6InVua25vd24ifQ";
        String stranger = head + token().substring(token().indexOf('.'));
        for (int i = 0; i < 50; i++) {
            assertEquals("invalid_token", code(guard, stranger));
        }
        assertEquals(1, keyRequests.get());
        tokens.clock().advance(Duration.ofSeconds(10));
        assertEquals("unavailable", code(guard, stranger));
        eventually("the keys are loaded again", () -> code(guard, stranger).equals("invalid_token"));
        assertEquals(2, keyRequests.get());
    }

    @Test
    void aTokenFromALostRevisionIsRefusedOnceTheIssuerHasAnswered() {
        on("/api/feed", feed(",\"revision\":4"));
        follow();
        eventually("the guard is ready", () -> code(guard, token()).isEmpty());
        String lost = tokens.token("alice").claim("iss", url).claim("aud", "https://items.example").claim("rev", 16L).sign();
        Thread moving = new Thread(() -> {
            // the answers must be younger than the question
            while (!Thread.currentThread().isInterrupted()) {
                tokens.clock().advance(Duration.ofNanos(1000));
                Thread.onSpinWait();
            }
        });
        moving.start();
        try {
            eventually("the guard refuses", () -> code(guard, lost).equals("ended_token"));
        } finally {
            moving.interrupt();
        }
        assertEquals("", code(guard, token()));
    }

    @Test
    void issuersThatCannotBeUsedAreRefused() {
        for (String issuer : List.of("login.example", "http://login.example", "https://login.example?x", "https://me@login.example", "")) {
            assertThrows(IllegalArgumentException.class, () -> Guard.of(issuer).build(), issuer);
        }
    }

    @Test
    void aSetThatIsFetchedMayNotContainSecrets() throws Exception {
        byte[] secret = "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"k\":\"%s\"}]}".formatted("A".repeat(43)).getBytes(StandardCharsets.UTF_8);
        assertEquals(1, KeySet.ofJwks(secret).size());
        assertThrows(KeyException.class, () -> KeySet.ofFetched(secret));
    }
}
