package signature

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"sync"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxJWKs bounds the keys that are read from one set.
const maxJWKs = 64

// jwk is a key that may have signed a token, and its id ("" when it has none).
type jwk struct {
	id  string
	key any
}

// jsonWebKey is a key as RFC 7517 writes it, as far as public keys go.
type jsonWebKey struct {
	Type      string   `json:"kty"`
	ID        string   `json:"kid"`
	Use       string   `json:"use"`
	Algorithm string   `json:"alg"`
	Ops       []string `json:"key_ops"`
	Curve     string   `json:"crv"`
	X         string   `json:"x"`
	Y         string   `json:"y"`
	N         string   `json:"n"`
	E         string   `json:"e"`
	K         string   `json:"k"`
	// ExpiredAt is not null in Plaid's answers for keys that must not be trusted.
	ExpiredAt any `json:"expired_at"`
}

// parseJWTKey reads a secret as the key of an algorithm: for HS the text itself,
// for the others PEM, a JWK or a set of them. What is a public key in any of
// these spellings is refused for HS: everybody knows it, so everybody could sign.
func parseJWTKey(algorithm string, secret meshhook.Secret) ([]jwk, error) {
	text := strings.TrimSpace(secret.Reveal())
	if strings.HasPrefix(text, "{") {
		return parseJWKS(algorithm, []byte(text))
	}
	if strings.HasPrefix(algorithm, "HS") {
		if isPublicKey(text) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret is a public or private key, which %s cannot use; set algorithm to that of the sender, like RS256", algorithm)
		}
		key, err := keyBytes(SecretRaw, secret)
		return []jwk{{key: key}}, err
	}
	key, err := parsePublicKey(engineOf(algorithm), text)
	if err != nil {
		return nil, err
	}
	return []jwk{{key: key}}, fitting(algorithm, key)
}

// engineOf is the engine whose keys an algorithm uses.
func engineOf(algorithm string) Engine {
	switch algorithm[:2] {
	case "ES":
		return EngineECDSA
	case "Ed":
		return EngineEd25519
	default:
		return EngineRSA
	}
}

// curves are those of RFC 7518, section 3.4, with the algorithms they belong to.
var curves = map[string]struct {
	curve     elliptic.Curve
	algorithm string
}{
	"P-256": {elliptic.P256(), "ES256"}, "P-384": {elliptic.P384(), "ES384"}, "P-521": {elliptic.P521(), "ES512"},
}

// fitting says with CodeInvalid why a key is not one of the algorithm's.
func fitting(algorithm string, key crypto.PublicKey) error {
	if ec, is := key.(*ecdsa.PublicKey); is {
		if known, ok := curves[ec.Curve.Params().Name]; !ok || known.algorithm != algorithm {
			return meshhook.Errorf(meshhook.CodeInvalid, "the key's curve is not that of %s", algorithm)
		}
	}
	return nil
}

// parseJWKS reads the keys of an algorithm out of a JWK or a set (RFC 7517).
// Others in the set are passed over; none that fits is CodeInvalid.
func parseJWKS(algorithm string, text []byte) ([]jwk, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "the key is not JSON as RFC 7517 has it")
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{text}
	}
	var keys []jwk
	for i, raw := range set.Keys {
		var j jsonWebKey
		if i >= maxJWKs || json.Unmarshal(raw, &j) != nil || !j.serves(algorithm) {
			continue
		}
		if key := j.key(algorithm); key != nil {
			keys = append(keys, jwk{j.ID, key})
		}
	}
	if keys == nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "there is no key for %s in it", algorithm)
	}
	return keys, nil
}

// checkKeySet says with CodeUnavailable that a document is no set of keys.
func checkKeySet(text []byte) error {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) == 0 {
		return meshhook.Errorf(meshhook.CodeUnavailable, "the answer is no set of keys as RFC 7517 has it")
	}
	return nil
}

// keySet is a set of keys that was read: reading the keys of a set takes far longer
// than verifying by one, and anybody can send tokens.
type keySet struct {
	mu       sync.Mutex
	document []byte
	keys     []jwk
	err      error
}

// read is parseJWKS, done once for a document.
func (s *keySet) read(algorithm string, document []byte) ([]jwk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.document == nil || !bytes.Equal(s.document, document) {
		s.document = document
		s.keys, s.err = parseJWKS(algorithm, document)
	}
	return s.keys, s.err
}

// serves tells whether a key is meant for signatures of the algorithm.
func (j jsonWebKey) serves(algorithm string) bool {
	if j.ExpiredAt != nil || j.Use != "" && j.Use != "sig" || j.Algorithm != "" && j.Algorithm != algorithm {
		return false
	}
	if j.Ops == nil {
		return true
	}
	for _, op := range j.Ops {
		if op == "verify" {
			return true
		}
	}
	return false
}

// key returns the key in the form that the algorithm takes, or nil.
func (j jsonWebKey) key(algorithm string) any {
	switch kind := algorithm[:2]; {
	case kind == "HS" && j.Type == "oct":
		if key, err := base64.RawURLEncoding.DecodeString(j.K); err == nil && len(bytes.Trim(key, "\x00")) > 0 { // as in keyBytes
			return key
		}
	case (kind == "RS" || kind == "PS") && j.Type == "RSA":
		return j.rsa()
	case kind == "ES" && j.Type == "EC":
		return j.ecdsa(algorithm)
	case kind == "Ed" && j.Type == "OKP" && j.Curve == "Ed25519":
		if key, err := base64.RawURLEncoding.DecodeString(j.X); err == nil && len(key) == ed25519.PublicKeySize && !smallOrder(key) {
			return ed25519.PublicKey(key)
		}
	}
	return nil
}

func (j jsonWebKey) rsa() any {
	n, err := base64.RawURLEncoding.DecodeString(j.N)
	e, err2 := base64.RawURLEncoding.DecodeString(j.E)
	if err != nil || err2 != nil || len(e) > 4 {
		return nil
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if strongRSA(key) != nil {
		return nil
	}
	return key
}

func (j jsonWebKey) ecdsa(algorithm string) any {
	known, ok := curves[j.Curve]
	if !ok || known.algorithm != algorithm {
		return nil
	}
	x, err := base64.RawURLEncoding.DecodeString(j.X)
	y, err2 := base64.RawURLEncoding.DecodeString(j.Y)
	size := (known.curve.Params().BitSize + 7) / 8
	if err != nil || err2 != nil || len(x) != size || len(y) != size {
		return nil
	}
	// The uncompressed form of SEC 1; the point is checked to lie on the curve.
	key, err := ecdsa.ParseUncompressedPublicKey(known.curve, append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil
	}
	return key
}
