package rolecall

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

const (
	maxJWKSBytes = 256 * 1024
	maxKeys      = 100
	maxKidBytes  = 256
)

// fingerprint identifies a key: two are equal only if algorithm, key id and key material are.
type fingerprint [sha256.Size]byte

// Key verifies tokens of one algorithm.
type Key struct {
	algorithm   *algorithm
	kid         string // empty if the key has none
	secret      []byte
	public      crypto.PublicKey
	fingerprint fingerprint
}

// KeySet is the set of keys with which tokens are verified. It is immutable and checked when it is made.
//
// A token is verified only with the key that its kid names. If a set has a single key without an id, that key verifies
// tokens with any kid and without one.
type KeySet struct {
	keys []*Key
}

// The errors of keys that are not malformed. Text of a key is in no error, so that all can be logged.
var (
	errWrongUse      = errors.New("the key is not for verifying signatures")
	errAmbiguous     = errors.New("the algorithm of the key is ambiguous; add `alg` to it")
	errPrivateKey    = errors.New("the key set contains a private key")
	errMixedSet      = errors.New("the key set mixes symmetric with asymmetric keys")
	errTooManyKeys   = errors.New("the key set has too many keys")
	errKeyID         = errors.New("a key id must have 1 to 256 bytes")
	errDuplicateKey  = errors.New("two keys have the same key id")
	errMissingKeyID  = errors.New("each key in a set of several keys needs a key id")
	errFetchedSecret = errors.New("the key set contains a shared secret, which everyone can fetch")
)

func malformed(what string) error {
	return fmt.Errorf("malformed JWK or JWK Set: %s", what)
}

// SecretKey returns a key for one of HS256, HS384 and HS512. The secret must be at least as long as the hash, and kid
// can be empty.
func SecretKey(alg, kid string, secret []byte) (*Key, error) {
	algorithm := algorithmNamed(alg)
	if algorithm == nil || algorithm.kty != "oct" {
		return nil, fmt.Errorf("%q is no algorithm for a shared secret: take HS256, HS384 or HS512", alg)
	}
	if len(secret) < algorithm.size {
		return nil, fmt.Errorf("the secret has %d bytes, %s needs at least %d", len(secret), alg, algorithm.size)
	}
	if len(kid) > maxKidBytes {
		return nil, errKeyID
	}
	// a MAC instead of a plain hash, so that guessing the secret from it is no easier than from a token
	mac := hmac.New(algorithm.hash.New, secret)
	mac.Write([]byte("rolecall key fingerprint"))
	print := fingerprintOf(algorithm, kid, mac.Sum(nil), nil)
	return &Key{algorithm: algorithm, kid: kid, secret: append([]byte{}, secret...), fingerprint: print}, nil
}

func fingerprintOf(algorithm *algorithm, kid string, parts ...[]byte) fingerprint {
	hash := sha256.New()
	for _, part := range append([][]byte{[]byte(algorithm.name), []byte(kid)}, parts...) {
		// each part follows its length, so that different parts never hash to the same bytes
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		hash.Write(length[:])
		hash.Write(part)
	}
	return fingerprint(hash.Sum(nil))
}

// NewKeySet returns a set of keys.
func NewKeySet(keys ...*Key) (*KeySet, error) {
	if len(keys) > maxKeys {
		return nil, errTooManyKeys
	}
	seen := map[string]bool{}
	for _, key := range keys {
		if key.kid == "" {
			if len(keys) > 1 {
				return nil, errMissingKeyID
			}
			continue
		}
		if seen[key.kid] {
			return nil, errDuplicateKey
		}
		seen[key.kid] = true
		// a public key could otherwise be abused as a secret
		if (key.secret == nil) != (keys[0].secret == nil) {
			return nil, errMixedSet
		}
	}
	return &KeySet{keys: keys}, nil
}

// ParseJWKS returns the keys of a JWK Set (RFC 7517 section 5).
//
// Keys with an unknown kty, crv or alg are ignored, as the RFC asks. Anything that could weaken the other keys makes the
// whole set invalid: a duplicate kid, secrets beside public keys, private keys, a key for encryption, a weak or malformed
// key, and a key without a definite algorithm.
func ParseJWKS(text []byte) (*KeySet, error) {
	return readJWKS(text, jwk.key)
}

// parseFetchedJWKS reads a set that was fetched from an issuer. Issuers publish keys for other purposes in the same set,
// so those are ignored. Shared secrets are refused: everyone who can fetch them could sign tokens.
func parseFetchedJWKS(text []byte) (*KeySet, error) {
	return readJWKS(text, func(one jwk) (*Key, error) {
		if one.isSymmetric() {
			return nil, errFetchedSecret
		}
		key, err := one.key()
		if errors.Is(err, errWrongUse) || errors.Is(err, errAmbiguous) {
			return nil, nil
		}
		return key, err
	})
}

func readJWKS(text []byte, toKey func(jwk) (*Key, error)) (*KeySet, error) {
	if len(text) > maxJWKSBytes {
		return nil, malformed("a JWK Set over 256 KiB")
	}
	members, err := parseObject(text, maxTokenDepth)
	if err != nil {
		return nil, malformed("not a strict JSON object")
	}
	items, ok := members["keys"].([]any)
	if !ok {
		return nil, malformed("`keys` is not an array of objects")
	}
	if len(items) > maxKeys {
		return nil, errTooManyKeys
	}
	jwks := make([]jwk, len(items))
	seen := map[string]bool{}
	for i, item := range items {
		members, ok := item.(object)
		if !ok {
			return nil, malformed("`keys` is not an array of objects")
		}
		jwks[i] = jwk(members)
		kid, has, err := jwks[i].text("kid")
		if err != nil {
			return nil, err
		}
		if has && seen[kid] {
			return nil, errDuplicateKey
		}
		seen[kid] = has
		if jwks[i].isSymmetric() != jwks[0].isSymmetric() {
			return nil, errMixedSet
		}
	}
	var keys []*Key
	for _, one := range jwks {
		key, err := toKey(one)
		if err != nil {
			return nil, err
		}
		if key != nil {
			keys = append(keys, key)
		}
	}
	return NewKeySet(keys...)
}

// Len returns the number of keys.
func (s *KeySet) Len() int {
	return len(s.keys)
}

// contains returns true if the set has the key: the same algorithm, id and key material.
func (s *KeySet) contains(print fingerprint) bool {
	for _, key := range s.keys {
		if key.fingerprint == print {
			return true
		}
	}
	return false
}

// choose returns the only key that may verify a token with this kid, or nil.
func (s *KeySet) choose(kid string, hasKid bool) *Key {
	if len(s.keys) == 1 && s.keys[0].kid == "" {
		return s.keys[0]
	}
	for _, key := range s.keys {
		if hasKid && key.kid != "" && key.kid == kid {
			return key
		}
	}
	return nil
}

// accepts returns true if signature is a valid signature of message.
func (k *Key) accepts(message, signature []byte) bool {
	var digest []byte
	if k.algorithm.hash != 0 {
		hash := k.algorithm.hash.New()
		hash.Write(message)
		digest = hash.Sum(nil)
	}
	switch public := k.public.(type) {
	case nil:
		mac := hmac.New(k.algorithm.hash.New, k.secret)
		mac.Write(message)
		return hmac.Equal(mac.Sum(nil), signature)
	case *ecdsa.PublicKey:
		size := k.algorithm.size
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(public, digest, r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, message, signature)
	case *rsa.PublicKey:
		if k.algorithm.isPSS {
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return rsa.VerifyPSS(public, k.algorithm.hash, digest, signature, options) == nil
		}
		return rsa.VerifyPKCS1v15(public, k.algorithm.hash, digest, signature) == nil
	}
	return false
}

// decodeBase64 decodes canonical base64url without padding (RFC 7515 section 2). It refuses white space, another
// alphabet, padding and trailing bits that are not zero.
func decodeBase64(text string) ([]byte, bool) {
	// even a strict decoder of the standard library skips line breaks
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	bytes, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return bytes, err == nil
}
