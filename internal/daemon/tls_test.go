package daemon_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/certtest"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// secured is a daemon with a certificate, and the files of that.
func secured(t *testing.T, environment ...string) (*daemon.Daemon, certtest.Files) {
	t.Helper()
	dsn, files := pgtest.URL(t), certtest.New(t, time.Hour)
	furnish(t, dsn, "open")
	d, _ := start(t, settings(t, dsn, append(environment, "MESHHOOK_TLS_CERT_FILE="+files.Cert, "MESHHOOK_TLS_KEY_FILE="+files.Key)...))
	return d, files
}

// client trusts the certificate that is in the files now.
func client(t *testing.T, files certtest.Files) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: files.Pool()}, ForceAttemptHTTP2: true}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func postTLS(c *http.Client, d *daemon.Daemon) (status int, protocol string, err error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://"+d.Addr("ingress")+"/hooks/open", strings.NewReader("{}"))
	if err != nil {
		return 0, "", err
	}
	answer, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Proto, errors.Join(err, answer.Body.Close())
}

// A body that never ends is cut off over HTTP/2, too.
func TestSlowStreamsAreCutOff(t *testing.T) {
	t.Parallel()
	d, files := secured(t, "MESHHOOK_INGRESS_READ_TIMEOUT=300ms")
	reader, writer := io.Pipe()
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+d.Addr("ingress")+"/hooks/open", reader)
	require.NoError(t, err)
	answer, err := client(t, files).Do(r)
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", answer.Proto)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	require.NoError(t, answer.Body.Close())
}

func TestTheListenerSpeaksTLS(t *testing.T) {
	t.Parallel()
	d, files := secured(t)
	status, protocol, err := postTLS(client(t, files), d)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, "HTTP/2.0", protocol)

	status, _ = get(t, d.Addr("admin"), "/livez")
	require.Equal(t, http.StatusOK, status, "the admin listener stays as it is")
	_, text := get(t, d.Addr("admin"), "/metrics")
	require.Contains(t, text, "meshhook_certificate_expiry_timestamp_seconds")
	require.Equal(t, http.StatusBadRequest, post(t, d.Addr("ingress"), "/hooks/open"), "plain HTTP is told so")

	for version, fits := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: files.Pool(), MinVersion: version, MaxVersion: version}}
		conn, err := dialer.DialContext(t.Context(), "tcp", d.Addr("ingress"))
		require.Equal(t, fits, err == nil, "TLS %x: %v", version, err)
		if conn != nil {
			require.NoError(t, conn.Close())
		}
	}
}

// A connection of HTTP/2 without streams is idle, and makes room for another one.
func TestIdleHTTP2MakesRoom(t *testing.T) {
	t.Parallel()
	d, files := secured(t, "MESHHOOK_INGRESS_MAX_CONNECTIONS=1")
	for range 3 {
		c := client(t, files)
		c.Timeout = 15 * time.Second
		status, protocol, err := postTLS(c, d)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, status)
		require.Equal(t, "HTTP/2.0", protocol)
	}
}

// HTTP/2 is bounded by what the server says of itself, and is not spoken in clear.
func TestHTTP2HasItsLimits(t *testing.T) {
	t.Parallel()
	d, files := secured(t)
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: files.Pool(), NextProtos: []string{"h2"}}}
	conn, err := dialer.DialContext(t.Context(), "tcp", d.Addr("ingress"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00") // and empty SETTINGS
	require.NoError(t, err)
	frame := make([]byte, 9)
	_, err = io.ReadFull(conn, frame)
	require.NoError(t, err)
	require.Equal(t, byte(4), frame[3], "SETTINGS come first")
	settings := make([]byte, int(frame[1])<<8|int(frame[2]))
	_, err = io.ReadFull(conn, settings)
	require.NoError(t, err)
	said := map[uint16]uint32{}
	for ; len(settings) >= 6; settings = settings[6:] {
		said[binary.BigEndian.Uint16(settings)] = binary.BigEndian.Uint32(settings[2:])
	}
	require.Equal(t, uint32(100), said[3], "MAX_CONCURRENT_STREAMS")
	require.InDelta(t, 64<<10, said[6], 1<<10, "MAX_HEADER_LIST_SIZE")

	plain, _ := wired(t)
	w := dial(t, plain)
	w.send("%s", preface)
	require.NotContains(t, w.ended(), "\x04")
}

// A new pair is taken over while the daemon runs, on SIGHUP or a little later. What
// is open stays open, and a pair that cannot be used changes nothing.
func TestANewCertificateNeedsNoRestart(t *testing.T) {
	t.Parallel()
	d, files := secured(t)
	before, fresh := client(t, files), client(t, files)
	status, _, err := postTLS(before, d)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, status)

	hangup := func() {
		self, err := os.FindProcess(os.Getpid())
		require.NoError(t, err)
		require.NoError(t, self.Signal(syscall.SIGHUP)) // the daemon above listens to it
	}
	old, err := os.ReadFile(files.Key)
	require.NoError(t, err)
	cert, key := certtest.Make(t, time.Hour)
	files.Write(cert, old)
	hangup()
	require.Eventually(t, func() bool {
		_, text := get(t, d.Addr("admin"), "/metrics")
		return strings.Contains(text, `meshhook_loop_failures_total{loop="certificate"}`) && !strings.Contains(text, `{loop="certificate"} 0`)
	}, 10*time.Second, 50*time.Millisecond)
	require.NoError(t, os.WriteFile(files.Key, key, 0o600))
	hangup()
	after := client(t, files)
	require.Eventually(t, func() bool {
		status, _, err := postTLS(after, d)
		return err == nil && status == http.StatusAccepted
	}, 10*time.Second, 50*time.Millisecond)
	status, _, err = postTLS(before, d)
	require.NoError(t, err, "on the connection of before")
	require.Equal(t, http.StatusAccepted, status)
	_, _, err = postTLS(fresh, d)
	require.ErrorContains(t, err, "certificate")
}

func TestACertificateThatCannotBeUsedStopsTheStart(t *testing.T) {
	t.Parallel()
	files := certtest.New(t, -time.Hour)
	c := settings(t, "host=/nowhere", "MESHHOOK_TLS_CERT_FILE="+files.Cert, "MESHHOOK_TLS_KEY_FILE="+files.Key)
	_, err := daemon.New(t.Context(), daemon.Options{Config: c, Log: slog.New(slog.DiscardHandler)})
	require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err))
	require.ErrorContains(t, err, files.Cert+" expired on")
}
