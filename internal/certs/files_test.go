package certs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/certtest"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func serialOf(t *testing.T, f *certs.Files) string {
	t.Helper()
	c, err := f.Certificate(nil)
	require.NoError(t, err)
	return c.Leaf.SerialNumber.String()
}

func TestANewPairIsTakenOver(t *testing.T) {
	t.Parallel()
	files := certtest.New(t, time.Hour)
	f, err := certs.Open(files.Cert, files.Key)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), f.Expires(), time.Minute)
	first := serialOf(t, f)
	reload := func() error {
		_, err := f.Reload(t.Context())
		return err
	}
	require.NoError(t, reload())
	require.Equal(t, first, serialOf(t, f))

	files.Renew(2 * time.Hour)
	require.NoError(t, reload())
	second := serialOf(t, f)
	require.NotEqual(t, first, second)

	// What cannot be used leaves the old pair where it is, and says so each time.
	cert, key := certtest.Make(t, time.Hour)
	expired, itsKey := certtest.Make(t, -time.Hour)
	old, err := os.ReadFile(files.Key)
	require.NoError(t, err)
	for name, pair := range map[string][2][]byte{
		"half written": {cert, old}, "empty": {nil, nil}, "no PEM": {[]byte("x"), []byte("y")}, "swapped": {key, cert}, "expired": {expired, itsKey},
	} {
		files.Write(pair[0], pair[1])
		for range 2 {
			err := reload()
			require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), name)
			require.ErrorContains(t, err, files.Cert, name)
			require.NotContains(t, err.Error(), "\n")
		}
		require.Equal(t, second, serialOf(t, f), name)
	}
	require.NoError(t, os.Remove(files.Cert))
	require.ErrorContains(t, reload(), "cannot read the certificate "+files.Cert+": no such file or directory")

	// What is right again is taken over.
	files.Write(cert, key)
	require.NoError(t, reload())
	require.NotEqual(t, second, serialOf(t, f))
}

func TestAPairThatCannotBeUsedIsRefusedWithItsNames(t *testing.T) {
	t.Parallel()
	good, another, expired := certtest.New(t, time.Hour), certtest.New(t, time.Hour), certtest.New(t, -time.Hour)
	early := certtest.New(t, -time.Hour)
	huge := filepath.Join(t.TempDir(), "huge.pem")
	require.NoError(t, os.WriteFile(huge, []byte(strings.Repeat("x", 1<<20+1)), 0o600))
	for name, c := range map[string]struct{ cert, key, want string }{
		"mismatch": {good.Cert, another.Key, "the certificate " + good.Cert + " and the key " + another.Key + " cannot be used together: tls: private key does not match public key"},
		"no key":   {good.Cert, "/nowhere/key.pem", "cannot read the key /nowhere/key.pem: no such file or directory"},
		"a folder": {filepath.Dir(good.Cert), good.Key, "cannot read the certificate " + filepath.Dir(good.Cert) + ": is a directory"},
		"expired":  {expired.Cert, expired.Key, "the certificate " + expired.Cert + " expired on "},
		"too big":  {huge, good.Key, "cannot read the certificate " + huge + ": it is larger than 1048576 bytes"},
	} {
		_, err := certs.Open(c.cert, c.key)
		require.ErrorContains(t, err, c.want, name)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), name)
	}
	require.NoError(t, certs.ValidNow(good.Cert, time.Now()))
	require.ErrorContains(t, certs.ValidNow(good.Cert, time.Now().Add(-2*time.Hour)), "is not valid before")
	require.ErrorContains(t, certs.ValidNow(early.Cert, time.Now()), "expired")
}

func TestTrust(t *testing.T) {
	t.Parallel()
	files := certtest.New(t, time.Hour, "hooks.example.com")
	roots, name, err := certs.Trust(files.Cert)
	require.NoError(t, err)
	require.Equal(t, "localhost", name)
	require.True(t, roots.Equal(files.Pool()))

	_, _, err = certs.Trust(files.Key)
	require.ErrorContains(t, err, "there is no certificate in it")
	_, _, err = certs.Trust("/nowhere")
	require.ErrorContains(t, err, "cannot read the certificate /nowhere")
	broken := certtest.New(t, time.Hour)
	broken.Write([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), nil)
	_, _, err = certs.Trust(broken.Cert)
	require.ErrorContains(t, err, broken.Cert)
}
