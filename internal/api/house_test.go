package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/workflow"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// house is a daemon that serves, a look past it at its database, and a token of
// each role.
type house struct {
	daemon  *daemon.Daemon
	stop    func() error
	dsn     string
	db      *postgres.DB
	project *postgres.Tenant
	tokens  map[meshhook.Role]string
	hello   meshhook.Workflow
}

const helloSource = "name: hello\ndescription: Says it\nsteps:\n  - id: a\n    transform: .event.body\n"

func newHouse(t *testing.T, environment ...string) house {
	t.Helper()
	dsn := pgtest.URL(t)
	c, err := config.Load(config.Options{Dir: t.TempDir(), Home: t.TempDir(), Env: append(environment, []string{
		"MESHHOOK_DATABASE_URL=" + dsn, "MESHHOOK_MASTER_KEY=" + pgtest.MasterKeyText, "MESHHOOK_SHUTDOWN_GRACE=10s",
		"MESHHOOK_LISTEN=127.0.0.1:0", "MESHHOOK_ADMIN_LISTEN=127.0.0.1:0", "MESHHOOK_TRUSTED_PROXIES=127.0.0.0/8",
		"MESHHOOK_PUBLIC_URL=https://hooks.example.com",
	}...)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	d, err := daemon.New(ctx, daemon.Options{Config: c, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		cancel()
		require.NoError(t, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	h := house{daemon: d, dsn: dsn, db: pgtest.Open(t, dsn), tokens: map[meshhook.Role]string{}}
	var stopped bool
	h.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { require.NoError(t, h.stop()) })
	h.project = pgtest.Project(t, h.db)
	for _, role := range meshhook.Roles() {
		h.tokens[role] = newToken(t, h.project, string(role), role, nil)
	}
	h.hello = applyHello(t, h.project)
	return h
}

func newToken(t *testing.T, project *postgres.Tenant, name string, role meshhook.Role, until *time.Time) string {
	t.Helper()
	text := meshhook.NewToken()
	digest, _ := meshhook.TokenDigest(text)
	_, err := project.CreateToken(t.Context(), meshhook.Token{ID: meshhook.NewID(), Name: name, Role: role, ExpiresAt: until}, digest[:])
	require.NoError(t, err)
	return text.Reveal()
}

func applyHello(t *testing.T, project *postgres.Tenant) meshhook.Workflow {
	t.Helper()
	definition, err := workflow.Parse("hello", []byte(helloSource))
	require.NoError(t, err)
	applied, err := project.Apply(t.Context(), "hello", "Says it", meshhook.Version{Digest: definition.Digest(), Source: helloSource})
	require.NoError(t, err)
	return applied.Workflow
}

// reply is an answer of the API, taken apart.
type reply struct {
	status int
	header http.Header
	text   string
	Status string          `json:"status"`
	Data   json.RawMessage `json:"data"`
	Next   *string         `json:"next_cursor"`
	Error  struct {
		Code    meshhook.Code      `json:"code"`
		Message string             `json:"message"`
		Details []meshhook.Problem `json:"details"`
	} `json:"error"`
}

// strangers numbers addresses: each request comes from one of its own, so that
// failures of one test do not hold up another one's.
var strangers atomic.Uint32

// as sends a request with the token; "" sends none. Change may change it.
func (h house) as(t *testing.T, token, method, path, body string, change ...func(*http.Request)) reply {
	t.Helper()
	n := strangers.Add(1)
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.daemon.Addr("admin")+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-Forwarded-For", "198.18."+itoa(n>>8&0xff)+"."+itoa(n&0xff))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, fn := range change {
		fn(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		return reply{status: answer.StatusCode, header: answer.Header}
	}
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	re := reply{status: answer.StatusCode, header: answer.Header, text: string(text)}
	if method != http.MethodHead {
		require.NoError(t, json.Unmarshal(text, &re), "%s %s: %s", method, path, text)
	}
	return re
}

func itoa(n uint32) string {
	text, _ := json.Marshal(n)
	return string(text)
}

// admin asks with the token that may do everything.
func (h house) admin(t *testing.T, method, path, body string, change ...func(*http.Request)) reply {
	t.Helper()
	return h.as(t, h.tokens[meshhook.RoleAdmin], method, path, body, change...)
}

// want asks as admin and wants a status; it returns the data as a map.
func (h house) want(t *testing.T, status int, method, path, body string) map[string]any {
	t.Helper()
	re := h.admin(t, method, path, body)
	require.Equal(t, status, re.status, "%s %s: %s", method, path, re.text)
	require.Equal(t, "success", re.Status)
	var data map[string]any
	require.NoError(t, json.Unmarshal(re.Data, &data))
	return data
}

// as is what JSON holds at some place, which must be of that type.
func as[T any](t *testing.T, v any) T {
	t.Helper()
	value, is := v.(T)
	require.True(t, is, "%T: %v", v, v)
	return value
}

// refused asks as admin and wants an error; it returns the whole answer.
func (h house) refused(t *testing.T, status int, code meshhook.Code, method, path, body string) reply {
	t.Helper()
	re := h.admin(t, method, path, body)
	require.Equal(t, status, re.status, "%s %s %s: %s", method, path, body, re.text)
	requireError(t, code, re)
	return re
}

// requireError wants the one shape of errors.
func requireError(t *testing.T, code meshhook.Code, re reply) {
	t.Helper()
	require.Equal(t, "application/json", re.header.Get("Content-Type"), re.text)
	require.Equal(t, "nosniff", re.header.Get("X-Content-Type-Options"))
	require.Equal(t, "error", re.Status)
	require.Equal(t, code, re.Error.Code, re.text)
	require.NotEmpty(t, re.Error.Message)
	require.Empty(t, re.Data)
	var whole map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(re.text), &whole))
	require.Len(t, whole, 2, "nothing but status and error: %s", re.text)
}

// list asks as admin for a list.
func (h house) list(t *testing.T, path string) (items []map[string]any, next string) {
	t.Helper()
	re := h.admin(t, http.MethodGet, path, "")
	require.Equal(t, http.StatusOK, re.status, re.text)
	require.NoError(t, json.Unmarshal(re.Data, &items))
	require.Contains(t, re.text, `"next_cursor":`)
	require.NotContains(t, re.text, `"data":null`)
	if re.Next != nil {
		next = *re.Next
	}
	return items, next
}

// pages reads a list page by page and returns one field of each item.
func (h house) pages(t *testing.T, path, field string) (values []any, pages int) {
	t.Helper()
	cursor := ""
	for {
		items, next := h.list(t, path+cursor)
		pages++
		for _, item := range items {
			values = append(values, item[field])
		}
		if next == "" {
			return values, pages
		}
		cursor = "&cursor=" + next
		require.Less(t, pages, 100, "the pages have no end")
	}
}
