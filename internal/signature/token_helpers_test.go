package signature_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// The keys of the tokens here are made once.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return provider().key })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return ecKeyOn(elliptic.P256()) })
	edKey  = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) })
)

func ecKeyOn(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// makeToken signs a token of any header and claims: those that are given stand over
// what the algorithm asks for. Texts of claims may be raw JSON.
func makeToken(t testing.TB, algorithm string, header map[string]any, claims any, key any) string {
	t.Helper()
	head := map[string]any{"alg": algorithm, "typ": "JWT"}
	for name, value := range header {
		head[name] = value
	}
	payload, raw := claims.(string)
	if !raw {
		payload = string(asJSON(t, claims))
	}
	return signToken(t, algorithm, string(asJSON(t, head)), payload, key)
}

// signToken signs a token whose parts are these texts.
func signToken(t testing.TB, algorithm, header, claims string, key any) string {
	t.Helper()
	text := segment(header) + "." + segment(claims)
	signed, err := jwt.GetSigningMethod(algorithm).Sign(text, key)
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signed)
}

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// jwkOf is a public key as RFC 7517 writes it.
func jwkOf(t testing.TB, key any, kid string) map[string]any {
	t.Helper()
	number := func(n *big.Int, size int) string {
		return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, size)))
	}
	out := map[string]any{}
	if kid != "" {
		out["kid"] = kid
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		out["kty"], out["n"], out["e"] = "RSA", number(key.N, key.Size()), "AQAB"
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		require.NoError(t, err)
		half := len(point) / 2
		out["kty"], out["crv"] = "EC", key.Curve.Params().Name
		out["x"], out["y"] = base64.RawURLEncoding.EncodeToString(point[1:half+1]), base64.RawURLEncoding.EncodeToString(point[half+1:])
	case ed25519.PrivateKey:
		public, _ := key.Public().(ed25519.PublicKey)
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(public)
	default:
		require.Fail(t, "no such key")
	}
	return out
}

// keySet is a JWKS of one key.
func keySet(t testing.TB, key any, kid string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": []any{jwkOf(t, key, kid)}})
	require.NoError(t, err)
	return string(text)
}

// der is a public key in PKIX form.
func der(t testing.TB, public any) []byte {
	t.Helper()
	text, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return text
}

// inPEM is the same in PEM.
func inPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// publicOf is the public half of a private key.
func publicOf(t testing.TB, private any) any {
	t.Helper()
	signer, ok := private.(crypto.Signer)
	require.True(t, ok)
	return signer.Public()
}
