package signature

import (
	"context"
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" // registers SHA-1
	_ "crypto/sha256"
	_ "crypto/sha512"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// newProver prepares what knows the keys of a scheme.
func newProver(s Scheme) (prover, error) {
	hash, err := hashOf(s.Algorithm)
	if err != nil && s.Engine != EngineEd25519 {
		return nil, err
	}
	switch s.Engine {
	case EngineHMAC:
		return macProver{s.SecretFormat, hash}, nil
	case EngineEd25519, EngineECDSA:
		return &keyProver{engine: s.Engine, hash: hash}, nil
	case EngineRSA:
		if s.Certificate.Hosts != nil {
			return &certificateProver{scheme: s, hash: hash}, nil
		}
		return &keyProver{engine: s.Engine, hash: hash}, nil
	default:
		return nil, meshhook.Errorf(meshhook.CodeInternal, "scheme %s signs nothing by %s", s.Name, s.Engine)
	}
}

// hashOf returns the hash of that name. SHA-1 is there for providers that still
// use it: what broke it are collisions, which HMAC does not rest on.
func hashOf(algorithm string) (crypto.Hash, error) {
	switch algorithm {
	case "sha1":
		return crypto.SHA1, nil
	case "sha256":
		return crypto.SHA256, nil
	case "sha384":
		return crypto.SHA384, nil
	case "sha512":
		return crypto.SHA512, nil
	}
	return 0, meshhook.Errorf(meshhook.CodeInvalid,
		"algorithm %q is not known; write sha1, sha256, sha384 or sha512", clip(algorithm))
}

// hashName is the name of a hash as standards write it: SHA256.
func hashName(h crypto.Hash) string { return strings.ReplaceAll(h.String(), "-", "") }

// macProver knows the keys of HMAC (RFC 2104).
type macProver struct {
	format SecretFormat
	hash   crypto.Hash
}

func (p macProver) size() int    { return p.hash.Size() }
func (p macProver) name() string { return "HMAC-" + hashName(p.hash) }

func (p macProver) proof(_ context.Context, _ *message, secret meshhook.Secret) (proof, error) {
	key, err := keyBytes(p.format, secret)
	return mac{key, p.hash}, err
}

// mac is a key of HMAC.
type mac struct {
	key  []byte
	hash crypto.Hash
}

func (m mac) sum(t template, msg *message) []byte {
	h := hmac.New(m.hash.New, m.key)
	t.write(h, msg)
	return h.Sum(nil)
}

func (m mac) fits(t template, msg *message, signatures [][]byte) bool {
	sum := m.sum(t, msg)
	for _, signature := range signatures {
		if hmac.Equal(sum, signature) {
			return true
		}
	}
	return false
}

func (m mac) sign(t template, msg *message) ([]byte, error) { return m.sum(t, msg), nil }
