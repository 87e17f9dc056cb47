package postgres_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// full is an endpoint with every field set.
func (h house) full(path string) meshhook.Endpoint {
	return meshhook.Endpoint{
		ID: meshhook.NewID(), ProjectID: h.project.ID(), Path: path, WorkflowID: h.workflow.ID, Workflow: h.workflow.Name,
		Description: "all of it", Enabled: true,
		Verification: meshhook.Verification{
			Scheme: "hmac", Header: "X-Sig", Prefix: "sha256=", Algorithm: "sha512", Encoding: "base64", Template: "{timestamp}.{body}",
			TimestampHeader: "X-Time", IDHeader: "X-Id", Tolerance: meshhook.Duration(5 * time.Minute),
		},
		RateLimit: &meshhook.RateLimit{Limit: 5, Period: 15 * time.Minute},
		Schema:    json.RawMessage(`{"type": "object", "a": 1, "a": 2}`), // as it was given
		Dedup:     ".event.id", DedupWindow: meshhook.Duration(90 * time.Second), Filter: ".event.ok", Methods: []string{"POST", "PUT"},
		AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		MaxBody:    4096,
		Response:   &meshhook.Response{Status: 201, Headers: map[string]string{"X-Thanks": "yes"}, Body: map[string]any{"ok": true}},
	}
}

func TestEndpointLifecycle(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)

	want := h.full("full")
	made, err := h.project.CreateEndpoint(ctx, want, meshhook.Secret{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)
	want.CreatedAt, want.UpdatedAt = made.CreatedAt, made.CreatedAt
	require.Equal(t, want, made)

	for _, pathOrID := range []string{"full", want.ID.String()} {
		found, secrets, err := h.project.Endpoint(ctx, pathOrID)
		require.NoError(t, err)
		require.Equal(t, want, found)
		require.Empty(t, secrets)
	}
	list, err := h.project.Endpoints(ctx)
	require.NoError(t, err)
	require.Equal(t, []meshhook.Endpoint{want, h.endpoint}, list)

	// All that can be set can be unset.
	plain := meshhook.Endpoint{ID: want.ID, Path: "plain/again", WorkflowID: h.workflow.ID, Verification: meshhook.Verification{Scheme: "none"}}
	require.NoError(t, plain.Validate())
	changed, err := pgtest.Update(ctx, h.project, plain)
	require.NoError(t, err)
	require.True(t, changed.UpdatedAt.After(made.UpdatedAt))
	plain.ProjectID, plain.Workflow, plain.CreatedAt, plain.UpdatedAt = h.project.ID(), "orders", made.CreatedAt, changed.UpdatedAt
	require.Equal(t, plain, changed)

	require.NoError(t, h.project.DeleteEndpoint(ctx, "plain/again"))
	require.NoError(t, h.project.DeleteEndpoint(ctx, h.endpoint.ID.String()))
	list, err = h.project.Endpoints(ctx)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestEndpointsThatAreNotThere(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	const message = `there is no webhook "nope"; 'meshhook webhook list' shows those there are`
	_, _, err := h.project.Endpoint(ctx, "nope")
	require.EqualError(t, err, message)
	requireCode(t, meshhook.CodeNotFound, err)
	err = h.project.DeleteEndpoint(ctx, "nope")
	require.EqualError(t, err, message)
	requireCode(t, meshhook.CodeNotFound, err)
	err = h.project.RotateEndpointSecret(ctx, "nope", meshhook.NewSecret("x"), 0)
	require.EqualError(t, err, message)
	_, err = h.project.ChangeEndpoint(ctx, "nope", nil)
	require.EqualError(t, err, message)

	// A webhook must name a workflow that is there, and the error says that.
	lost := h.full("lost")
	lost.WorkflowID = meshhook.NewID()
	_, err = h.project.CreateEndpoint(ctx, lost, meshhook.Secret{})
	requireCode(t, meshhook.CodeNotFound, err)
	require.ErrorContains(t, err, "there is no workflow")
	lost.ID = h.endpoint.ID
	_, err = pgtest.Update(ctx, h.project, lost)
	require.ErrorContains(t, err, "there is no workflow")
}

func TestAPathBelongsToOneWebhook(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	_, err := h.project.CreateEndpoint(ctx, h.full(h.endpoint.Path), meshhook.Secret{})
	requireCode(t, meshhook.CodeConflict, err)
	require.EqualError(t, err, "this path is taken by another webhook; choose another, or change that one with 'meshhook webhook update'")

	second, err := h.project.CreateEndpoint(ctx, h.full("second"), meshhook.NewSecret("s"))
	require.NoError(t, err)
	second.Path = h.endpoint.Path
	_, err = pgtest.Update(ctx, h.project, second)
	requireCode(t, meshhook.CodeConflict, err)
	unchanged, _, err := h.project.Endpoint(ctx, "second")
	require.NoError(t, err)
	require.Equal(t, second.ID, unchanged.ID)
}

// liveSecrets are the values that verify requests of h.endpoint, newest first.
func liveSecrets(t *testing.T, h house) []string {
	t.Helper()
	list, err := h.db.LiveEndpoints(t.Context())
	require.NoError(t, err)
	var values []string
	for _, live := range list {
		if live.Endpoint.ID == h.endpoint.ID {
			for _, s := range live.Secrets {
				require.True(t, s.ActiveAt(time.Now()))
				values = append(values, s.Value.Reveal())
			}
		}
	}
	return values
}

func TestRotateEndpointSecret(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	rotate := func(value string, grace time.Duration) {
		t.Helper()
		require.NoError(t, h.project.RotateEndpointSecret(ctx, h.endpoint.ID.String(), meshhook.NewSecret(value), grace))
	}
	require.Equal(t, []string{"hush"}, liveSecrets(t, h))
	rotate("second", time.Hour)
	require.Equal(t, []string{"second", "hush"}, liveSecrets(t, h))
	rotate("third", 24*time.Hour)
	require.Equal(t, []string{"third", "second", "hush"}, liveSecrets(t, h))

	_, secrets, err := h.project.Endpoint(ctx, h.endpoint.Path)
	require.NoError(t, err)
	require.Len(t, secrets, 3)
	now := time.Now()
	for i, s := range secrets {
		require.Equal(t, meshhook.EndpointSecret{ID: s.ID, EndpointID: h.endpoint.ID, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt}, s, "without its value")
		switch i {
		case 0: // a later rotation does not lengthen the grace
			require.WithinDuration(t, now.Add(time.Hour), *s.ExpiresAt, time.Minute)
		case 1:
			require.WithinDuration(t, now.Add(24*time.Hour), *s.ExpiresAt, time.Minute)
		case 2:
			require.Nil(t, s.ExpiresAt)
		}
	}

	rotate("fourth", 0)
	require.Equal(t, []string{"fourth"}, liveSecrets(t, h))
}

func TestLiveEndpoints(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	other := h.neighbour(t)
	_, err := other.project.Apply(ctx, "orders", "", meshhook.Version{Digest: "d2", Source: "# two"})
	require.NoError(t, err)

	list, err := h.db.LiveEndpoints(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2)
	byPath := map[string]meshhook.LiveEndpoint{}
	for _, live := range list {
		byPath[live.Endpoint.Path] = live
	}
	for path, want := range map[string]struct {
		endpoint meshhook.Endpoint
		version  int
	}{"shop/orders": {h.endpoint, 1}, "acme/orders": {other.endpoint, 2}} {
		live := byPath[path]
		require.Equal(t, want.endpoint, live.Endpoint)
		require.Equal(t, want.version, live.Version, "new runs take the newest version")
		require.Len(t, live.Secrets, 1)
		s := live.Secrets[0]
		require.Equal(t, meshhook.EndpointSecret{ID: s.ID, EndpointID: want.endpoint.ID, Value: meshhook.NewSecret("hush"), CreatedAt: s.CreatedAt}, s)
		require.Equal(t, time.UTC, s.CreatedAt.Location())
	}
}

func TestADisabledEndpointIsLive(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	h := furnish(t, db, pgtest.Project(t, db), "shop/orders")
	h.endpoint.Enabled = false
	_, err := pgtest.Update(t.Context(), h.project, h.endpoint)
	require.NoError(t, err)
	list, err := h.db.LiveEndpoints(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.False(t, list[0].Endpoint.Enabled, "ingress answers that it is disabled, not that it is not there")
}

// An argument takes a path or an id, and a path may look like another's id.
func TestAnIDComesBeforeAPathThatLooksLikeIt(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	id := h.endpoint.ID.String()
	twin, err := h.project.CreateEndpoint(ctx, h.full(id), meshhook.Secret{})
	require.NoError(t, err)
	require.Equal(t, id, twin.Path)
	found, _, err := h.project.Endpoint(ctx, id)
	require.NoError(t, err)
	require.Equal(t, h.endpoint, found)
	require.NoError(t, h.project.DeleteEndpoint(ctx, id))
	left, err := h.project.Endpoints(ctx)
	require.NoError(t, err)
	require.Equal(t, []meshhook.Endpoint{twin}, left)
}

// A webhook that is made while all of them are read is not seen without its secret:
// it would refuse what it is sent.
func TestLiveEndpointsAreReadAsOfOneMoment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	maker := h.systemTx(t)
	_, err := maker.Exec(t.Context(), `LOCK TABLE webhook_endpoints IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	read := make(chan []meshhook.LiveEndpoint, 1)
	failed := make(chan error, 1)
	go func() {
		live, err := h.db.LiveEndpoints(context.Background())
		failed <- err
		read <- live
	}()
	require.Eventually(t, func() bool {
		return rows[bool](t, h, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'webhook_endpoints'::regclass
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)[0]
	}, patience, time.Millisecond)
	late := meshhook.NewID()
	for _, sql := range []string{
		`INSERT INTO webhook_endpoints SELECT (jsonb_populate_record(e, jsonb_build_object('id', $1::uuid, 'url_path', 'late'))).* FROM webhook_endpoints e`,
		`INSERT INTO endpoint_secrets SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'endpoint_id', $1::uuid))).* FROM endpoint_secrets s`,
	} {
		_, err := maker.Exec(t.Context(), sql, late)
		require.NoError(t, err)
	}
	require.NoError(t, maker.Commit(t.Context()))
	require.NoError(t, <-failed)
	for _, live := range <-read {
		require.True(t, len(live.Secrets) > 0 || live.Unreadable != nil, live.Endpoint.Path)
	}
}
