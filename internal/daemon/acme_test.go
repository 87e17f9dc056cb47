package daemon_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/certs"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/pgtest"
)

const domain = "hooks.example.com"

// authority is Pebble, the ACME server that Let's Encrypt tests clients with. It
// answers once it knows the ports on which it is to ask for proofs.
type authority struct {
	*httptest.Server
	t     *testing.T
	ready chan struct{}
	front http.Handler
	roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, ready: make(chan struct{}), roots: x509.NewCertPool()}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-a.ready
		a.front.ServeHTTP(w, r)
	}))
	t.Cleanup(a.Close)
	// The library of the challenges asks by the default client. Nobody else does at
	// this time: the test does not run in parallel.
	transport, is := http.DefaultTransport.(*http.Transport)
	require.True(t, is)
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate())
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		transport.TLSClientConfig = nil
	})
	return a
}

// open tells the authority where to ask.
func (a *authority) open(httpPort, tlsPort int) {
	a.t.Helper()
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "of the test"}})
	validation := va.New(quiet, httpPort, tlsPort, false, nameServer(a.t), store)
	front := wfe.New(quiet, store, validation, issuer, []string{"ca.example"}, false, false, 0, 0)
	a.front = front.Handler()
	a.roots.AddCert(issuer.GetRootCert(0).Cert)
	close(a.ready)
}

// nameServer says of every name that it is this machine.
func nameServer(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}
			answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(answer) // the authority asks again, or fails the test
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return listener.Addr().String()
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return n
}

// A daemon that has nothing but a name gets a certificate, by either challenge.
func TestACertificateIsFetchedByACME(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	for name, c := range map[string]struct {
		listen string
		ports  func(*daemon.Daemon) (httpPort, tlsPort int)
	}{
		"TLS-ALPN-01": {"none", func(d *daemon.Daemon) (int, int) { return 1, portOf(t, d.Addr("ingress")) }},
		"HTTP-01":     {"127.0.0.1:0", func(d *daemon.Daemon) (int, int) { return portOf(t, d.Addr("acme")), 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			a, dsn, dir := newAuthority(t), pgtest.URL(t), t.TempDir()
			furnish(t, dsn, "open")
			d, _ := start(t, settings(t, dsn, "MESHHOOK_DATA_DIR="+dir, "MESHHOOK_TLS_ACME_DOMAINS="+domain, "MESHHOOK_TLS_ACME_ACCEPT_TERMS=true",
				"MESHHOOK_TLS_ACME_EMAIL=ops@example.com", "MESHHOOK_TLS_ACME_DIRECTORY_URL="+a.URL+wfe.DirectoryPath, "MESHHOOK_TLS_ACME_HTTP_LISTEN="+c.listen))
			a.open(c.ports(d))

			// Nobody has called yet: the daemon fetches it by itself.
			require.Eventually(t, func() bool {
				_, err := os.Stat(filepath.Join(dir, "acme", domain))
				return err == nil
			}, 30*time.Second, 20*time.Millisecond)
			info, err := os.Stat(filepath.Join(dir, "acme"))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

			trusting := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: a.roots, ServerName: domain}}}
			t.Cleanup(trusting.CloseIdleConnections)
			status, protocol, err := postTLS(trusting, d)
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, status)
			require.Equal(t, "HTTP/2.0", protocol)

			// A command on this machine trusts the certificate itself.
			roots, err := certs.TrustACME(t.Context(), filepath.Join(dir, "acme"), domain)
			require.NoError(t, err)
			command := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: domain}}}
			t.Cleanup(command.CloseIdleConnections)
			_, _, err = postTLS(command, d)
			require.NoError(t, err)

			stranger := tls.Dialer{Config: &tls.Config{RootCAs: a.roots, ServerName: "other.example.com"}}
			_, err = stranger.DialContext(t.Context(), "tcp", d.Addr("ingress"))
			require.Error(t, err, "nothing is fetched for names that are not ours")
			if c.listen != "none" {
				redirects(t, d.Addr("acme"))
			}
		})
	}
}

// redirects checks that the listener of the challenges leads everybody else to https.
func redirects(t *testing.T, address string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+address+"/hooks/open", http.NoBody)
	require.NoError(t, err)
	r.Host = domain
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusFound, answer.StatusCode)
	require.Equal(t, "https://"+domain+"/hooks/open", answer.Header.Get("Location"))
}
