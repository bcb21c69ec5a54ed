package rolecall;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.EllipticCurve;
import java.security.spec.NamedParameterSpec;
import java.security.spec.RSAPublicKeySpec;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A JSON Web Key that was parsed and not checked (RFC 7517, RFC 7518 section 6, RFC 8037). */
final class Jwk {
    private static final int MAX_KID_BYTES = 256;
    /** The members that only a private key has (RFC 7518 sections 6.2.2 and 6.3.2). */
    private static final List<String> PRIVATE = List.of("d", "p", "q", "dp", "dq", "qi", "oth");
    /**
     * The y coordinates, little endian, of the points of order 1, 2, 4 and 8 of Curve25519, including encodings beyond the
     * prime. With such a key, one signature is valid for many messages.
     */
    private static final Set<String> LOW_ORDER = Set.of(
        "00".repeat(32), "01" + "00".repeat(31),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff".repeat(30) + "7f", "ed" + "ff".repeat(30) + "7f", "ee" + "ff".repeat(30) + "7f");
    /** The primes up to 167. No modulus of two large primes is divisible by one of them. */
    private static final int[] PRIMES = {
        2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
        113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    };

    private final Map<?, ?> members;

    Jwk(Map<?, ?> members) {
        this.members = members;
    }

    String text(String name) throws KeyException {
        if (!members.containsKey(name)) {
            return null;
        }
        if (members.get(name) instanceof String text) {
            return text;
        }
        throw KeyException.malformed("a member of a key is not a string");
    }

    private byte[] bytes(String name) throws KeyException {
        String text = text(name);
        if (text == null) {
            throw KeyException.malformed("a member of a key is missing");
        }
        return Tokens.decode(text).orElseThrow(() -> KeyException.malformed("a member of a key is not base64url"));
    }

    boolean isSymmetric() {
        return "oct".equals(members.get("kty"));
    }

    /** Checks the key and returns it, or null if its type or algorithm is not supported. */
    Key key() throws KeyException {
        String kty = text("kty");
        if (kty == null) {
            throw KeyException.malformed("a key without `kty`");
        }
        // RFC 7517 section 5: keys that are not understood are ignored
        if (!Set.of("oct", "EC", "OKP", "RSA").contains(kty)) {
            return null;
        }
        if (!kty.equals("oct") && PRIVATE.stream().anyMatch(members::containsKey)) {
            throw new KeyException("the key set contains a private key");
        }
        checkUse();
        Key.Algorithm algorithm = algorithm(kty);
        if (algorithm == null) {
            return null;
        }
        String kid = text("kid");
        if (kid != null && (kid.isEmpty() || kid.getBytes(StandardCharsets.UTF_8).length > MAX_KID_BYTES)) {
            throw new KeyException("a key id must have 1 to 256 bytes");
        }
        return switch (kty) {
            case "oct" -> Key.secret(algorithm, kid, bytes("k"));
            case "EC" -> Key.open(algorithm, kid, elliptic(algorithm), bytes("x"), bytes("y"));
            case "OKP" -> Key.open(algorithm, kid, edwards(algorithm), bytes("x"));
            default -> Key.open(algorithm, kid, rsa(algorithm), bytes("n"), bytes("e"));
        };
    }

    /** Checks that the key may verify signatures (RFC 7517 sections 4.2 and 4.3). */
    private void checkUse() throws KeyException {
        String use = text("use");
        KeyException wrongUse = new KeyException("the key is not for verifying signatures", true);
        if (use != null && !use.equals("sig")) {
            throw wrongUse;
        }
        if (!members.containsKey("key_ops")) {
            return;
        }
        if (!(members.get("key_ops") instanceof List<?> operations)
            || !operations.stream().allMatch(String.class::isInstance)) {
            throw KeyException.malformed("`key_ops` is not an array of strings");
        }
        if (!operations.contains("verify") || !Set.of("verify", "sign").containsAll(operations)) {
            throw wrongUse;
        }
    }

    /**
     * Returns the only algorithm of the key, or null if it is not supported.
     *
     * <p>INVARIANT: the algorithm comes from the key, never from a token.
     */
    private Key.Algorithm algorithm(String kty) throws KeyException {
        String name = text("alg");
        Key.Algorithm found = null;
        if (name != null) {
            found = Key.Algorithm.named(name).orElse(null);
            if (found == null) {
                return null;
            }
        }
        if (kty.equals("EC") || kty.equals("OKP")) {
            String curve = text("crv");
            if (curve == null) {
                throw KeyException.malformed("a key without `crv`");
            }
            Key.Algorithm ofCurve = Key.Algorithm.ofCurve(curve).orElse(null);
            if (ofCurve == null) {
                return null;
            }
            if (found != null && found != ofCurve) {
                throw mismatched(found);
            }
            found = ofCurve;
        }
        if (found == null) {
            throw new KeyException("the algorithm of the key is ambiguous; add `alg` to it", true);
        }
        if (!found.kty.equals(kty)) {
            throw mismatched(found);
        }
        return found;
    }

    private static KeyException mismatched(Key.Algorithm algorithm) {
        return new KeyException("the key is not a valid " + algorithm + " key");
    }

    private PublicKey elliptic(Key.Algorithm algorithm) throws KeyException {
        byte[] x = bytes("x");
        byte[] y = bytes("y");
        if (x.length != algorithm.size || y.length != algorithm.size) {
            throw mismatched(algorithm);
        }
        try {
            AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
            parameters.init(new ECGenParameterSpec("secp" + algorithm.curve.substring(2) + "r1"));
            ECParameterSpec curve = parameters.getParameterSpec(ECParameterSpec.class);
            ECPoint point = new ECPoint(new BigInteger(1, x), new BigInteger(1, y));
            if (!isOn(curve.getCurve(), point)) {
                throw mismatched(algorithm);
            }
            return KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(point, curve));
        } catch (GeneralSecurityException fault) {
            throw mismatched(algorithm);
        }
    }

    /** Returns true for a point of the curve y² = x³ + ax + b with reduced coordinates. */
    private static boolean isOn(EllipticCurve curve, ECPoint point) {
        BigInteger p = ((java.security.spec.ECFieldFp) curve.getField()).getP();
        BigInteger x = point.getAffineX();
        BigInteger y = point.getAffineY();
        BigInteger right = x.multiply(x).add(curve.getA()).multiply(x).add(curve.getB()).mod(p);
        return x.compareTo(p) < 0 && y.compareTo(p) < 0 && y.multiply(y).mod(p).equals(right);
    }

    private PublicKey edwards(Key.Algorithm algorithm) throws KeyException {
        byte[] x = bytes("x");
        if (x.length != algorithm.size) {
            throw mismatched(algorithm);
        }
        // the highest bit is the sign of the other coordinate
        boolean isOdd = (x[31] & 0x80) != 0;
        x[31] &= 0x7f;
        if (LOW_ORDER.contains(HexFormat.of().formatHex(x))) {
            throw new KeyException("the key is too weak: a point of low order");
        }
        byte[] bigEndian = new byte[32];
        for (int i = 0; i < 32; i++) {
            bigEndian[i] = x[31 - i];
        }
        try {
            EdECPoint point = new EdECPoint(isOdd, new BigInteger(1, bigEndian));
            return KeyFactory.getInstance("Ed25519")
                .generatePublic(new EdECPublicKeySpec(NamedParameterSpec.ED25519, point));
        } catch (GeneralSecurityException fault) {
            throw mismatched(algorithm);
        }
    }

    private PublicKey rsa(Key.Algorithm algorithm) throws KeyException {
        byte[] n = bytes("n");
        byte[] e = bytes("e");
        if (n.length == 0) {
            throw new KeyException("the key is too weak: no modulus");
        }
        // RFC 7518 section 2: a Base64urlUInt has no leading zeros, so that each key has exactly one form
        if (n[0] == 0 || e.length == 0 || e[0] == 0) {
            throw KeyException.malformed("a number with leading zeros");
        }
        BigInteger modulus = new BigInteger(1, n);
        BigInteger exponent = new BigInteger(1, e);
        if (modulus.bitLength() < 2048) {
            throw new KeyException("the key is too weak: an RSA modulus under 2048 bits");
        }
        if (modulus.bitLength() > 8192) {
            throw KeyException.malformed("an RSA modulus over 8192 bits");
        }
        for (int prime : PRIMES) {
            if (modulus.mod(BigInteger.valueOf(prime)).signum() == 0) {
                throw new KeyException("the key is too weak: an RSA modulus with a small factor");
            }
        }
        // FIPS 186-5 appendix A.1.1: the exponent is odd and above 2^16
        if (exponent.bitLength() > 33) {
            throw KeyException.malformed("an RSA exponent over 33 bits");
        }
        if (exponent.compareTo(BigInteger.valueOf(65537)) < 0 || !exponent.testBit(0)) {
            throw new KeyException("the key is too weak: an RSA exponent that is even or under 65537");
        }
        try {
            return KeyFactory.getInstance("RSA").generatePublic(new RSAPublicKeySpec(modulus, exponent));
        } catch (GeneralSecurityException fault) {
            throw mismatched(algorithm);
        }
    }
}
