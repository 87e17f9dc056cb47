package daemon_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

// forbidden are hosts, in all the spellings by which somebody could lead MeshHook to
// this machine, to its network, or to what hands out the cloud's credentials.
var forbidden = []string{
	"127.0.0.1", "127.255.255.254", "localhost", "LOCALHOST", "[::1]", "[::]", "0.0.0.0", // this machine
	"10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd00:ec2::254]", // private
	"169.254.169.254", "[fe80::1]", // link-local, and with it the cloud's metadata
	"[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", // IPv4 in IPv6
	"2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "127.0.0.1.", "2852039166", // numbers
	"①②⑦.⓪.⓪.①", "127。0。0。1", // digits and dots of Unicode
	"224.0.0.1", "255.255.255.255",
}

// caller is a daemon whose three ways out can be tried.
type caller struct {
	daemon  *daemon.Daemon
	project *postgres.Tenant
	tried   int
	token   string
}

func newCaller(t *testing.T, allow string) *caller {
	t.Helper()
	dsn := pgtest.URL(t)
	c := &caller{project: pgtest.Project(t, pgtest.Open(t, dsn))}
	c.daemon, _ = start(t, settings(t, dsn, "MESHHOOK_NETWORK_ALLOW="+allow))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": "me", "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = "k1"
	c.token, err = token.SignedString(key)
	require.NoError(t, err)
	return c
}

// alert sends an alert to the URL, and returns what became of it and why.
func (c *caller) alert(t *testing.T, url string) (meshhook.DeliveryReason, string) {
	t.Helper()
	a := alert.WithDefaults(meshhook.Alert{ID: meshhook.NewID(), On: []meshhook.Condition{meshhook.OnFailed}, URL: url, Enabled: true})
	_, err := c.project.CreateAlert(t.Context(), a, alert.NewSecret(a.Signing))
	require.NoError(t, err)
	id, err := c.project.SampleDelivery(t.Context(), a.ID)
	require.NoError(t, err)
	var d meshhook.Delivery
	require.Eventually(t, func() bool {
		d, err = c.project.Delivery(t.Context(), id)
		require.NoError(t, err)
		return d.Status != meshhook.DeliveryPending
	}, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, meshhook.DeliveryExhausted, d.Status, url)
	attempts, err := c.project.Attempts(t.Context(), meshhook.AttemptFilter{Delivery: id, Limit: 1})
	require.NoError(t, err)
	if len(attempts) == 0 { // it was not even a URL
		return d.Reason, ""
	}
	return d.Reason, attempts[0].Error
}

// step calls the URL from a workflow.
func (c *caller) step(t *testing.T, url string) *meshhook.Failure {
	t.Helper()
	c.tried++
	name := fmt.Sprintf("w%d", c.tried)
	applied, err := c.project.Apply(t.Context(), name, "", meshhook.Version{
		Digest: name, Source: fmt.Sprintf("name: %s\nsteps:\n  - id: a\n    http: { url: %q, retry: { attempts: 1 } }\n", name, url),
	})
	require.NoError(t, err)
	id := meshhook.NewID()
	require.NoError(t, c.project.StartRun(t.Context(), meshhook.Run{ID: id, WorkflowID: applied.Workflow.ID, Workflow: name, Version: 1}))
	var run meshhook.Run
	require.Eventually(t, func() bool {
		run, err = c.project.Run(t.Context(), id)
		require.NoError(t, err)
		return run.Status.Ended()
	}, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, meshhook.RunFailed, run.Status, url)
	return run.Error
}

// keys has a webhook fetch its keys from the URL, and returns why that failed.
func (c *caller) keys(t *testing.T, url string) string {
	t.Helper()
	c.tried++
	applied, err := c.project.Apply(t.Context(), "w", "", meshhook.Version{Digest: "w", Source: "name: w\nsteps:\n  - id: a\n    transform: \"1\"\n"})
	require.NoError(t, err)
	e := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: fmt.Sprintf("jwt%d", c.tried), WorkflowID: applied.Workflow.ID, Enabled: true,
		Verification: meshhook.Verification{Scheme: "jwt", Algorithm: "ES256", JWKSURL: url, Issuer: "me"},
	}
	require.NoError(t, e.Validate())
	_, err = c.project.CreateEndpoint(t.Context(), e, meshhook.Secret{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.daemon.Addr("ingress")+"/hooks/"+e.Path, strings.NewReader("{}"))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+c.token)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.NotEqual(t, http.StatusAccepted, answer.StatusCode)
		return answer.StatusCode != http.StatusNotFound // the webhook is known
	}, 20*time.Second, 5*time.Millisecond)
	events, err := c.project.Events(t.Context(), meshhook.EventFilter{Webhook: e.Path, Limit: 1})
	require.NoError(t, err)
	require.Len(t, events, 1)
	event, err := c.project.Event(t.Context(), events[0].ID)
	require.NoError(t, err)
	return event.Reason + " " + string(event.Findings)
}

// trap is a port of this machine on which nobody may call.
func trap(t *testing.T, address string, handler http.Handler) (port string, calls *atomic.Int32) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	calls = &atomic.Int32{}
	server := httptest.NewUnstartedServer(handler)
	require.NoError(t, server.Listener.Close())
	server.Listener = counting{listener, calls}
	server.Start()
	t.Cleanup(server.Close)
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port, calls
}

type counting struct {
	net.Listener
	calls *atomic.Int32
}

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.calls.Add(1)
	}
	return conn, err
}

// None of the three ways out of a daemon leads to an address that network.allow does not
// name: not one packet arrives.
func TestNobodyIsLedToForbiddenAddresses(t *testing.T) {
	t.Parallel()
	port, calls := trap(t, ":0", http.NotFoundHandler())
	c := newCaller(t, "")
	for _, host := range forbidden {
		reason, text := c.alert(t, "http://"+host+":"+port+"/")
		require.Equal(t, meshhook.DeliveryRefused, reason, "%s: %s", host, text)
		failure := c.step(t, "http://"+host+":"+port+"/")
		require.Equal(t, meshhook.FailedRefused, failure.Reason, "%s: %s", host, failure.Message)
		require.Regexp(t, "private or special address|not an address in its usual spelling", c.keys(t, "https://"+host+":"+port+"/"), host)
	}
	require.Zero(t, calls.Load())
}

// What may be called redirects to what may not: nobody follows.
func TestRedirectsToForbiddenAddressesAreNotFollowed(t *testing.T) {
	t.Parallel()
	forbiddenPort, calls := trap(t, "127.0.0.2:0", http.NotFoundHandler())
	for _, to := range []string{"http://127.0.0.2:" + forbiddenPort + "/", "http://169.254.169.254/latest/meta-data/"} {
		redirector := http.RedirectHandler(to, http.StatusTemporaryRedirect)
		port, asked := trap(t, "127.0.0.1:0", redirector)
		c := newCaller(t, "127.0.0.1/32")
		reason, text := c.alert(t, "http://127.0.0.1:"+port+"/")
		require.Equal(t, meshhook.DeliveryHTTPStatus, reason, text)
		require.Equal(t, meshhook.FailedHTTPStatus, c.step(t, "http://127.0.0.1:"+port+"/").Reason)
		require.Positive(t, asked.Load())
		// And what network.allow does not name beside it is refused.
		reason, _ = c.alert(t, "http://127.0.0.2:"+forbiddenPort+"/")
		require.Equal(t, meshhook.DeliveryRefused, reason)
	}
	require.Zero(t, calls.Load())
}
