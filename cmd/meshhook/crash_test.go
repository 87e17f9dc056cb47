package main

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

var kills = flag.Int("kills", 25, "how many times TestCrashes kills a daemon")

// crashed is the workflow of TestCrashes: six steps, of most kinds.
const crashed = `
name: crashed
steps:
  - { id: shape, transform: "{n: .event.body.n, two: [1, 2]}" }
  - { id: first, http: { url: "SINK/first", body: "{{ .steps.shape.n }}" } }
  - id: kind
    branch:
      - when: .steps.shape.n % 2 == 0
        steps: [{ id: even, http: { url: "SINK/even" } }]
      - else: [{ id: odd, delay: { for: 20ms } }]
  - id: each
    foreach:
      in: .steps.shape.two
      concurrency: 2
      steps: [{ id: send, http: { url: "SINK/{{ .item }}", retry: { initial: 10ms } } }]
  - { id: last, http: { url: "SINK/last" } }
  - { id: end, terminate: { output: "{{ .steps.shape.n }}" } }
`

// Daemons that are killed at random moments under load lose no run, leave none
// stuck, end none twice, and do no recorded step again.
func TestCrashes(t *testing.T) {
	t.Parallel()
	const runs = 500
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	project := pgtest.Project(t, db)
	c := newCalls(t)
	applied, err := project.Apply(t.Context(), "crashed", "", meshhook.Version{Digest: strings.Repeat("0", 64), Source: strings.ReplaceAll(crashed, "SINK", c.url)})
	require.NoError(t, err)
	env := append(os.Environ(), "MESHHOOK_DATABASE_URL="+url, "MESHHOOK_MASTER_KEY="+pgtest.MasterKeyText, "MESHHOOK_NETWORK_ALLOW=127.0.0.0/8",
		"HOME="+t.TempDir(), "XDG_DATA_HOME=", "MESHHOOK_DATA_DIR="+t.TempDir())
	daemons := make([]*process, 2)
	for i := range daemons {
		daemons[i], _, err = launch(env, t.TempDir())
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		for _, p := range daemons {
			p.kill()
		}
	})

	for i := range runs {
		run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: applied.Workflow.ID, Workflow: "crashed", Version: 1, Input: fmt.Appendf(nil, `{"n": %d}`, i)}
		require.NoError(t, project.StartRun(t.Context(), run))
		if done := i * *kills / runs; done < (i+1)**kills/runs {
			c.wait(rand.IntN(4 * runs / *kills)) //nolint:gosec // any moment will do
			daemons[done%2].kill()
			daemons[done%2], _, err = launch(env, t.TempDir())
			require.NoError(t, err)
		}
	}
	requireAllEnded(t, project, runs)
	requireNothingTwice(t, url, c)
}

// requireAllEnded waits until every run has succeeded.
func requireAllEnded(t *testing.T, project *postgres.Tenant, runs int) {
	t.Helper()
	var last map[meshhook.RunStatus]int64
	require.Eventually(t, func() bool {
		status, err := project.Status(t.Context())
		last = status.Runs
		return err == nil && last[meshhook.RunSucceeded]+last[meshhook.RunFailed] == int64(runs)
	}, 3*patience, 100*time.Millisecond, "%v", &last)
	require.Equal(t, map[meshhook.RunStatus]int64{meshhook.RunSucceeded: int64(runs)}, last)
}

// requireNothingTwice reads what the journal and the receiver say of each step.
func requireNothingTwice(t *testing.T, url string, c *calls) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), `SELECT set_config('meshhook.system', 'on', false)`)
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), `SELECT run_id::text, step, kind FROM journal WHERE run_id IS NOT NULL ORDER BY xact, id`)
	require.NoError(t, err)
	begun, ended := map[string]int{}, map[string]int{}
	var run, step, kind string
	_, err = pgx.ForEachRow(rows, []any{&run, &step, &kind}, func() error {
		key := run + "/" + step
		switch kind {
		case "step.started":
			require.Zero(t, ended[key], "%s began after its end", key)
			begun[key]++
		case "step.succeeded", "run.succeeded":
			ended[key]++
		}
		return nil
	})
	require.NoError(t, err)
	for key, n := range ended {
		require.Equal(t, 1, n, "%s ended more than once", key)
	}
	again := 0
	for key, n := range c.counts() {
		require.LessOrEqual(t, n, begun[key], "%s went out before it was recorded", key)
		require.Equal(t, 1, ended[key], "%s went out and has no end", key)
		again += n - 1
	}
	t.Logf("%d calls of %d were under way at a kill and made again", again, len(c.counts()))
}

// calls is a receiver that counts requests by their key.
type calls struct {
	url  string
	came chan struct{}
	mu   sync.Mutex
	keys map[string]int
}

func newCalls(t *testing.T) *calls {
	t.Helper()
	c := &calls{came: make(chan struct{}, 1_000_000), keys: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // its caller died
		}
		c.mu.Lock()
		c.keys[r.Header.Get("Idempotency-Key")]++
		c.mu.Unlock()
		c.came <- struct{}{}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// wait waits for n more calls, but not for long: all that is left to do may be in
// the hands of a dead daemon.
func (c *calls) wait(n int) {
	late := time.After(2 * time.Second)
	for range n {
		select {
		case <-c.came:
		case <-late:
			return
		}
	}
}

func (c *calls) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys
}
