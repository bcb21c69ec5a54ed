package rolecall.testing;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.util.Base64;
import java.util.List;
import rolecall.AccessMatrix;
import rolecall.Floor;
import rolecall.Guard;
import rolecall.KeyException;
import rolecall.KeySet;
import rolecall.State;

/** An issuer of access tokens in memory, with a random key and its own clock, for tests without a server. */
public final class TestIssuer {
    /** The {@code iss} and {@code aud} of its tokens. */
    public static final String URL = "https://test.invalid";
    static final String KID = "test-key";
    static final String ERA = "test";

    private final KeyPair keys;
    private final String jwks;
    private final TestClock clock = new TestClock();
    private final State state;

    /** Makes an issuer that signs with ES256. */
    public TestIssuer() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            keys = generator.generateKeyPair();
            ECPublicKey key = (ECPublicKey) keys.getPublic();
            jwks = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"" + KID
                + "\",\"x\":\"" + coordinate(key.getW().getAffineX()) + "\",\"y\":\"" + coordinate(key.getW().getAffineY())
                + "\"}]}";
            state = State.of(KeySet.ofJwks(jwks.getBytes(StandardCharsets.UTF_8)), ERA, clock);
        } catch (GeneralSecurityException | KeyException fault) {
            throw new IllegalStateException(fault);
        }
    }

    private static String coordinate(BigInteger value) {
        byte[] bytes = new byte[32];
        byte[] written = value.toByteArray();
        int length = Math.min(32, written.length);
        System.arraycopy(written, written.length - length, bytes, 32 - length, length);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** Returns the public key as a JWK Set. */
    public String jwks() {
        return jwks;
    }

    KeyPair keys() {
        return keys;
    }

    /** Returns a guard that accepts the tokens of this issuer and uses its clock. */
    public Guard guard() {
        return Guard.of(URL).state(state).clock(clock).build();
    }

    /** Returns the clock of the issuer and its guards. */
    public TestClock clock() {
        return clock;
    }

    /** Returns the state of the guards, to change keys or era. */
    public State state() {
        return state;
    }

    /** Starts a token for a user, without roles and permissions. */
    public TestToken token(String username) {
        return new TestToken(this, username);
    }

    /** Signs a token with exactly the roles and permissions of a caller of an access matrix. */
    public String tokenOf(AccessMatrix.Caller caller) {
        TestToken token = token("matrix").roles(caller.roles().toArray(String[]::new))
            .permissions(caller.permissions().toArray(String[]::new));
        caller.tenant().ifPresent(token::tenant);
        if (caller.isStale()) {
            token.claim("auth_time", 0L);
        }
        return token.sign();
    }

    /** Ends the tokens of a subject, client, role, session or token id that were signed so far. */
    public void revoke(Floor.Kind kind, String key) {
        state.raise(List.of(new Floor(kind, key, "", 1, Long.MAX_VALUE)));
    }
}
