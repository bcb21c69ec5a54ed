package rolecall

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/hex"
	"fmt"
	"math/big"
)

// algorithm is a signature algorithm of RFC 7518 section 3.1 or RFC 8037 section 3.1. A key is for exactly one.
type algorithm struct {
	name  string
	kty   string
	hash  crypto.Hash
	curve string
	// size is the length of the hash for a secret, and of a coordinate for a curve, in bytes.
	size  int
	isPSS bool
}

var algorithms = []*algorithm{
	{name: "HS256", kty: "oct", hash: crypto.SHA256, size: 32},
	{name: "HS384", kty: "oct", hash: crypto.SHA384, size: 48},
	{name: "HS512", kty: "oct", hash: crypto.SHA512, size: 64},
	{name: "ES256", kty: "EC", hash: crypto.SHA256, curve: "P-256", size: 32},
	{name: "ES384", kty: "EC", hash: crypto.SHA384, curve: "P-384", size: 48},
	{name: "ES512", kty: "EC", hash: crypto.SHA512, curve: "P-521", size: 66},
	{name: "EdDSA", kty: "OKP", curve: "Ed25519", size: 32},
	{name: "RS256", kty: "RSA", hash: crypto.SHA256},
	{name: "RS384", kty: "RSA", hash: crypto.SHA384},
	{name: "RS512", kty: "RSA", hash: crypto.SHA512},
	{name: "PS256", kty: "RSA", hash: crypto.SHA256, isPSS: true},
	{name: "PS384", kty: "RSA", hash: crypto.SHA384, isPSS: true},
	{name: "PS512", kty: "RSA", hash: crypto.SHA512, isPSS: true},
}

func algorithmNamed(name string) *algorithm {
	for _, one := range algorithms {
		if one.name == name {
			return one
		}
	}
	return nil
}

// privateMembers are the members that only a private key has (RFC 7518 sections 6.2.2 and 6.3.2).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth"}

// jwk is a JSON Web Key that was parsed and not checked (RFC 7517, RFC 7518 section 6, RFC 8037).
type jwk object

func (j jwk) text(name string) (value string, has bool, err error) {
	member, has := j[name]
	if !has {
		return "", false, nil
	}
	value, ok := member.(string)
	if !ok {
		return "", true, malformed("a member of a key is not a string")
	}
	return value, true, nil
}

func (j jwk) bytes(name string) ([]byte, error) {
	text, has, err := j.text(name)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, malformed("a member of a key is missing")
	}
	decoded, ok := decodeBase64(text)
	if !ok {
		return nil, malformed("a member of a key is not base64url")
	}
	return decoded, nil
}

func (j jwk) isSymmetric() bool {
	return j["kty"] == "oct"
}

// key checks the key and returns it, or nil if its type or algorithm is not supported.
func (j jwk) key() (*Key, error) {
	kty, has, err := j.text("kty")
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, malformed("a key without `kty`")
	}
	switch kty {
	case "oct":
	case "EC", "OKP", "RSA":
		for _, name := range privateMembers {
			if _, has := j[name]; has {
				return nil, errPrivateKey
			}
		}
	default:
		// RFC 7517 section 5: keys that are not understood are ignored
		return nil, nil
	}
	if err := j.checkUse(); err != nil {
		return nil, err
	}
	algorithm, err := j.algorithm(kty)
	if algorithm == nil || err != nil {
		return nil, err
	}
	kid, has, err := j.text("kid")
	if err != nil {
		return nil, err
	}
	if has && (kid == "" || len(kid) > maxKidBytes) {
		return nil, errKeyID
	}
	if kty == "oct" {
		secret, err := j.bytes("k")
		if err != nil {
			return nil, err
		}
		return SecretKey(algorithm.name, kid, secret)
	}
	return j.publicKey(algorithm, kid)
}

// checkUse checks that the key may verify signatures (RFC 7517 sections 4.2 and 4.3).
func (j jwk) checkUse() error {
	usage, has, err := j.text("use")
	if err != nil {
		return err
	}
	if has && usage != "sig" {
		return errWrongUse
	}
	member, has := j["key_ops"]
	if !has {
		return nil
	}
	operations, ok := member.([]any)
	if !ok {
		return malformed("`key_ops` is not an array of strings")
	}
	verifies, onlySignatures := false, true
	for _, operation := range operations {
		name, ok := operation.(string)
		if !ok {
			return malformed("`key_ops` is not an array of strings")
		}
		verifies = verifies || name == "verify"
		onlySignatures = onlySignatures && (name == "verify" || name == "sign")
	}
	if !verifies || !onlySignatures {
		return errWrongUse
	}
	return nil
}

// algorithm returns the only algorithm of the key, or nil if it is not supported.
//
// INVARIANT: the algorithm comes from the key, never from a token.
func (j jwk) algorithm(kty string) (*algorithm, error) {
	var found *algorithm
	name, has, err := j.text("alg")
	if err != nil {
		return nil, err
	}
	if has {
		if found = algorithmNamed(name); found == nil {
			return nil, nil
		}
	}
	if kty == "EC" || kty == "OKP" {
		curve, has, err := j.text("crv")
		if err != nil {
			return nil, err
		}
		if !has {
			return nil, malformed("a key without `crv`")
		}
		ofCurve := algorithmOfCurve(curve)
		if ofCurve == nil {
			return nil, nil
		}
		if found != nil && found != ofCurve {
			return nil, mismatched(found)
		}
		found = ofCurve
	}
	if found == nil {
		return nil, errAmbiguous
	}
	if found.kty != kty {
		return nil, mismatched(found)
	}
	return found, nil
}

func algorithmOfCurve(curve string) *algorithm {
	for _, one := range algorithms {
		if one.curve == curve && curve != "" {
			return one
		}
	}
	return nil
}

func mismatched(algorithm *algorithm) error {
	return fmt.Errorf("the key is not a valid %s key", algorithm.name)
}

func (j jwk) publicKey(algorithm *algorithm, kid string) (*Key, error) {
	var first, second []byte
	var public crypto.PublicKey
	names := map[string][2]string{"EC": {"x", "y"}, "OKP": {"x", ""}, "RSA": {"n", "e"}}[algorithm.kty]
	first, err := j.bytes(names[0])
	if err == nil && names[1] != "" {
		second, err = j.bytes(names[1])
	}
	if err != nil {
		return nil, err
	}
	switch algorithm.kty {
	case "EC":
		public, err = ellipticKey(algorithm, first, second)
	case "OKP":
		public, err = edwardsKey(algorithm, first)
	default:
		public, err = rsaKey(algorithm, first, second)
	}
	if err != nil {
		return nil, err
	}
	return &Key{algorithm: algorithm, kid: kid, public: public, fingerprint: fingerprintOf(algorithm, kid, first, second)}, nil
}

func ellipticKey(algorithm *algorithm, x, y []byte) (crypto.PublicKey, error) {
	if len(x) != algorithm.size || len(y) != algorithm.size {
		return nil, mismatched(algorithm)
	}
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	// SEC 1 section 2.3.3: an uncompressed point, which is checked to be on the curve
	point := bytes.Join([][]byte{{4}, x, y}, nil)
	key, err := ecdsa.ParseUncompressedPublicKey(curve[algorithm.curve], point)
	if err != nil {
		return nil, mismatched(algorithm)
	}
	return key, nil
}

// lowOrder lists the y coordinates, little endian, of the points of order 1, 2, 4 and 8 of Curve25519, including
// encodings beyond the prime. With such a key, one signature is valid for many messages.
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func edwardsKey(algorithm *algorithm, x []byte) (crypto.PublicKey, error) {
	if len(x) != algorithm.size {
		return nil, mismatched(algorithm)
	}
	y := bytes.Clone(x)
	// the highest bit is the sign of the other coordinate
	y[len(y)-1] &= 0x7f
	for _, low := range lowOrder {
		if hex.EncodeToString(y) == low {
			return nil, fmt.Errorf("the key is too weak: a point of low order")
		}
	}
	return ed25519.PublicKey(x), nil
}

// smallPrimes are the odd primes up to 167. No modulus of two large primes is divisible by one of them.
var smallPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
	127, 131, 137, 139, 149, 151, 157, 163, 167,
}

func rsaKey(algorithm *algorithm, n, e []byte) (crypto.PublicKey, error) {
	if len(n) == 0 {
		return nil, fmt.Errorf("the key is too weak: no modulus")
	}
	// RFC 7518 section 2: a Base64urlUInt has no leading zeros, so that each key has exactly one form
	if n[0] == 0 || len(e) == 0 || e[0] == 0 {
		return nil, malformed("a number with leading zeros")
	}
	modulus := new(big.Int).SetBytes(n)
	if modulus.BitLen() < 2048 {
		return nil, fmt.Errorf("the key is too weak: an RSA modulus under 2048 bits")
	}
	if modulus.BitLen() > 8192 {
		return nil, malformed("an RSA modulus over 8192 bits")
	}
	for _, prime := range append([]int64{2}, smallPrimes...) {
		if new(big.Int).Mod(modulus, big.NewInt(prime)).Sign() == 0 {
			return nil, fmt.Errorf("the key is too weak: an RSA modulus with a small factor")
		}
	}
	// FIPS 186-5 appendix A.1.1: the exponent is odd and above 2^16
	exponent := new(big.Int).SetBytes(e)
	if exponent.BitLen() > 33 {
		return nil, malformed("an RSA exponent over 33 bits")
	}
	if exponent.Int64() < 65537 || exponent.Bit(0) == 0 {
		return nil, fmt.Errorf("the key is too weak: an RSA exponent that is even or under 65537")
	}
	// crypto/rsa takes no exponent over 31 bits
	if exponent.BitLen() > 31 {
		return nil, mismatched(algorithm)
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}
