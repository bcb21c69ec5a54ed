package rolecall

import (
	"strings"
	"time"
)

const (
	// maxTokenBytes limits the length of a token. A longer one is refused before it is parsed.
	maxTokenBytes = 16 * 1024
	// maxLifetime limits the time from iat to exp.
	maxLifetime = 24 * time.Hour
	// leeway is how far iat and nbf may be in the future. There is none for exp.
	leeway = 30 * time.Second
)

// reason says in one word why a token was refused, for the log.
type reason string

const (
	reasonTooLong     reason = "too_long"
	reasonForm        reason = "form"
	reasonEncoding    reason = "encoding"
	reasonHeader      reason = "header"
	reasonCritical    reason = "critical"
	reasonAlgorithm   reason = "algorithm"
	reasonUnknownKey  reason = "unknown_key"
	reasonSignature   reason = "signature"
	reasonType        reason = "typ"
	reasonClaims      reason = "claims"
	reasonIssuer      reason = "issuer"
	reasonAudience    reason = "audience"
	reasonNotYetValid reason = "not_yet_valid"
	reasonLifetime    reason = "lifetime"
	// reasonEnded is the reason for a token that has expired and is otherwise valid, so that refreshing it helps.
	reasonEnded reason = "ended"
)

// verifier verifies access tokens as a resource server must (RFC 9068 section 4, RFC 8725).
type verifier struct {
	issuer          string
	audiences       []string
	allowMissingIDs bool
}

// verify returns the claims of a token, or the reason why it is refused.
func (v *verifier) verify(keys *KeySet, token string, now micros) (*claims, reason) {
	payload, typ, key, fault := verifyJWS(keys, token)
	if fault != "" {
		return nil, fault
	}
	// RFC 9068 section 2.1; media types are case-insensitive (RFC 7515 section 4.1.9)
	if typ = lowerASCII(typ); typ != "at+jwt" && typ != "application/at+jwt" {
		return nil, reasonType
	}
	claims, ok := parseClaims(payload, key, v.allowMissingIDs)
	if !ok {
		return nil, reasonClaims
	}
	if claims.iss != v.issuer {
		return nil, reasonIssuer
	}
	if !v.isForUs(claims.aud) {
		return nil, reasonAudience
	}
	latest := now + micros(leeway.Microseconds())
	if seconds(claims.nbf) > latest {
		return nil, reasonNotYetValid
	}
	if claims.exp-claims.iat > int64(maxLifetime/time.Second) {
		return nil, reasonLifetime
	}
	if now >= seconds(claims.exp) {
		return nil, reasonEnded
	}
	return claims, ""
}

func (v *verifier) isForUs(audiences []string) bool {
	for _, audience := range audiences {
		for _, own := range v.audiences {
			if audience == own {
				return true
			}
		}
	}
	return false
}

// verifyJWS verifies the signature of a token in compact serialization with the key that its kid names (RFC 7515).
//
// Header members that contain or refer to keys (jwk, jku, x5u, x5c) are never used. A token with crit is refused, since no
// extension is supported, and so is one with b64, zip or enc, which would change the meaning of the payload.
func verifyJWS(keys *KeySet, token string) (payload []byte, typ string, print fingerprint, fault reason) {
	if len(token) > maxTokenBytes {
		return nil, "", print, reasonTooLong
	}
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 {
		return nil, "", print, reasonForm
	}
	text, ok := decodeBase64(parts[0])
	if !ok {
		return nil, "", print, reasonEncoding
	}
	header, fault := parseHeader(text)
	if fault != "" {
		return nil, "", print, fault
	}
	algorithm := algorithmNamed(header.alg)
	if algorithm == nil {
		return nil, "", print, reasonAlgorithm
	}
	key := keys.choose(header.kid, header.hasKid)
	if key == nil {
		return nil, "", print, reasonUnknownKey
	}
	// INVARIANT: the algorithm is the key's; that of the token can only agree (RFC 8725 section 3.1)
	if key.algorithm != algorithm {
		return nil, "", print, reasonAlgorithm
	}
	signature, ok := decodeBase64(parts[2])
	if !ok {
		return nil, "", print, reasonEncoding
	}
	signed := token[:len(parts[0])+1+len(parts[1])]
	if !key.accepts([]byte(signed), signature) {
		return nil, "", print, reasonSignature
	}
	if payload, ok = decodeBase64(parts[1]); !ok {
		return nil, "", print, reasonEncoding
	}
	return payload, header.typ, key.fingerprint, ""
}

type joseHeader struct {
	alg, typ, kid string
	hasKid        bool
}

func parseHeader(text []byte) (joseHeader, reason) {
	members, err := parseObject(text, maxTokenDepth)
	if err != nil {
		return joseHeader{}, reasonHeader
	}
	r := claimReader{members: members}
	header := joseHeader{alg: r.required("alg"), typ: r.text("typ", "")}
	if kid := r.optional("kid"); kid != nil {
		header.kid, header.hasKid = *kid, true
	}
	if r.isInvalid {
		return joseHeader{}, reasonHeader
	}
	for _, extension := range []string{"crit", "b64", "zip", "enc"} {
		if _, has := members[extension]; has {
			return joseHeader{}, reasonCritical
		}
	}
	return header, ""
}

// lowerASCII returns text in lower case. Other than strings.ToLower it leaves letters beyond ASCII alone, some of which
// have a lower case in ASCII.
func lowerASCII(text string) string {
	lower := []byte(text)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return string(lower)
}
