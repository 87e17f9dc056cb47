package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// asking starts a run that waits for approvals.
func (h *house) asking(t *testing.T, name string, steps ...string) (id string) {
	t.Helper()
	source := "name: " + name + "\\nsteps:\\n"
	for _, step := range steps {
		source += "  - {id: " + step + ", needs: [], approval: {message: Well}}\\n"
	}
	h.want(t, 201, "POST", "/api/workflows", `{"source":"`+source+`"}`)
	id = as[string](t, h.want(t, 201, "POST", "/api/workflows/"+name+"/runs", "")["id"])
	require.Eventually(t, func() bool {
		return h.want(t, 200, "GET", "/api/runs/"+id, "")["status"] == "waiting"
	}, 20*time.Second, 10*time.Millisecond)
	return id
}

func TestApprovals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.asking(t, "one", "signoff"), h.asking(t, "two", "first", "second")
	items, _ := h.list(t, "/api/runs?waiting_for=approval")
	require.Len(t, items, 2)
	items, _ = h.list(t, "/api/runs?waiting_for=delay")
	require.Empty(t, items)
	require.Equal(t, 400, h.admin(t, "GET", "/api/runs?waiting_for=godot", "").status)

	for _, verb := range []string{"approve", "reject"} {
		h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/runs/"+meshhook.NewID().String()+"/"+verb, "")
		h.refused(t, 404, meshhook.CodeNotFound, "POST", "/api/runs/x/"+verb, "")
		h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/runs/"+two+"/"+verb, "")
		h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/runs/"+two+"/"+verb, `{"step":"third"}`)
		h.refused(t, 422, meshhook.CodeInvalid, "POST", "/api/runs/"+one+"/"+verb, `{"note":"`+strings.Repeat("x", meshhook.MaxNote+1)+`"}`)
	}
	run := h.want(t, 200, "POST", "/api/runs/"+two+"/reject", `{"step":"second","note":"no\u0000"}`)
	decision := as[map[string]any](t, as[map[string]any](t, as[[]any](t, run["steps"])[1])["decision"])
	require.Equal(t, false, decision["approved"])
	require.Equal(t, "no\x00", decision["note"])
	require.Contains(t, decision["by"], "token:")
	h.refused(t, 409, meshhook.CodeConflict, "POST", "/api/runs/"+two+"/approve", `{"step":"second"}`)
	h.want(t, 200, "POST", "/api/runs/"+one+"/approve", "")
}
