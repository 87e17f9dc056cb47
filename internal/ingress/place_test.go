package ingress_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/ingress"
	"github.com/profullstack/meshhook/internal/limit"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
)

// neighbor adds a webhook without any checks beside the house's own.
func (h *house) neighbor() {
	h.t.Helper()
	e := meshhook.Endpoint{
		ID: meshhook.NewID(), Path: "neighbor", WorkflowID: h.endpoint.WorkflowID, Enabled: true, Verification: meshhook.Verification{Scheme: "none"},
	}
	require.NoError(h.t, e.Validate())
	_, err := h.project.CreateEndpoint(h.t.Context(), e, meshhook.Secret{})
	require.NoError(h.t, err)
	h.refresh()
}

// neighborAnswers waits until the neighbor's requests are accepted.
func (h *house) neighborAnswers() {
	h.t.Helper()
	h.until(func() bool {
		r := h.request("{}")
		r.URL.Path = "/hooks/neighbor"
		return h.send(r).code == http.StatusAccepted
	})
}

// While the keys of one webhook do not come, those who wait for them take no places
// from the requests of others.
func TestKeysThatHangHoldNobodyUp(t *testing.T) {
	t.Parallel()
	set, key := jwks(t, "k1")
	let := make(chan struct{})
	h := buildWithSecret(t, "", func(e *meshhook.Endpoint) {
		e.Verification = meshhook.Verification{Scheme: "jwt", Algorithm: "ES256", JWKSURL: "https://keys.example.com", Issuer: "me"}
	}, func(o *ingress.Options) {
		o.MaxInFlight = 1
		o.Fetch = func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
			select {
			case <-let:
				return []byte(set), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	})
	h.neighbor()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": "me", "exp": time.Now().Add(time.Minute).Unix()})
	token.Header["kid"] = "k1"
	text, err := token.SignedString(key)
	require.NoError(t, err)
	ask := func() *http.Request {
		r := h.request("{}")
		r.Header.Set("Authorization", "Bearer "+text)
		return r
	}
	waiting := h.later(ask())
	h.until(func() bool { return h.handler.Fetching() == 1 })
	h.neighborAnswers()
	h.until(func() bool { return h.send(ask()).code == http.StatusServiceUnavailable }) // one too many to wait
	h.neighborAnswers()
	close(let)
	require.Equal(t, http.StatusAccepted, (<-waiting).code)
	require.Equal(t, http.StatusAccepted, h.send(ask()).code)
}

// While it is not known who counts a rate limit, those who wait for it take no places
// from the requests of others.
func TestALimitThatJoinsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	var alone, joining *limit.Store
	step := func(s *limit.Store) {
		_, err := s.Step(t.Context())
		require.NoError(t, err)
	}
	h := build(t, func(e *meshhook.Endpoint) { e.RateLimit = &meshhook.RateLimit{Limit: 9, Period: time.Hour} }, func(o *ingress.Options) {
		o.MaxInFlight = 1
		db, is := o.Store.(*postgres.DB)
		require.True(t, is)
		join := func() *limit.Store {
			id := meshhook.NewID()
			require.NoError(t, db.Beat(t.Context(), meshhook.Daemon{ID: id, Roles: []string{"ingress"}}))
			s := limit.New(limit.Options{Table: db, Daemon: id, Patience: time.Minute})
			step(s)
			return s
		}
		alone, joining = join(), join()
		o.Counters = joining
	})
	h.neighbor()
	waiting := h.later(h.request("{}"))
	h.until(func() bool { return h.handler.Counting() == 1 })
	h.neighborAnswers()
	require.Equal(t, http.StatusServiceUnavailable, h.send(h.request("{}")).code, "one too many to wait")
	step(alone)
	step(joining)
	got := <-waiting
	require.Equal(t, http.StatusAccepted, got.code)
	require.Equal(t, "8", got.header.Get("X-RateLimit-Remaining"))
}
