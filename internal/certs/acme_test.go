package certs_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/certtest"
	"github.com/profullstack/meshhook/internal/meshhook"
)

// What happens between the daemon and an authority is tested in the package daemon,
// with a real one.

func TestTheDirectoryIsClosedToOthers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data", "acme")
	require.NoError(t, os.MkdirAll(dir, 0o755)) //nolint:gosec // as somebody's mkdir leaves it
	_, err := certs.NewACME(certs.ACMEOptions{Domains: []string{"a.example.com"}, Dir: dir})
	require.NoError(t, err)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = certs.NewACME(certs.ACMEOptions{Dir: filepath.Join(file, "acme")})
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
}

// An authority that does not answer is an error that names the domain.
func TestFetchSaysForWhichDomainThereIsNone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	a, err := certs.NewACME(certs.ACMEOptions{Domains: []string{"a.example.com", "b.example.com"}, DirectoryURL: server.URL, Dir: t.TempDir()})
	require.NoError(t, err)
	_, err = a.Fetch(t.Context())
	require.ErrorContains(t, err, "no certificate for a.example.com: ")
	require.ErrorContains(t, err, "no certificate for b.example.com: ")

	// Whoever asks by another name is led nowhere, and proves nothing.
	answer := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://other.example.com:81/.well-known/acme-challenge/x", nil)
	a.HTTPHandler().ServeHTTP(answer, r)
	require.Equal(t, 403, answer.Code)
}

func TestTrustACME(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	system, err := certs.TrustACME(t.Context(), dir, "a.example.com")
	require.NoError(t, err, "nothing was fetched yet")
	cert, key := certtest.Make(t, time.Hour, "a.example.com")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.example.com"), append(key, cert...), 0o600))
	with, err := certs.TrustACME(t.Context(), dir, "a.example.com")
	require.NoError(t, err)
	require.False(t, with.Equal(system))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.example.com"), []byte("nonsense"), 0o600))
	ends, err := certs.ExpiresACME(t.Context(), dir, "a.example.com")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), ends, 48*time.Hour)
	ends, err = certs.ExpiresACME(t.Context(), dir, "c.example.com")
	require.NoError(t, err)
	require.Zero(t, ends)
	_, err = certs.ExpiresACME(t.Context(), dir, "b.example.com")
	require.ErrorContains(t, err, "cannot read the certificate of b.example.com")
	_, err = certs.TrustACME(t.Context(), dir, "b.example.com")
	require.ErrorContains(t, err, "b.example.com")
}
