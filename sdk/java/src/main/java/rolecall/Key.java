package rolecall;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.Base64;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** A key that verifies tokens of one algorithm. */
final class Key {
    /** A signature algorithm of RFC 7518 section 3.1 or RFC 8037 section 3.1, with the length of its hash or coordinates. */
    enum Algorithm {
        HS256("oct", "HmacSHA256", null, 32),
        HS384("oct", "HmacSHA384", null, 48),
        HS512("oct", "HmacSHA512", null, 64),
        ES256("EC", "SHA256withECDSAinP1363Format", "P-256", 32),
        ES384("EC", "SHA384withECDSAinP1363Format", "P-384", 48),
        ES512("EC", "SHA512withECDSAinP1363Format", "P-521", 66),
        EdDSA("OKP", "Ed25519", "Ed25519", 32),
        RS256("RSA", "SHA256withRSA", null, 32),
        RS384("RSA", "SHA384withRSA", null, 48),
        RS512("RSA", "SHA512withRSA", null, 64),
        PS256("RSA", "RSASSA-PSS", null, 32),
        PS384("RSA", "RSASSA-PSS", null, 48),
        PS512("RSA", "RSASSA-PSS", null, 64);

        final String kty;
        final String jca;
        final String curve;
        final int size;

        Algorithm(String kty, String jca, String curve, int size) {
            this.kty = kty;
            this.jca = jca;
            this.curve = curve;
            this.size = size;
        }

        static Optional<Algorithm> named(String name) {
            for (Algorithm one : values()) {
                if (one.name().equals(name)) {
                    return Optional.of(one);
                }
            }
            return Optional.empty();
        }

        static Optional<Algorithm> ofCurve(String curve) {
            for (Algorithm one : values()) {
                if (curve.equals(one.curve)) {
                    return Optional.of(one);
                }
            }
            return Optional.empty();
        }
    }

    final Algorithm algorithm;
    /** The key id, or null. */
    final String kid;
    /** Identifies the key: two are equal only if algorithm, key id and key material are. */
    final String fingerprint;
    private final byte[] secret;
    private final PublicKey key;

    private Key(Algorithm algorithm, String kid, byte[] secret, PublicKey key, byte[]... parts) {
        this.algorithm = algorithm;
        this.kid = kid;
        this.secret = secret;
        this.key = key;
        this.fingerprint = fingerprint(algorithm, kid, parts);
    }

    static Key secret(Algorithm algorithm, String kid, byte[] secret) throws KeyException {
        if (secret.length < algorithm.size) {
            throw new KeyException("the secret has %d bytes, %s needs at least %d"
                .formatted(secret.length, algorithm, algorithm.size));
        }
        // a MAC instead of a plain hash, so that guessing the secret from it is no easier than from a token
        byte[] tag = mac(algorithm, secret, "rolecall key fingerprint".getBytes(StandardCharsets.US_ASCII));
        return new Key(algorithm, kid, secret.clone(), null, tag);
    }

    static Key open(Algorithm algorithm, String kid, PublicKey key, byte[]... parts) {
        return new Key(algorithm, kid, null, key, parts);
    }

    boolean isSymmetric() {
        return secret != null;
    }

    /** Returns true if {@code signature} is a valid signature of {@code message}. */
    boolean accepts(byte[] message, byte[] signature) {
        if (secret != null) {
            return MessageDigest.isEqual(mac(algorithm, secret, message), signature);
        }
        if (algorithm.kty.equals("EC") && signature.length != 2 * algorithm.size) {
            return false;
        }
        try {
            Signature verifier = Signature.getInstance(algorithm.jca);
            if (algorithm.jca.equals("RSASSA-PSS")) {
                String hash = "SHA-" + algorithm.size * 8;
                verifier.setParameter(
                    new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), algorithm.size, 1));
            }
            verifier.initVerify(key);
            verifier.update(message);
            return verifier.verify(signature);
        } catch (GeneralSecurityException fault) {
            // a signature of the wrong length or form
            return false;
        }
    }

    private static byte[] mac(Algorithm algorithm, byte[] secret, byte[] message) {
        try {
            Mac mac = Mac.getInstance(algorithm.jca);
            mac.init(new SecretKeySpec(secret, algorithm.jca));
            return mac.doFinal(message);
        } catch (GeneralSecurityException missing) {
            throw new IllegalStateException(missing);
        }
    }

    private static String fingerprint(Algorithm algorithm, String kid, byte[]... parts) {
        MessageDigest digest = Tokens.sha256();
        update(digest, algorithm.name().getBytes(StandardCharsets.UTF_8));
        update(digest, (kid == null ? "" : kid).getBytes(StandardCharsets.UTF_8));
        for (byte[] part : parts) {
            update(digest, part);
        }
        return Base64.getEncoder().encodeToString(digest.digest());
    }

    /** Each part follows its length, so that different parts never hash to the same bytes. */
    private static void update(MessageDigest digest, byte[] part) {
        digest.update(BigInteger.valueOf(part.length).setBit(63).toByteArray());
        digest.update(part);
    }
}
