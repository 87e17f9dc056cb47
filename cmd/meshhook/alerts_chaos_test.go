package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgembed"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

var alerts = flag.Int("alerts", 1000, "how many alerts TestAlertsSurvive has delivered")

const failing = "name: failing\nsteps:\n  - { id: end, terminate: { status: failed, message: \"it fails\" } }\n"

// Every failed run is told of, whatever befalls those who tell and those who are told:
// of all requests the receiver answers 30 % with 500, 5 % not in time, and breaks 5 %
// off; daemons are killed three times, and Postgres is stopped and started.
func TestAlertsSurvive(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	sink := newUnreliable(t)
	project := pgtest.Project(t, c.db)
	applied, err := project.Apply(t.Context(), "failing", "", meshhook.Version{Digest: strings.Repeat("0", 64), Source: failing})
	require.NoError(t, err)
	schedule := []meshhook.Duration{0}
	for wait := 50; len(schedule) < 20; wait = min(wait*3/2, 500) {
		schedule = append(schedule, meshhook.Duration(time.Duration(wait)*time.Millisecond))
	}
	// Four to each of many hosts: that circuits open where four of ten calls fail, and keep
	// what waits for minutes, is another matter.
	a := alert.WithDefaults(meshhook.Alert{
		ID: meshhook.NewID(), On: []meshhook.Condition{meshhook.OnFailed}, URL: "http://127.1.{{ .event.body.n / 1000 | floor }}.{{ .event.body.n / 4 % 250 + 1 | floor }}:" + sink.port + "/",
		Schedule: schedule, Timeout: meshhook.Duration(300 * time.Millisecond), Enabled: true,
	})
	_, err = alert.Compile(a)
	require.NoError(t, err)
	_, err = project.CreateAlert(t.Context(), a, alert.NewSecret(a.Signing))
	require.NoError(t, err)

	daemons := make([]*process, 2)
	for i := range daemons {
		daemons[i] = c.launch(t)
	}
	t.Cleanup(func() {
		for _, p := range daemons {
			p.kill()
		}
	})
	for i := range *alerts {
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: applied.Workflow.ID, Workflow: "failing", Version: 1, Input: fmt.Appendf(nil, `{"n": %d}`, i)}
		require.NoError(t, project.StartRun(t.Context(), run))
		sink.expect(run.ID.String())
		switch quarter := *alerts / 5; i {
		case quarter, 2 * quarter, 4 * quarter:
			sink.wait(rand.IntN(100)) //nolint:gosec // any moment will do
			n := i / quarter % 2
			daemons[n].kill()
			daemons[n] = c.launch(t)
		case 3 * quarter:
			sink.wait(rand.IntN(100)) //nolint:gosec // any moment will do
			c.restart(t)
		}
	}
	var list []meshhook.Delivery
	require.Eventually(t, func() bool {
		stats, _, err := project.AlertStats(t.Context(), time.Time{})
		return err == nil && stats.Counts[meshhook.DeliveryPending] == 0 &&
			stats.Counts[meshhook.DeliveryDelivered]+stats.Counts[meshhook.DeliveryExhausted] >= int64(*alerts)
	}, 10*patience, 250*time.Millisecond)
	list, err = project.Deliveries(t.Context(), meshhook.DeliveryFilter{})
	require.NoError(t, err)
	require.Len(t, list, *alerts)
	sink.require(t, list)
	stats, _, err := project.AlertStats(t.Context(), time.Time{})
	require.NoError(t, err)
	t.Logf("%d attempts; dispatch p50 %.1f ms, p95 %.1f ms, p99 %.1f ms; delivery p50 %.0f ms, p99 %.0f ms",
		stats.Attempts, *stats.Dispatch.P50, *stats.Dispatch.P95, *stats.Dispatch.P99, *stats.Delivery.P50, *stats.Delivery.P99)
}

// cluster is a Postgres of the test's own, which can be restarted.
type cluster struct {
	options pgembed.Options
	server  *pgembed.Server
	db      *postgres.DB
	env     []string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "meshhook-alerts-") //nolint:usetesting // a directory of t.TempDir is closed to the user that runs Postgres
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // the user that runs Postgres must get in
	c := &cluster{options: pgembed.Options{Dir: filepath.Join(dir, "postgres"), Settings: map[string]string{"fsync": "off"}}}
	c.server, err = pgembed.Start(t.Context(), c.options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.server.Stop(context.Background())) })
	c.db, err = postgres.Open(t.Context(), postgres.Options{DSN: c.server.DSN(), Name: "meshhook-test", MaxConns: 5})
	require.NoError(t, err)
	t.Cleanup(c.db.Close)
	_, err = c.db.Migrate(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.db.Unseal(t.Context(), pgtest.MasterKey(t)))
	c.env = append(os.Environ(), "MESHHOOK_DATABASE_URL="+c.server.DSN(), "MESHHOOK_MASTER_KEY="+pgtest.MasterKeyText, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8",
		"HOME="+t.TempDir(), "XDG_DATA_HOME=", "MESHHOOK_DATA_DIR="+t.TempDir())
	return c
}

func (c *cluster) launch(t *testing.T) *process {
	t.Helper()
	p, _, err := launch(c.env, t.TempDir())
	require.NoError(t, err)
	return p
}

// restart stops the server, and starts it.
func (c *cluster) restart(t *testing.T) {
	t.Helper()
	require.NoError(t, c.server.Stop(t.Context()))
	server, err := pgembed.Start(t.Context(), c.options)
	require.NoError(t, err)
	c.server = server
	require.Eventually(t, func() bool { _, err := c.db.Projects(t.Context()); return err == nil }, patience, 10*time.Millisecond)
}

// unreliable is a receiver that takes six of ten messages.
type unreliable struct {
	port string
	came chan struct{}
	mu   sync.Mutex
	runs map[string]map[string]int // how often each webhook-id of a run was taken
	// hosts is which of answers is the next, requests are all that came, by the answer.
	hosts    map[string]int
	requests map[string]int
}

func newUnreliable(t *testing.T) *unreliable {
	t.Helper()
	u := &unreliable{came: make(chan struct{}, 1_000_000), runs: map[string]map[string]int{}, hosts: map[string]int{}, requests: map[string]int{}}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "0.0.0.0:0")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(u)
	require.NoError(t, server.Listener.Close())
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	_, u.port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return u
}

func (u *unreliable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	u.came <- struct{}{}
	switch what := u.next(r.Host); what {
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
	case "time-out":
		<-r.Context().Done()
	case "reset":
		reset(w)
	default:
		u.take(r.Header.Get("Webhook-Id"), body)
	}
}

// answers are those to twenty requests in a row. They are mixed, so that circuits seldom
// open: what waits for one waits for half a minute, at the least.
var answers = strings.Fields(`500 200 500 200 200 500 200 time-out 200 200 500 200 500 200 200 500 200 reset 200 200`)

// next is what a host answers: each begins somewhere else.
func (u *unreliable) next(host string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	n, known := u.hosts[host]
	if !known {
		n = rand.IntN(len(answers)) //nolint:gosec // it is no secret
	}
	u.hosts[host] = n + 1
	what := answers[n%len(answers)]
	u.requests[what]++
	return what
}

// reset breaks the connection off.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (u *unreliable) take(id string, body []byte) {
	var message struct {
		Data struct{ Run struct{ ID string } }
	}
	if json.Unmarshal(body, &message) != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.runs[message.Data.Run.ID] == nil {
		u.runs[message.Data.Run.ID] = map[string]int{}
	}
	u.runs[message.Data.Run.ID][id]++
}

func (u *unreliable) expect(run string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.runs[run] == nil {
		u.runs[run] = map[string]int{}
	}
}

// wait waits for n more requests, but not for long.
func (u *unreliable) wait(n int) {
	late := time.After(2 * time.Second)
	for range n {
		select {
		case <-u.came:
		case <-late:
			return
		}
	}
}

// require checks that every run was told of, by one message, which is delivered.
func (u *unreliable) require(t *testing.T, list []meshhook.Delivery) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	again := 0
	for _, d := range list {
		require.Equal(t, meshhook.DeliveryDelivered, d.Status, "%s: %s", d.ID, d.Reason)
		taken := u.runs[d.RunID.String()]
		require.Len(t, taken, 1, "of run %s", d.RunID)
		require.Positive(t, taken[d.ID.String()])
		again += taken[d.ID.String()] - 1
	}
	require.Len(t, u.runs, len(list))
	t.Logf("%d alerts, each of one id; %d were taken more than once; requests: %v", len(list), again, u.requests)
}
