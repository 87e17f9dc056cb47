package daemon_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/daemon"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// A test has the rights of one project, and says what of it cannot be sent.
func TestATestOfAWebhook(t *testing.T) {
	t.Parallel()
	dsn := pgtest.URL(t)
	furnish(t, dsn, "orders")
	d, _ := start(t, settings(t, dsn))
	c := settings(t, dsn)
	db, err := daemon.OpenDatabase(t.Context(), c, daemon.OpenOptions{Version: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close(t.Context())) })
	e, _, err := pgtest.Project(t, pgtest.Open(t, dsn)).Endpoint(t.Context(), "orders")
	require.NoError(t, err)

	test := daemon.Test{Config: c, Listen: d.Addr("ingress"), Endpoint: e, Version: "test"}
	tested, err := db.SendTest(t.Context(), test)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, tested.Status)
	require.Contains(t, tested.Body, `"status":"accepted"`)

	for name, value := range map[string]string{"X Y": "1", "X-Y": "a\nb", "Connection": "close"} {
		test.Header = http.Header{name: {value}}
		_, err = db.SendTest(t.Context(), test)
		require.Equal(t, meshhook.CodeInvalid, meshhook.ErrorCode(err), "%v", err)
		require.ErrorContains(t, err, "the test cannot be sent: ")
		require.NotContains(t, err.Error(), "start one")
	}

	test.Header, test.Endpoint.ProjectID = nil, meshhook.NewID()
	_, err = db.SendTest(t.Context(), test)
	require.Equal(t, meshhook.CodeNotFound, meshhook.ErrorCode(err), "%v", err)
}
