package rolecall;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Verifies access tokens as a resource server must (RFC 9068 section 4, RFC 8725). */
final class Tokens {
    /** A longer token is refused before it is parsed. */
    static final int MAX_TOKEN_BYTES = 16 * 1024;
    private static final long MAX_LIFETIME_SECONDS = 24 * 3600;
    /** How far {@code iat} and {@code nbf} may be in the future. There is none for {@code exp}. */
    static final long LEEWAY_MICROS = 30_000_000;

    /** The result of a token that is refused. */
    enum Fault {
        INVALID,
        /** No key has the id of the token: the key set may be out of date. */
        UNKNOWN_KEY,
        /** The token has expired and is otherwise valid, so that refreshing it helps. */
        ENDED
    }

    /** A token that is refused, without a stack trace: it is an ordinary result. */
    static final class Refused extends Exception {
        private static final long serialVersionUID = 1;
        final transient Fault fault;

        Refused(Fault fault) {
            super(fault.name(), null, false, false);
            this.fault = fault;
        }
    }

    private final String issuer;
    private final Set<String> audiences;
    private final boolean allowsMissingIds;

    Tokens(String issuer, Set<String> audiences, boolean allowsMissingIds) {
        this.issuer = issuer;
        this.audiences = audiences;
        this.allowsMissingIds = allowsMissingIds;
    }

    /** Returns the claims of a token at a time in microseconds since the epoch. */
    Claims verify(KeySet keys, String token, long now) throws Refused {
        Signed signed = verifySignature(keys, token);
        // RFC 9068 section 2.1; media types are case-insensitive (RFC 7515 section 4.1.9)
        String typ = signed.typ == null ? "" : lowerAscii(signed.typ);
        if (!typ.equals("at+jwt") && !typ.equals("application/at+jwt")) {
            throw new Refused(Fault.INVALID);
        }
        Claims claims = Claims.parse(signed.payload, signed.key, allowsMissingIds)
            .orElseThrow(() -> new Refused(Fault.INVALID));
        boolean isForUs = claims.audience.stream().anyMatch(audiences::contains);
        boolean isTooEarly = claims.notBefore * 1_000_000 > now + LEEWAY_MICROS;
        boolean isTooLong = claims.expiresAt - claims.issuedAt > MAX_LIFETIME_SECONDS;
        if (!claims.issuer.equals(issuer) || !isForUs || isTooEarly || isTooLong) {
            throw new Refused(Fault.INVALID);
        }
        if (now >= claims.expiresAt * 1_000_000) {
            throw new Refused(Fault.ENDED);
        }
        return claims;
    }

    private record Signed(byte[] payload, String typ, String key) {
    }

    /**
     * Verifies the signature with the key that the token's {@code kid} names (RFC 7515).
     *
     * <p>Header members that contain or refer to keys are never used. A token with {@code crit} is refused, since no extension
     * is supported, and so is one with {@code b64}, {@code zip} or {@code enc}, which would change the meaning of the payload.
     */
    private static Signed verifySignature(KeySet keys, String token) throws Refused {
        Refused invalid = new Refused(Fault.INVALID);
        if (token.length() > MAX_TOKEN_BYTES) {
            throw invalid;
        }
        int first = token.indexOf('.');
        int second = token.indexOf('.', first + 1);
        if (first < 0 || second < 0 || token.indexOf('.', second + 1) >= 0) {
            throw invalid;
        }
        Map<String, Object> header;
        try {
            header = Json.object(decode(token.substring(0, first)).orElseThrow(() -> invalid), Json.TOKEN_DEPTH);
        } catch (Json.NotStrict fault) {
            throw invalid;
        }
        for (String name : List.of("typ", "kid")) {
            if (header.containsKey(name) && !(header.get(name) instanceof String)) {
                throw invalid;
            }
        }
        if (!(header.get("alg") instanceof String alg)
            || List.of("crit", "b64", "zip", "enc").stream().anyMatch(header::containsKey)) {
            throw invalid;
        }
        Key.Algorithm algorithm = Key.Algorithm.named(alg).orElseThrow(() -> invalid);
        Key key = keys.choose((String) header.get("kid")).orElseThrow(() -> new Refused(Fault.UNKNOWN_KEY));
        byte[] signature = decode(token.substring(second + 1)).orElseThrow(() -> invalid);
        byte[] message = token.substring(0, second).getBytes(StandardCharsets.UTF_8);
        // INVARIANT: the algorithm is the key's; that of the token can only agree (RFC 8725 section 3.1)
        if (key.algorithm != algorithm || !key.accepts(message, signature)) {
            throw invalid;
        }
        byte[] payload = decode(token.substring(first + 1, second)).orElseThrow(() -> invalid);
        return new Signed(payload, (String) header.get("typ"), key.fingerprint);
    }

    /**
     * Decodes canonical base64url without padding (RFC 7515 section 2), and nothing else: no white space, no other alphabet, no
     * trailing bits that are not zero.
     */
    static Optional<byte[]> decode(String text) {
        if (text.indexOf('=') >= 0) {
            return Optional.empty();
        }
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            boolean isCanonical = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(text);
            return isCanonical ? Optional.of(bytes) : Optional.empty();
        } catch (IllegalArgumentException fault) {
            return Optional.empty();
        }
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException missing) {
            throw new IllegalStateException(missing);
        }
    }

    /** Returns text in lower case, without letters beyond ASCII, some of which have a lower case in ASCII. */
    static String lowerAscii(String text) {
        boolean isAscii = text.chars().allMatch(c -> c < 128);
        return isAscii ? text.toLowerCase(Locale.ROOT) : text;
    }
}
