package delivery_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/profullstack/meshhook/internal/alert"
	"github.com/profullstack/meshhook/internal/delivery"
	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/loop"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 20 * time.Second
	lease    = 15 * time.Second
)

// house is a project with a workflow, and a connection behind its back.
type house struct {
	db       *postgres.DB
	project  *postgres.Tenant
	workflow meshhook.Workflow
	raw      *pgx.Conn
	url      string
	owner    meshhook.ID
}

func newHouse(t *testing.T) *house {
	t.Helper()
	url := pgtest.URL(t)
	h := &house{db: pgtest.Open(t, url), url: url, owner: meshhook.NewID()}
	h.project = pgtest.Project(t, h.db)
	applied, err := h.project.Apply(t.Context(), "pay", "", meshhook.Version{Digest: "0", Source: "name: pay"})
	require.NoError(t, err)
	h.workflow = applied.Workflow
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	_, err = conn.Exec(t.Context(), `SELECT set_config('meshhook.system', 'on', false)`)
	require.NoError(t, err)
	h.raw = conn
	return h
}

// alert makes an alert about all workflows.
func (h *house) alert(t *testing.T, url string, change func(*meshhook.Alert), on ...meshhook.Condition) (meshhook.Alert, meshhook.Secret) {
	t.Helper()
	a := alert.WithDefaults(meshhook.Alert{ID: meshhook.NewID(), On: on, URL: url, Enabled: true})
	if change != nil {
		change(&a)
	}
	_, err := alert.Compile(a)
	require.NoError(t, err)
	secret := alert.NewSecret(a.Signing)
	a, err = h.project.CreateAlert(t.Context(), a, secret)
	require.NoError(t, err)
	return a, secret
}

// run starts a run and has it end, as an engine would.
func (h *house) run(t *testing.T, status meshhook.RunStatus) meshhook.ID {
	t.Helper()
	id := h.begin(t)
	h.end(t, id, status)
	return id
}

func (h *house) begin(t *testing.T) meshhook.ID {
	t.Helper()
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: h.workflow.ID, Workflow: h.workflow.Name, Version: 1}
	require.NoError(t, h.project.StartRun(t.Context(), run))
	return run.ID
}

func (h *house) end(t *testing.T, id meshhook.ID, status meshhook.RunStatus) {
	t.Helper()
	claims, err := h.db.ClaimRuns(t.Context(), h.owner, 100, lease)
	require.NoError(t, err)
	for _, c := range claims {
		if c.Run.ID != id {
			continue
		}
		m := meshhook.RunMove{RunID: id, ProjectID: c.Run.ProjectID, Fence: c.Fence, Status: status, FinishedAt: c.Now, Output: json.RawMessage(`{"n":1}`)}
		if status == meshhook.RunFailed {
			m.Error = &meshhook.Failure{Reason: meshhook.FailedHTTPStatus, Message: "the answer was 500", Step: "charge"}
		}
		require.NoError(t, h.db.Move(t.Context(), m))
		return
	}
	require.Fail(t, "the run is not there to be claimed")
}

// stage makes a stage that may call this machine and works only when told.
func (h *house) stage(t *testing.T, store delivery.Store) *delivery.Stage {
	t.Helper()
	client, err := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	s := delivery.New(delivery.Options{Store: store, Owner: meshhook.NewID(), Egress: client, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

// settle claims until nothing is pending that is due.
func (h *house) settle(t *testing.T, s *delivery.Stage) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := s.Claim(t.Context())
		require.NoError(t, err)
		var due int
		require.NoError(t, h.raw.QueryRow(t.Context(), `SELECT count(*) FROM deliveries WHERE status = 'pending' AND (next_at IS NULL OR next_at <= clock_timestamp())`).Scan(&due))
		return due == 0
	}, patience, 5*time.Millisecond)
}

// loop has the stage claim whenever its bell rings, until the function returned is called.
func (h *house) loop(t *testing.T, s *delivery.Stage) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &loop.Loop{Name: "alerts", Bell: s.Bell().C(), Every: time.Minute, Work: s.Claim}
	var ended sync.WaitGroup
	ended.Go(func() { _ = l.Run(ctx) })
	return func() {
		cancel()
		ended.Wait()
	}
}

// one is the only delivery there is.
func (h *house) one(t *testing.T) meshhook.Delivery {
	t.Helper()
	list, err := h.project.Deliveries(t.Context(), meshhook.DeliveryFilter{Limit: 100})
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}

// hit is a request as it came.
type hit struct {
	Path   string
	Header http.Header
	Body   []byte
}

// receiver keeps what it was sent, and answers as it is told.
type receiver struct {
	url  string
	mu   sync.Mutex
	hits []hit
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *receiver {
	t.Helper()
	rec := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		rec.mu.Lock()
		rec.hits = append(rec.hits, hit{r.URL.Path, r.Header, body})
		n := len(rec.hits)
		rec.mu.Unlock()
		if answer != nil {
			answer(w, r, n)
		}
	}))
	t.Cleanup(server.Close)
	rec.url = server.URL
	return rec
}

func (r *receiver) all() []hit {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]hit(nil), r.hits...)
}
