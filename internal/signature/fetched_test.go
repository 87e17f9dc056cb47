package signature_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// The keys of a token over the network: what a daemon does.
func TestKeyring_OverHTTPS(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/jwks.json":
			_, _ = w.Write([]byte(keySet(t, rsaKey(), "first")))
		case "/moved":
			http.Redirect(w, r, "/jwks.json", http.StatusFound)
		case "/html":
			_, _ = w.Write([]byte("<html>"))
		case "/elliptic":
			_, _ = w.Write([]byte(keySet(t, ecKey(), "first")))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	client, err := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	guarded, err := egress.New(egress.Options{RootCAs: roots})
	require.NoError(t, err)
	t.Cleanup(guarded.Close)

	keyring := signature.NewKeyring(client.Fetch)
	verify := func(path string, keyring *signature.Keyring) *signature.Failure {
		v := newVerifier(t, meshhook.Verification{Scheme: "jwt", JWKSURL: s.URL + path}).WithKeyring(keyring)
		_, failure := v.Verify(t.Context(), bearer(t, "first"), nil)
		return failure
	}
	require.Nil(t, verify("/jwks.json", keyring))
	require.Nil(t, verify("/jwks.json", keyring))
	require.Equal(t, int32(1), asked.Load())
	for path, want := range map[string]string{
		"/moved":    "the answer's status is 302 and not 200",
		"/none":     "the answer's status is 404 and not 200",
		"/html":     "the answer is no set of keys as RFC 7517 has it",
		"/elliptic": s.URL + "/elliptic: there is no key for RS256 in it",
	} {
		failure := verify(path, keyring)
		require.Equal(t, signature.ReasonKeysUnavailable, reason(failure), path)
		require.Equal(t, want, failure.Findings.Fetch)
	}
	failure := verify("/jwks.json", signature.NewKeyring(guarded.Fetch))
	require.Contains(t, failure.Findings.Fetch, "is a private or special address")
	require.NotContains(t, failure.Message, "127.0.0.1")
}
