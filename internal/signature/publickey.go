package signature

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"sync"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The smallest RSA key that is trusted, in bits (NIST SP 800-131A), and the largest
// that is worth its time.
const (
	minRSA = 2048
	maxRSA = 8192
)

// whpkPrefix begins a public key of Standard Webhooks' v1a.
const whpkPrefix = "whpk_"

// keyProver knows public keys that are an endpoint's secret.
type keyProver struct {
	engine Engine
	hash   crypto.Hash

	// Reading a key costs as much as verifying with it, so the last ones are kept.
	// An endpoint has a few secrets at most.
	mu   sync.Mutex
	read map[string]crypto.PublicKey
}

func (p *keyProver) size() int {
	if p.engine == EngineEd25519 {
		return ed25519.SignatureSize
	}
	return 0
}

func (p *keyProver) name() string {
	switch p.engine {
	case EngineEd25519:
		return "Ed25519"
	case EngineECDSA:
		return "ECDSA with " + hashName(p.hash)
	default:
		return "RSA with " + hashName(p.hash)
	}
}

// maxKeysRead is how many keys a prover keeps.
const maxKeysRead = 32

func (p *keyProver) proof(_ context.Context, _ *message, secret meshhook.Secret) (proof, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := secret.Reveal()
	if key, ok := p.read[text]; ok {
		return publicKey{key, p.hash}, nil
	}
	key, err := parsePublicKey(p.engine, text)
	if err != nil {
		return nil, err
	}
	if len(p.read) >= maxKeysRead || p.read == nil {
		p.read = map[string]crypto.PublicKey{}
	}
	p.read[text] = key
	return publicKey{key, p.hash}, nil
}

// publicKey verifies by a public key.
type publicKey struct {
	key  crypto.PublicKey
	hash crypto.Hash
}

func (k publicKey) fits(t template, m *message, signatures [][]byte) bool {
	var signed []byte
	if _, whole := k.key.(ed25519.PublicKey); whole {
		var b bytes.Buffer
		t.write(&b, m)
		signed = b.Bytes()
	} else {
		h := k.hash.New()
		t.write(h, m)
		signed = h.Sum(nil)
	}
	for _, signature := range signatures {
		if k.fitsOne(signed, signature) {
			return true
		}
	}
	return false
}

func (k publicKey) fitsOne(signed, signature []byte) bool {
	switch key := k.key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, signed, signature)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, signed, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, k.hash, signed, signature) == nil
	default:
		return false
	}
}

func (publicKey) sign(template, *message) ([]byte, error) { return nil, errOnlyProvider() }

// errOnlyProvider is the error of signing for schemes of public keys.
func errOnlyProvider() error {
	return meshhook.Errorf(meshhook.CodeInvalid, "only the provider has the private key of this scheme, so nothing can be signed here; send an event from the provider")
}

// parsePublicKey reads a public key of the engine's kind: PEM (a key or a
// certificate), or base64 or hex of the key in DER or, for Ed25519, of its 32
// bytes. Errors are CodeInvalid.
func parsePublicKey(engine Engine, text string) (crypto.PublicKey, error) {
	key, err := anyPublicKey(strings.TrimSpace(text), engine)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case ed25519.PublicKey:
		if engine == EngineEd25519 && smallOrder(key) {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "the public key is one for which anybody can sign; give the one that the provider shows")
		}
		if engine == EngineEd25519 {
			return key, nil
		}
	case *ecdsa.PublicKey:
		if engine == EngineECDSA {
			return key, nil
		}
	case *rsa.PublicKey:
		if engine == EngineRSA {
			return key, strongRSA(key)
		}
	}
	return nil, meshhook.Errorf(meshhook.CodeInvalid, "the public key is not one of %s; give the one that the provider shows", engine)
}

func strongRSA(key *rsa.PublicKey) error {
	switch bits := key.N.BitLen(); {
	case bits < minRSA:
		return meshhook.Errorf(meshhook.CodeInvalid, "the RSA key has %d bits; at least %d are needed", bits, minRSA)
	case bits > maxRSA:
		return meshhook.Errorf(meshhook.CodeInvalid, "the RSA key has %d bits; at most %d are taken", bits, maxRSA)
	case key.E < 3 || key.E%2 == 0 || key.N.Bit(0) == 0:
		return meshhook.Errorf(meshhook.CodeInvalid, "the RSA key cannot be one: its exponent is not odd and above 1, or its modulus is even")
	}
	return nil
}

// smallOrder tells whether a key of Ed25519 is a point of order 1, 2, 4 or 8, for
// which there are signatures that fit many messages. crypto/ed25519 takes them.
func smallOrder(key []byte) bool {
	y := bytes.Clone(key)
	y[len(y)-1] &= 0x7f // the sign of x
	const last, ffs = "7f", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	return slices.Contains([]string{
		strings.Repeat("00", 32),             // 0
		"01" + strings.Repeat("00", 31),      // 1
		"ec" + ffs + last,                    // -1
		"ed" + ffs + last, "ee" + ffs + last, // 0 and 1 once more, not reduced
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // of order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	}, hex.EncodeToString(y))
}

// isPublicKey tells whether a text is a key in PEM, or a public one in DER as hex
// or base64.
func isPublicKey(text string) bool {
	if strings.Contains(text, "-----BEGIN ") {
		return true
	}
	_, err := anyPublicKey(text, EngineRSA)
	return err == nil
}

func anyPublicKey(text string, engine Engine) (crypto.PublicKey, error) {
	if block, rest := pem.Decode([]byte(text)); block != nil {
		if more, _ := pem.Decode(rest); more != nil {
			return nil, meshhook.Errorf(meshhook.CodeInvalid, "there is more than one PEM block in the secret; give the one of the key that signs")
		}
		return pemPublicKey(block)
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(text, whpkPrefix))
	}
	if err == nil && engine == EngineEd25519 && len(raw) == ed25519.PublicKeySize {
		return ed25519.PublicKey(raw), nil
	}
	if err == nil && len(raw) > 0 {
		if key, err := x509.ParsePKIXPublicKey(raw); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS1PublicKey(raw); err == nil {
			return key, nil
		}
	}
	return nil, meshhook.Errorf(meshhook.CodeInvalid, "the secret is not a public key in PEM, hex or base64; copy it as the provider shows it")
}

func pemPublicKey(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			return key, nil
		}
	case "RSA PUBLIC KEY":
		if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
			return key, nil
		}
	case "CERTIFICATE":
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			return certificate.PublicKey, nil
		}
	}
	if strings.Contains(block.Type, "PRIVATE") {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "that is a private key; give the public one, and keep that one secret")
	}
	return nil, meshhook.Errorf(meshhook.CodeInvalid, "the PEM block %q holds no public key that can be read", clip(block.Type))
}
