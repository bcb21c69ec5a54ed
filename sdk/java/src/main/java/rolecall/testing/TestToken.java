package rolecall.testing;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A token that is not signed yet. Its methods change it and return it. */
public final class TestToken {
    private static final long LIFETIME_SECONDS = 1800;

    private final TestIssuer issuer;
    private final Map<String, Object> claims = new LinkedHashMap<>();

    TestToken(TestIssuer issuer, String username) {
        this.issuer = issuer;
        long now = issuer.clock().nowMicros() / 1_000_000;
        claims.putAll(Map.of("iss", TestIssuer.URL, "sub", username, "aud", TestIssuer.URL, "client_id", "rolecall",
            "iat", now, "exp", now + LIFETIME_SECONDS, "jti", "test-" + username, "sid", "session-" + username));
        claims.putAll(Map.of("subject_kind", "user", "auth_time", now, "acr", "aal1", "amr", List.of("pwd"),
            "username", username, "roles", List.of(), "scope", "", "rev", 0L, "era", TestIssuer.ERA));
    }

    /** Adds roles. */
    public TestToken roles(String... roles) {
        List<Object> all = new ArrayList<>((List<?>) claims.get("roles"));
        all.addAll(List.of(roles));
        return claim("roles", all);
    }

    /** Adds permissions, such as {@code items:read}. */
    public TestToken permissions(String... permissions) {
        return claim("scope", (claims.get("scope") + " " + String.join(" ", permissions)).strip());
    }

    /** Issues the token for a tenant, in which alone the subject holds what the token carries. */
    public TestToken tenant(String tenant) {
        return claim("tenant", tenant).claim("global", Map.of("roles", List.of(), "scope", ""));
    }

    /** Adds a claim, or changes it: a text, a number, a boolean, a list or a map. */
    public TestToken claim(String name, Object value) {
        claims.put(name, value);
        return this;
    }

    /** Removes a claim. The token may then be refused. */
    public TestToken without(String name) {
        claims.remove(name);
        return this;
    }

    /** Signs the token. */
    public String sign() {
        String signed = part("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"" + TestIssuer.KID + "\"}") + "."
            + part(json(claims));
        try {
            Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
            signature.initSign(issuer.keys().getPrivate());
            signature.update(signed.getBytes(StandardCharsets.US_ASCII));
            return signed + "." + Base64.getUrlEncoder().withoutPadding().encodeToString(signature.sign());
        } catch (GeneralSecurityException fault) {
            throw new IllegalStateException(fault);
        }
    }

    /** Signs the token and returns the value for an {@code Authorization} header. */
    public String bearer() {
        return "Bearer " + sign();
    }

    private static String part(String json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }

    private static String json(Object value) {
        if (value instanceof Map<?, ?> members) {
            return members.entrySet().stream().map(member -> json(member.getKey()) + ":" + json(member.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
        }
        if (value instanceof List<?> items) {
            return items.stream().map(TestToken::json).collect(Collectors.joining(",", "[", "]"));
        }
        if (value instanceof String text) {
            return text.chars().mapToObj(c -> c < 0x20 || c == '"' || c == '\\' ? "\\u%04x".formatted(c)
                : String.valueOf((char) c)).collect(Collectors.joining("", "\"", "\""));
        }
        return String.valueOf(value);
    }
}
