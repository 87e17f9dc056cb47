package postgres_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// Every change of every kind is written down, with who made it, and no secret is.
func TestEveryChangeIsAudited(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	const secret = "never-to-be-seen"
	ann := h.project.As("cli:ann@host")
	last := func() meshhook.AuditEntry {
		t.Helper()
		list, err := h.project.AuditLog(ctx, meshhook.AuditFilter{Limit: 1})
		require.NoError(t, err)
		return list[0]
	}
	in := h.intake("", "{}")
	in.Event.Status, in.Event.Code, in.Run = meshhook.EventRejected, meshhook.CodeInvalidSignature, nil
	h.record(t, in)
	run := meshhook.Run{ID: meshhook.NewID(), WorkflowID: h.workflow.ID, Workflow: "orders", Version: 1, EventID: &in.Event.ID, Webhook: h.endpoint.Path}
	accepted := h.intake("", "{}")
	h.record(t, accepted)
	again, promoted, byHand := run, run, run
	again.ID, promoted.ID, byHand.ID = meshhook.NewID(), meshhook.NewID(), meshhook.NewID()
	again.EventID, byHand.EventID = &accepted.Event.ID, nil
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	endpoint := h.full("all")
	set := func(e meshhook.Endpoint, change func(*meshhook.Endpoint)) func() error {
		return func() error {
			_, err := ann.ChangeEndpoint(ctx, e.Path, func(e *meshhook.Endpoint) error { change(e); return nil })
			return err
		}
	}
	for _, c := range []struct {
		action, target, detail string
		do                     func() error
	}{
		{
			"webhook.created", "all", `{"changed": {"description": {"new": "all of it"}, "workflow": {"new": "orders"}, "enabled": {"new": true}}}`,
			func() error { _, err := ann.CreateEndpoint(ctx, endpoint, meshhook.NewSecret(secret)); return err },
		},
		{
			"webhook.updated", "all", `{"changed": {"filter": {"old": ".event.ok"}, "max_body_bytes": {"old": 4096, "new": 9}, "rate_limit": {"old": {"type": "simple", "value": "5/15m"}}}}`,
			set(endpoint, func(e *meshhook.Endpoint) { e.Filter, e.MaxBody, e.RateLimit = "", 9, nil }),
		},
		{"webhook.disabled", "all", `{"changed": {"enabled": {"old": true, "new": false}}}`, set(endpoint, func(e *meshhook.Endpoint) { e.Enabled = false })},
		{"webhook.enabled", "all", `{"changed": {"enabled": {"old": false, "new": true}}}`, set(endpoint, func(e *meshhook.Endpoint) { e.Enabled = true })},
		{
			"webhook.updated", "all", `{"changed": {"description": {"old": "all of it", "new": "…"}}}`,
			set(endpoint, func(e *meshhook.Endpoint) { e.Description = strings.Repeat("x", 2000) }),
		},
		{
			"webhook.secret-rotated", "all", `{"grace": "1h0m0s"}`,
			func() error { return ann.RotateEndpointSecret(ctx, "all", meshhook.NewSecret(secret), time.Hour) },
		},
		{"webhook.deleted", "all", `{"workflow": "orders"}`, func() error { return ann.DeleteEndpoint(ctx, "all") }},
		{
			"workflow.applied", "two", `{"version": 1, "created": true}`,
			func() error { _, err := ann.Apply(ctx, "two", "", meshhook.Version{Digest: "a"}); return err },
		},
		{"workflow.deleted", "two", `{"version": 1}`, func() error { return ann.DeleteWorkflow(ctx, "two") }},
		{"secret.set", "crm", `{"created": true}`, func() error { _, err := ann.SetSecret(ctx, "crm", meshhook.NewSecret(secret)); return err }},
		{"secret.set", "crm", `{"created": false}`, func() error { _, err := ann.SetSecret(ctx, "crm", meshhook.NewSecret(secret)); return err }},
		{"secret.deleted", "crm", ``, func() error { return ann.DeleteSecret(ctx, "crm") }},
		{"token.created", "robot", `{"role": "admin", "expires_at": null}`, func() error {
			_, err := ann.CreateToken(ctx, meshhook.Token{ID: meshhook.NewID(), Name: "robot", Role: meshhook.RoleAdmin}, []byte(secret))
			return err
		}},
		{"token.revoked", "robot", `{"role": "admin"}`, func() error { _, err := ann.RevokeToken(ctx, "robot"); return err }},
		{
			"event.replayed", in.Event.ID.String(), `{"force": true, "rejected": "invalid_signature", "webhook": "shop/orders", "workflow": "orders", "version": 1, "run_id": "` + run.ID.String() + `"}`,
			func() error { return ann.ForceRun(ctx, run, in.Event.Code) },
		},
		{
			"event.replayed", accepted.Event.ID.String(), `{"webhook": "shop/orders", "workflow": "orders", "version": 1, "run_id": "` + again.ID.String() + `"}`,
			func() error { return ann.StartRun(ctx, again) },
		},
		{
			"event.replayed", in.Event.ID.String(), `{"webhook": "shop/orders", "workflow": "orders", "version": 1, "run_id": "` + promoted.ID.String() + `"}`,
			func() error { return ann.Promote(ctx, promoted, meshhook.Promotion{}) },
		},
		{
			"event.replayed", "shop/orders", `{"events": 7, "status": "rejected", "code": "invalid_json", "since": "2026-01-02T03:04:05.000Z",
				"until": "2026-01-03T03:04:05.000Z", "cursor": "` + run.ID.String() + `", "workflow": "other", "version": 3, "force": true}`,
			func() error {
				many, err := ann.ReplayMany(ctx, meshhook.EventFilter{
					Webhook: "shop/orders", Status: meshhook.EventRejected, Code: "invalid_json", After: run.ID, Since: since, Until: since.Add(24 * time.Hour),
				}, meshhook.Replay{Workflow: "other", Version: 3, Force: true}, 7)
				if err != nil {
					return err
				}
				// Which is the one entry of them all.
				replay := again
				replay.ID = meshhook.NewID()
				return many.StartRun(ctx, replay)
			},
		},
		{"run.started", byHand.ID.String(), `{"workflow": "orders", "version": 1}`, func() error { return ann.StartRun(ctx, byHand) }},
		{"run.canceled", run.ID.String(), ``, func() error { _, err := ann.CancelRun(ctx, run.ID); return err }},
		{"run.retried", run.ID.String(), `{}`, func() error { _, err := ann.RetryRun(ctx, run.ID, ""); return err }},
	} {
		before := last().ID
		require.NoError(t, c.do(), c.action)
		entry := last()
		require.NotEqual(t, before, entry.ID, "%s was not written down", c.action)
		require.WithinDuration(t, time.Now(), entry.At, time.Minute)
		require.Equal(t, meshhook.AuditEntry{
			ID: entry.ID, At: entry.At, Actor: "cli:ann@host", Action: c.action, Target: c.target, Detail: entry.Detail,
		}, entry)
		if c.action == "webhook.created" {
			requirePart(t, c.detail, entry.Detail)
		} else if c.detail != "" && c.detail != "{}" {
			require.JSONEq(t, c.detail, string(entry.Detail), c.action)
		} else {
			require.Empty(t, entry.Detail)
		}
	}
	for _, detail := range rows[string](t, h, `SELECT a::text FROM audit_log a`) {
		require.NotContains(t, detail, secret)
	}
	acme, err := h.db.CreateProject(ctx, "acme", "cli:ann@host")
	require.NoError(t, err)
	list, err := h.db.Tenant(acme.ID).AuditLog(ctx, meshhook.AuditFilter{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "project.created", list[0].Action)
}

// requirePart compares the fields that part names.
func requirePart(t *testing.T, part string, whole json.RawMessage) {
	t.Helper()
	var want, have struct{ Changed map[string]any }
	require.NoError(t, json.Unmarshal([]byte(part), &want))
	require.NoError(t, json.Unmarshal(whole, &have))
	for name, value := range want.Changed {
		require.Equal(t, value, have.Changed[name], name)
	}
	for _, name := range []string{"id", "created_at", "updated_at", "workflow_id"} {
		require.NotContains(t, have.Changed, name)
	}
}

// A change that fails leaves no entry, and one that changes nothing none either.
func TestWhatDoesNotHappenIsNotAudited(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	count := func() int { return len(rows[string](t, h, `SELECT action FROM audit_log`)) }
	before := count()
	_, err := pgtest.Update(ctx, h.project, h.endpoint)
	require.NoError(t, err)
	_, err = h.project.Apply(ctx, "orders", "", meshhook.Version{Digest: "d1"})
	require.NoError(t, err)
	refused := errors.New("refused")
	_, err = h.project.ChangeEndpoint(ctx, h.endpoint.Path, func(e *meshhook.Endpoint) error { e.Path = "x"; return refused })
	require.ErrorIs(t, err, refused)
	other := h.full("other")
	_, err = h.project.CreateEndpoint(ctx, other, meshhook.Secret{})
	require.NoError(t, err)
	_, err = h.project.ChangeEndpoint(ctx, "other", func(e *meshhook.Endpoint) error { e.Path = h.endpoint.Path; return nil })
	requireCode(t, meshhook.CodeConflict, err)
	requireCode(t, meshhook.CodeConflict, h.project.DeleteWorkflow(ctx, "orders"))
	require.Equal(t, before+1, count(), "the webhook that was created, and nothing else")
}

func TestAuditLogIsNarrowedAndPaged(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	for i, name := range []string{"a", "b", "c"} {
		_, err := h.project.As(meshhook.Actor("cli:"+name)).SetSecret(ctx, name, meshhook.NewSecret("x"))
		require.NoError(t, err, i)
	}
	list := func(f meshhook.AuditFilter) (targets []string) {
		t.Helper()
		entries, err := h.project.AuditLog(ctx, f)
		require.NoError(t, err)
		for _, e := range entries {
			targets = append(targets, e.Target)
		}
		return targets
	}
	require.Equal(t, []string{"c", "b", "a"}, list(meshhook.AuditFilter{Action: "secret.set"}))
	require.Equal(t, []string{"b"}, list(meshhook.AuditFilter{Actor: "cli:b"}))
	require.Equal(t, []string{"shop/orders", "orders"}, list(meshhook.AuditFilter{Actor: "meshhook"}), "what nobody asked for")
	require.Empty(t, list(meshhook.AuditFilter{Since: time.Now().Add(time.Minute)}))
	first, err := h.project.AuditLog(ctx, meshhook.AuditFilter{Limit: 2})
	require.NoError(t, err)
	require.Len(t, first, 2)
	require.Equal(t, []string{"a", "shop/orders"}, list(meshhook.AuditFilter{Before: first[1].ID, Limit: 2}))
}

// A change of the endpoint waits for another one, and sees what it made.
func TestChangesOfAWebhookComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	const changes = 16
	errs := make(chan error, changes)
	for range changes {
		go func() {
			_, err := h.project.ChangeEndpoint(ctx, h.endpoint.Path, func(e *meshhook.Endpoint) error { e.Description += "x"; return nil })
			errs <- err
		}()
	}
	for range changes {
		require.NoError(t, <-errs)
	}
	e, _, err := h.project.Endpoint(ctx, h.endpoint.Path)
	require.NoError(t, err)
	require.Len(t, e.Description, changes, "none was lost")
}

// No statement of the product changes or deletes what the audit log says.
func TestTheAuditLogIsOnlyEverAddedTo(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	changing := regexp.MustCompile(`(?i)(update|delete\s+from|truncate|merge\s+into)\s+(table\s+|only\s+)*audit_log`)
	require.Regexp(t, changing, "DELETE FROM audit_log", "the law must be able to bite")
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotRegexp(t, changing, string(source), name)
	}
}
