package signature_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// signedBody is a request whose body is signed in a header.
func signedBody(header, signed string) signature.Request {
	h := http.Header{}
	h.Set(header, signed)
	return signature.Request{Method: http.MethodPost, Header: h, Body: []byte(body), Now: now()}
}

func TestPublicKey_EverySpelling(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(body))
	ec, err := ecdsa.SignASN1(rand.Reader, ecKey(), sum[:])
	require.NoError(t, err)
	inRSA, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, sum[:])
	require.NoError(t, err)
	raw, _ := edKey().Public().(ed25519.PublicKey)
	ec64, rsa64 := base64.StdEncoding.EncodeToString(ec), base64.StdEncoding.EncodeToString(inRSA)
	pkcs1 := x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)
	for scheme, test := range map[string]struct {
		request signature.Request
		key     any
		more    []string
		method  string
	}{
		"ed25519": {
			signedBody("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(edKey(), []byte(body)))), edKey(),
			[]string{hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), base64.StdEncoding.EncodeToString(raw), "whpk_" + base64.StdEncoding.EncodeToString(raw)},
			"Ed25519 of {body}, hex in X-Signature-Ed25519",
		},
		"ecdsa": {signedBody("X-Signature", ec64), ecKey(), nil, "ECDSA with SHA256 of {body}, base64 in X-Signature"},
		"rsa-cert": {
			signedBody("X-Signature", rsa64), rsaKey(),
			[]string{provider().certificate, inPEM("RSA PUBLIC KEY", pkcs1), base64.StdEncoding.EncodeToString(pkcs1)},
			"RSA with SHA256 of {body}, base64 in X-Signature",
		},
	} {
		public := der(t, publicOf(t, test.key))
		v := newVerifier(t, meshhook.Verification{Scheme: scheme})
		for _, secret := range append([]string{
			inPEM("PUBLIC KEY", public), "\n " + inPEM("PUBLIC KEY", public) + "\n\n", base64.StdEncoding.EncodeToString(public), hex.EncodeToString(public),
		}, test.more...) {
			require.NoError(t, v.CheckSecret(meshhook.NewSecret(secret)), secret)
			for range 2 { // the second time from memory
				_, failure := v.Verify(t.Context(), test.request, keys("bad", secret))
				require.Nil(t, failure, secret)
			}
		}
		other := test.request
		other.Body = []byte(body + " ")
		for i := range 40 { // more secrets than are remembered
			_, failure := v.Verify(t.Context(), other, keys(strings.Repeat("\n", i)+inPEM("PUBLIC KEY", public)))
			require.Equal(t, signature.ReasonMismatch, reason(failure))
			require.Equal(t, []string{test.method}, failure.Findings.Variants)
		}
		_, err := v.Sign(other, keys(inPEM("PUBLIC KEY", public))[0], "")
		require.EqualError(t, err, "only the provider has the private key of this scheme, so nothing can be signed here; send an event from the provider")
	}
}

func TestPublicKey_Refused(t *testing.T) {
	t.Parallel()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ecKey())
	require.NoError(t, err)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	numbers := func(n *big.Int, e int) string {
		text, err := asn1.Marshal(struct {
			N *big.Int
			E int
		}{n, e})
		require.NoError(t, err)
		return inPEM("RSA PUBLIC KEY", text)
	}
	one := new(big.Int).Lsh(big.NewInt(1), 8192)
	ecPEM, rsaPEM := inPEM("PUBLIC KEY", der(t, ecKey().Public())), inPEM("PUBLIC KEY", der(t, rsaKey().Public()))
	const unreadable = "the secret is not a public key in PEM, hex or base64; copy it as the provider shows it"
	const weakE = "the RSA key cannot be one: its exponent is not odd and above 1, or its modulus is even"
	for _, test := range []struct{ scheme, secret, want string }{
		{"ecdsa", rsaPEM, "the public key is not one of ecdsa; give the one that the provider shows"},
		{"ed25519", ecPEM, "the public key is not one of ed25519; give the one that the provider shows"},
		{"rsa-cert", ecPEM, "the public key is not one of rsa-cert; give the one that the provider shows"},
		{"ecdsa", inPEM("PRIVATE KEY", pkcs8), "that is a private key; give the public one, and keep that one secret"},
		{"ecdsa", inPEM("EC PRIVATE KEY", []byte("x")), "that is a private key; give the public one, and keep that one secret"},
		{"ecdsa", inPEM("CERTIFICATE REQUEST", []byte("x")), `the PEM block "CERTIFICATE REQUEST" holds no public key that can be read`},
		{"ecdsa", inPEM("PUBLIC KEY", []byte("x")), `the PEM block "PUBLIC KEY" holds no public key that can be read`},
		{"rsa-cert", inPEM("RSA PUBLIC KEY", []byte("x")), `the PEM block "RSA PUBLIC KEY" holds no public key that can be read`},
		{"rsa-cert", inPEM("CERTIFICATE", []byte("x")), `the PEM block "CERTIFICATE" holds no public key that can be read`},
		{"ecdsa", ecPEM + ecPEM, "there is more than one PEM block in the secret; give the one of the key that signs"},
		{"ecdsa", ecPEM + inPEM("PRIVATE KEY", pkcs8), "there is more than one PEM block in the secret; give the one of the key that signs"},
		{"ecdsa", strings.Repeat("A", 32<<10), unreadable},
		{"ecdsa", "text", unreadable},
		{"ecdsa", "", unreadable},
		{"ed25519", strings.Repeat("ab", 31), unreadable},
		{"ed25519", strings.Repeat("ab", 33), unreadable},
		{"ed25519", "whpk_" + strings.Repeat("A", 40), unreadable},
		{"rsa-cert", inPEM("PUBLIC KEY", der(t, small.Public())), "the RSA key has 1024 bits; at least 2048 are needed"},
		{"rsa-cert", numbers(one, 65537), "the RSA key has 8193 bits; at most 8192 are taken"},
		{"rsa-cert", numbers(rsaKey().N, 1), weakE},
		{"rsa-cert", numbers(rsaKey().N, 2), weakE},
		{"rsa-cert", numbers(rsaKey().N, 65536), weakE},
		{"rsa-cert", numbers(new(big.Int).Lsh(rsaKey().N, 1), 65537), weakE},
	} {
		v := newVerifier(t, meshhook.Verification{Scheme: test.scheme})
		require.EqualError(t, v.CheckSecret(meshhook.NewSecret(test.secret)), test.want)
		anything := strings.Repeat("00", 64) // hex and base64 alike
		_, failure := v.Verify(t.Context(), signedBody(v.Scheme().Header, anything), keys(test.secret))
		require.Contains(t, []signature.Reason{signature.ReasonBadSecret, signature.ReasonNoSecret}, reason(failure), test.want)
	}
}

// For a key of small order a signature of zeros fits every eighth message or more,
// and nobody needs a private key to make it.
func TestAttack_KeysOfSmallOrder(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, meshhook.Verification{Scheme: "ed25519"})
	identity := append([]byte{1}, make([]byte, 63)...) // R is the neutral point, S is 0
	refused := 0
	for _, key := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			point, err := hex.DecodeString(key)
			require.NoError(t, err)
			point[31] |= sign
			text := hex.EncodeToString(point)
			require.EqualError(t, v.CheckSecret(meshhook.NewSecret(text)), "the public key is one for which anybody can sign; give the one that the provider shows", text)
			for i := range byte(64) {
				r := signedBody("X-Signature-Ed25519", hex.EncodeToString(identity))
				r.Body = []byte{i}
				if ed25519.Verify(point, r.Body, identity) {
					refused++
				}
				_, failure := v.Verify(t.Context(), r, keys(text))
				require.Equal(t, signature.ReasonBadSecret, reason(failure), text)
			}
		}
	}
	require.Positive(t, refused, "there is something to refuse")
}

func TestPublicKey_SignaturesThatAreNone(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(body))
	right, err := ecdsa.SignASN1(rand.Reader, ecKey(), sum[:])
	require.NoError(t, err)
	type pair struct{ R, S *big.Int }
	in := func(r, s *big.Int) []byte {
		text, err := asn1.Marshal(pair{r, s})
		require.NoError(t, err)
		return text
	}
	var p pair
	_, err = asn1.Unmarshal(right, &p)
	require.NoError(t, err)
	order := elliptic.P256().Params().N
	zero := new(big.Int)
	v := newVerifier(t, meshhook.Verification{Scheme: "ecdsa"})
	key := keys(inPEM("PUBLIC KEY", der(t, ecKey().Public())))
	for name, test := range map[string]struct {
		signed []byte
		want   bool
	}{
		"right": {right, true},
		// Anybody can turn one signature into the other; nothing here takes it for a name.
		"its twin":    {in(p.R, new(big.Int).Sub(order, p.S)), true},
		"zeros":       {in(zero, zero), false},
		"r zero":      {in(zero, p.S), false},
		"s order":     {in(p.R, order), false},
		"negative":    {in(new(big.Int).Neg(p.R), p.S), false},
		"above":       {in(new(big.Int).Add(p.R, order), p.S), false},
		"more":        {append(append([]byte{}, right...), 0), false},
		"less":        {right[:len(right)-1], false},
		"raw":         {append(p.R.FillBytes(make([]byte, 32)), p.S.FillBytes(make([]byte, 32))...), false},
		"not minimal": {append([]byte{0x30, 0x81, right[1]}, right[2:]...), false},
	} {
		_, failure := v.Verify(t.Context(), signedBody("X-Signature", base64.StdEncoding.EncodeToString(test.signed)), key)
		require.Equal(t, test.want, failure == nil, name)
	}
	other := keys(inPEM("PUBLIC KEY", der(t, ecKeyOn(elliptic.P384()).Public())))
	_, failure := v.Verify(t.Context(), signedBody("X-Signature", base64.StdEncoding.EncodeToString(right)), other)
	require.Equal(t, signature.ReasonMismatch, reason(failure), "a key of another curve")
	_, failure = v.Verify(t.Context(), signedBody("X-Signature", "*"), key)
	require.Equal(t, "the signature in X-Signature is not written in base64", failure.Message)

	longer := newVerifier(t, meshhook.Verification{Scheme: "rsa-cert", Algorithm: "sha512", Encoding: "base64url", Header: "X-Sig"})
	sum512 := sha512.Sum512([]byte(body))
	text, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA512, sum512[:])
	require.NoError(t, err)
	_, failure = longer.Verify(t.Context(), signedBody("X-Sig", base64.RawURLEncoding.EncodeToString(text)), keys(provider().certificate))
	require.Nil(t, failure)
	_, failure = longer.Verify(t.Context(), signedBody("X-Sig", base64.RawURLEncoding.EncodeToString(text[1:])), keys(provider().certificate))
	require.Equal(t, signature.ReasonMismatch, reason(failure))
	pss, err := rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA512, sum512[:], nil)
	require.NoError(t, err)
	_, failure = longer.Verify(t.Context(), signedBody("X-Sig", base64.RawURLEncoding.EncodeToString(pss)), keys(provider().certificate))
	require.Equal(t, signature.ReasonMismatch, reason(failure))
}
