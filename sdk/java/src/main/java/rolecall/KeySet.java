package rolecall;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The keys with which tokens are verified. A set is immutable and checked when it is made.
 *
 * <p>A token is verified only with the key that its {@code kid} names. If a set has a single key without an id, that key
 * verifies tokens with any {@code kid} and without one.
 */
public final class KeySet {
    static final int MAX_BYTES = 256 * 1024;
    private static final int MAX_KEYS = 100;
    static final KeySet EMPTY = new KeySet(List.of());

    private final List<Key> keys;

    private KeySet(List<Key> keys) {
        this.keys = List.copyOf(keys);
    }

    private interface ToKey {
        Key of(Jwk jwk) throws KeyException;
    }

    /**
     * Returns the keys of a JWK Set (RFC 7517 section 5).
     *
     * <p>Keys with an unknown type, curve or algorithm are ignored, as the RFC asks. Anything that could weaken the other keys
     * makes the whole set invalid.
     *
     * @throws KeyException that names the fault
     */
    public static KeySet ofJwks(byte[] text) throws KeyException {
        return read(text, Jwk::key);
    }

    /** Returns a set of one shared secret, for HS256, HS384 or HS512. */
    public static KeySet ofSecret(String algorithm, byte[] secret) throws KeyException {
        Key.Algorithm found = Key.Algorithm.named(algorithm).filter(one -> one.kty.equals("oct")).orElseThrow(
            () -> new KeyException(algorithm + " is no algorithm for a shared secret: take HS256, HS384 or HS512"));
        return of(List.of(Key.secret(found, null, secret)));
    }

    /**
     * Reads a set that was fetched from an issuer. Issuers publish keys for other purposes in the same set, so those are
     * ignored. Shared secrets are refused: everyone who can fetch them could sign tokens.
     */
    static KeySet ofFetched(byte[] text) throws KeyException {
        KeySet keys = read(text, jwk -> {
            if (jwk.isSymmetric()) {
                throw new KeyException("the key set contains a shared secret, which everyone can fetch");
            }
            try {
                return jwk.key();
            } catch (KeyException fault) {
                if (fault.isForOthers) {
                    return null;
                }
                throw fault;
            }
        });
        if (keys.size() == 0) {
            throw new KeyException("the JWK Set has no key that verifies tokens");
        }
        return keys;
    }

    private static KeySet read(byte[] text, ToKey toKey) throws KeyException {
        if (text.length > MAX_BYTES) {
            throw KeyException.malformed("a JWK Set over 256 KiB");
        }
        Map<String, Object> members;
        try {
            members = Json.object(text, Json.TOKEN_DEPTH);
        } catch (Json.NotStrict fault) {
            throw KeyException.malformed("not a strict JSON object");
        }
        if (!(members.get("keys") instanceof List<?> items) || !items.stream().allMatch(Map.class::isInstance)) {
            throw KeyException.malformed("`keys` is not an array of objects");
        }
        if (items.size() > MAX_KEYS) {
            throw new KeyException("the key set has too many keys");
        }
        List<Jwk> jwks = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (Object item : items) {
            Jwk jwk = new Jwk((Map<?, ?>) item);
            jwks.add(jwk);
            String kid = jwk.text("kid");
            if (kid != null && !seen.add(kid)) {
                throw new KeyException("two keys have the same key id");
            }
            if (jwk.isSymmetric() != jwks.get(0).isSymmetric()) {
                throw new KeyException("the key set mixes symmetric with asymmetric keys");
            }
        }
        List<Key> keys = new ArrayList<>();
        for (Jwk jwk : jwks) {
            Key key = toKey.of(jwk);
            if (key != null) {
                keys.add(key);
            }
        }
        return of(keys);
    }

    private static KeySet of(List<Key> keys) throws KeyException {
        if (keys.size() > 1 && keys.stream().anyMatch(key -> key.kid == null)) {
            throw new KeyException("each key in a set of several keys needs a key id");
        }
        return new KeySet(keys);
    }

    /** Returns the number of keys. */
    public int size() {
        return keys.size();
    }

    boolean contains(String fingerprint) {
        return keys.stream().anyMatch(key -> key.fingerprint.equals(fingerprint));
    }

    /** Returns the only key that may verify a token with this {@code kid}, which can be null. */
    Optional<Key> choose(String kid) {
        if (keys.size() == 1 && keys.get(0).kid == null) {
            return Optional.of(keys.get(0));
        }
        return keys.stream().filter(key -> key.kid != null && key.kid.equals(kid)).findFirst();
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
